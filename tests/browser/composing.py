"""What the tests of writing mail share: an office with mail, and hands for the windows."""

from __future__ import annotations

import re
import time
from email.message import EmailMessage
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import DESK, PASSWORD, BrowserCase, Office
from tests.browser.sample_mail import week
from tests.fakes.jmap import Jmap
from tests.fakes.site import DOMAIN


def html_mail() -> bytes:
    """Make a formatted mail to several people, with a file and a picture in the text."""
    mail = EmailMessage()
    mail["From"], mail["Reply-To"] = "Mara Lind <mara@customer.example>", "office@customer.example"
    mail["To"] = f"alice@{DOMAIN}, Carla Ruiz <carla@{DOMAIN}>"
    mail["Cc"] = "tomas@customer.example"
    mail["Subject"], mail["Date"] = "AW: Planks", "Mon, 23 Nov 2026 12:00:00 +0100"
    mail["Message-ID"], mail["References"] = "<planks@customer.example>", "<first@customer.example>"
    mail.set_content("Twelve planks, please.")
    mail.add_alternative(
        "<html><body><p>Twelve <b>planks</b>, please. <img src='cid:plank' alt='a plank'></p>"
        "<p><a href='mailto:order@customer.example?subject=Order%207'>Order</a></p>"
        "<script>document.title = 'changed'</script></body></html>", subtype="html"
    )  # fmt: skip
    gif = bytes.fromhex("47494638396101000100800000ff0000ffffff21f90401000000002c")
    gif += bytes.fromhex("00000000010001000002024401003b")
    formatted = mail.get_payload()[1]  # type: ignore[index]
    formatted.add_related(gif, "image", "gif", cid="<plank>")  # type: ignore[union-attr]
    plan = b"%PDF-1.4 plan"
    mail.add_attachment(plan, maintype="application", subtype="pdf", filename="plan.pdf")
    return mail.as_bytes()


def with_mail() -> Office:
    """Start an office whose Alice has mail."""
    office = Office()
    office.collect("alice", *week()[:4], html_mail())
    return office


class ComposeCase(BrowserCase):
    make_office = staticmethod(with_mail)

    def start(self, size: tuple[int, int] = DESK, name: str = "alice", **context: Any) -> Page:
        page = self.window(size, **context).sign_in(name)
        expect(
            page.get_by_role("grid").or_(page.get_by_text("Your inbox is empty"))
        ).to_be_visible()
        return page

    def window_of(self, page: Page, title: str = "New message") -> Locator:
        return page.get_by_role("dialog", name=title, exact=True)

    def write(self, page: Page, to: str, subject: str, text: str) -> Locator:
        """Begin a message by key; gives its window."""
        page.keyboard.press("c")
        window = self.window_of(page)
        expect(window.get_by_role("textbox", name="Text")).to_be_visible()
        field = window.get_by_role("combobox", name="To")
        expect(field).to_be_focused()
        self.recipient(page, field, to)
        window.get_by_label("Subject").fill(subject)
        window = self.window_of(page, subject or "New message")
        window.get_by_role("textbox", name="Text").click()
        page.keyboard.type(text)
        return window

    def recipient(self, page: Page, field: Locator, whom: str) -> None:
        """Enter one: a colleague by the name, somebody else by the address."""
        field.fill(whom)
        if "@" not in whom:
            expect(page.locator(".people-option").first).to_be_visible()
        field.press("Enter")

    def saved(self, window: Locator) -> None:
        """Wait until the draft is on the server."""
        expect(window.get_by_text("Saved", exact=True)).to_be_visible()

    def undo_within(self, seconds: int) -> None:
        """Change how long mail waits before it goes: a busy machine needs time to undo."""
        text = self.site.config.read_text()
        changed = re.sub(r"(?m)^#? ?undo_seconds = .*", f"undo_seconds = {seconds}", text)
        self.site.config.write_text(changed)
        self.assertEqual(self.site.call("reload")["needs_restart"], [])

    def kept(self, name: str, words: str) -> dict[str, Any]:
        """Wait until somebody's only draft holds these words; gives it."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            [draft] = self.mails(name, "drafts", "preview", "keywords")
            if words in draft["preview"]:
                return draft
            time.sleep(0.1)
        raise AssertionError(f"the draft says {draft['preview']}")

    def jmap(self, name: str) -> Jmap:
        return Jmap(self.site, f"{name}@{DOMAIN}", PASSWORD)

    def mails(self, name: str, role: str, *properties: str) -> list[dict[str, Any]]:
        """Read somebody's folder."""
        jmap = self.jmap(name)
        [boxes] = jmap.call(("Mailbox/get", {"ids": None}))
        box = next(each["id"] for each in boxes["list"] if each["role"] == role)
        [_, found] = jmap.call(
            ("Email/query", {"filter": {"inMailbox": box}}),
            ("Email/get", {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"},
                           "properties": ["subject", *properties], "fetchAllBodyValues": True}),
        )  # fmt: skip
        listed = found["list"]
        assert isinstance(listed, list)
        return listed
