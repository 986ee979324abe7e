"""Mail of an office's week, for screenshots and tests of the whole page."""

from __future__ import annotations

from email.message import EmailMessage

_TEXTS = (
    ("Mara Lind <mara@customer.example>", "Offer for the new shelves",
     "Hello Alice,\n\nthank you for the quick answer. We would take twelve shelves, 2 m, oak.\n"
     "Could you send the offer until Friday?\n\n> 12 shelves, 2 m, oak or ash\n\n"
     "Thank you\nMara\n\n-- \nMara Lind, Purchasing\n+47 555 0134\n"),
    ("Jörg Weiß <joerg@lieferant.example>", "Lieferung kommt am Dienstag – grün oder blau?",
     "Guten Tag,\n\ndie Lieferung kommt am Dienstag zwischen 8 und 10 Uhr. Sollen die Türen grün"
     " oder blau sein?\n\nMit freundlichen Grüßen\nJörg Weiß\nhttps://lieferant.example/auftrag/17"),
    ("Support <support@provider.example>", "Your invoice 2026-11", "See attachment.\n"),
    ("יעל כהן <yael@partner.example>", "שאלה לגבי ההזמנה",
     "שלום,\n\nמתי תגיע ההזמנה?\n\nתודה,\nיעל\n"),
    ("Sam Okafor <sam@studio.example>", "Photos of the shop window 📷",
     "Hi, here are the photos from Monday. I like the third one best.\n\nSam\n"),
    ("Harbour Coffee <hello@harbour-coffee.example>", "20 % off until Sunday", "Only this week.\n"),
    ("Lena Fischer <lena@steuer.example>", "Unterlagen für das vierte Quartal",
     "Liebe Frau Berg,\n\nbitte schicken Sie mir die Belege bis zum 10. Dezember.\n"),
    ("Tomás Silva <tomas@logistics.example>", "Re: Pickup on Thursday",
     "Thursday 14:00 works. The driver is called Ana.\n"),
    ("Building Management <office@haus.example>", "Lift out of order on Wednesday",
     "The lift is maintained on Wednesday from 9 to 12.\n"),
    ("Priya Nair <priya@customer.example>", "Thank you!",
     "The desk arrived and it is beautiful. Thank you all!\n"),
    ("Conference Desk <desk@fair.example>", "Your stand at the spring fair: B 14",
     "Your stand is B 14 in hall 3. Set-up begins on the 3rd.\n"),
    ("Old Friend <friend@post.example>", "Lunch?", "Are you in town this week?\n"),
)  # fmt: skip

_HTML = """<html><body style="font-family:sans-serif">
<table width="100%"><tr><td style="background:#5b3a21;color:#fff;padding:24px">
<h1 style="margin:0">Harbour Coffee</h1></td></tr>
<tr><td style="padding:24px"><h2>20 % off until Sunday</h2>
<p>Fresh from the roastery: <b>Harbour Blend</b> and <b>Night Shift</b>.</p>
<p><a href="https://harbour-coffee.example/shop" style="background:#c96;color:#000;
padding:10px 18px;border-radius:6px;text-decoration:none">To the shop</a></p>
<img src="https://harbour-coffee.example/beans.jpg" width="560" height="200" alt="Beans">
</td></tr></table></body></html>"""


def week() -> list[bytes]:
    """Give the mails, the newest last."""
    mails = []
    for number, (sender, subject, text) in enumerate(reversed(_TEXTS)):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, "alice@provider.example", subject
        mail["Date"] = f"Mon, 23 Nov 2026 {7 + number // 4:02d}:{number * 4 % 60:02d}:00 +0100"
        mail["Message-ID"] = f"<week-{number}@provider.example>"
        mail.set_content(text)
        if "Coffee" in sender:
            mail.add_alternative(_HTML, subtype="html")
        if "invoice" in subject:
            mail.add_attachment(b"%PDF-1.4 " * 9000, "application", "pdf", filename="Invoice.pdf")
        mails.append(mail.as_bytes())
    return mails
