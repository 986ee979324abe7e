"""A real Dovecot → MultiPOP → JMAP, read by plain HTTP as another client would, and by jmapc."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from unittest import mock

import jmapc
from jmapc.methods import EmailGet, EmailQuery, MailboxGet, MailboxQuery
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.dovecot import Dovecot, sample_mail
from tests.fakes.jmap import Jmap
from tests.fakes.shared import shared
from tests.fakes.site import DOMAIN, RunningSite

PASSWORD = "correct horse battery"
OUTSIDE = "outside password"


def site() -> RunningSite:
    """Start the site these tests share."""
    return RunningSite({"admin": PASSWORD})


def dovecot() -> Dovecot:
    """Start a Dovecot with a box for each test."""
    return Dovecot({name: OUTSIDE for name in BOXES})


BOXES = (
    "tls",
    "stls",
    "delete",
    "wrong",
    "untrusted",
    "large",
    "hostile",
    "later",
    "page",
    "jmapc",
)


def mail(subject: str, body: str = "text\n") -> bytes:
    """Make a plain mail with CRLF."""
    message = EmailMessage()
    message["From"] = "Mara Lind <mara@customer.example>"
    message["To"] = "office@provider.example"
    message["Subject"] = subject
    message["Date"] = "Mon, 23 Nov 2026 08:00:00 +0100"
    message["Message-ID"] = f"<{abs(hash((subject, body)))}@customer.example>"
    message.set_content(body)
    return message.as_bytes().replace(b"\n", b"\r\n")


class CollectedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.dovecot = shared.get(dovecot)
        self.site = shared.get(site)

    def account(self, name: str) -> str:
        self.site.add(name, PASSWORD)
        return f"{name}@{DOMAIN}"

    def box(self, address: str, user: str, *words: str, port: int = 0) -> dict[str, Any]:
        """Add a box by the command line."""
        given = words or ("--tls", "--ca", str(self.dovecot.ca))
        added: dict[str, Any] = self.site.json(
            "multipop", "add", address, "--host", "localhost",
            "--port", str(port or self.dovecot.pop3s), "--user", user, *given,
            "--password-stdin", stdin=OUTSIDE + "\n",
        )  # fmt: skip
        return added

    def collect(self, address: str) -> dict[str, Any]:
        """Collect now; gives the state of the account's one box."""
        [state] = self.site.json("multipop", "run", address)
        return dict(state)

    def until(self, true: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            found = true()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError("it did not become true")

    def arrived(self, jmap: Jmap, count: int, *properties: str) -> list[dict[str, Any]]:
        """Wait for so many emails: collecting is over when they are in the queue."""
        found: list[dict[str, Any]] = self.until(
            lambda: (listed := jmap.emails(*properties)) and len(listed) >= count and listed
        )
        self.assertEqual(len(found), count)
        return found

    def _unchanged(self, user: str, *words: str, port: int = 0) -> None:
        """Collect mails, and find the bytes of each at the end of what JMAP gives."""
        sent = [one.replace(b"\n", b"\r\n") for one in sample_mail()]
        sent.append(mail("Grüße", "Ä\n" * 99))
        for message in sent:
            self.dovecot.put(user, message)
        address = self.account(user)
        self.box(address, user, *words, port=port)
        state = self.collect(address)
        self.assertEqual((state["collected"], state["last_error"]), (len(sent), None))
        jmap = Jmap(self.site, address, PASSWORD)
        emails = self.arrived(jmap, len(sent), "subject", "blobId", "size", "from", "mailboxIds")
        left = [*sent]  # they are delivered side by side, so in any order
        for one in emails:
            data = jmap.download(one["blobId"])
            self.assertEqual(len(data), one["size"])
            # Only trace fields stand before it (RFC 5321 4.4); not a byte of it is changed.
            [original] = [each for each in left if data.endswith(each)]
            left.remove(original)
            added = data[: -len(original)].decode("ascii")
            names = {line.split(":")[0] for line in added.splitlines() if line[0] not in " \t"}
            self.assertTrue(names <= {"Received", "Return-Path", "Delivered-To"}, added)
        senders = {one["subject"]: one["from"] for one in emails}
        self.assertEqual(
            senders["Lieferung kommt am Dienstag – grün oder blau?"],
            [{"name": "Jörg Weiß", "email": "joerg@lieferant.example"}],
        )
        # A second run collects nothing twice.
        self.assertEqual(self.collect(address)["last_error"], None)
        self.assertEqual(len(jmap.emails()), len(sent))

    def test_tls_with_the_box_own_ca(self) -> None:
        self._unchanged("tls", "--tls", "--ca", str(self.dovecot.ca), "--leave")
        self.assertEqual(self.dovecot.count("tls"), 4)

    def test_stls(self) -> None:
        self._unchanged("stls", "--stls", "--ca", str(self.dovecot.ca), port=self.dovecot.pop3)
        self.assertEqual(self.dovecot.count("stls"), 0)

    def test_collected_mail_is_deleted_there_and_later_mail_comes(self) -> None:
        address = self.account("delete")
        self.box(address, "delete")
        for number in range(3):
            self.dovecot.put("delete", mail(f"number {number}"))
            self.collect(address)
            self.assertEqual(self.dovecot.count("delete"), 0)
            self.arrived(Jmap(self.site, address, PASSWORD), number + 1)

    def test_a_wrong_password_is_told_in_plain_words(self) -> None:
        address = self.account("wrong")
        box = self.box(address, "wrong")
        self.site.command("multipop", "set", box["id"], "--password-stdin", stdin="nonsense\n")
        self.dovecot.put("wrong", mail("not collected"))
        state = self.collect(address)
        self.assertEqual((state["state"], state["failures"]), ("waiting", 1))
        self.assertIn("password", state["last_error"].lower())
        self.assertEqual(self.dovecot.count("wrong"), 1)
        self.site.command("multipop", "set", box["id"], "--password-stdin", stdin=OUTSIDE + "\n")
        self.assertIsNone(self.collect(address)["last_error"])
        self.arrived(Jmap(self.site, address, PASSWORD), 1)

    def test_a_certificate_nobody_vouches_for_is_refused(self) -> None:
        address = self.account("untrusted")
        self.box(address, "untrusted", "--tls")
        self.dovecot.put("untrusted", mail("stays there"))
        state = self.collect(address)
        self.assertEqual((state["state"], state["failures"]), ("waiting", 1))
        self.assertIn("certificate", state["last_error"].lower())
        self.assertEqual(self.dovecot.count("untrusted"), 1)
        done = self.site.command("multipop", "test", state["id"])
        self.assertEqual(done.returncode, 1)

    def test_large_mail_and_attachments_are_equal(self) -> None:
        address = self.account("large")
        self.box(address, "large")
        message = EmailMessage()
        message["From"], message["Subject"] = "a@b.example", "large"
        message.set_content("see attachment")
        content = bytes(range(256)) * 20_000  # 5 MB
        message.add_attachment(content, "application", "x-thing", filename="Größe.bin")
        original = message.as_bytes().replace(b"\n", b"\r\n")
        self.dovecot.put("large", original)
        self.collect(address)
        jmap = Jmap(self.site, address, PASSWORD)
        [one] = self.arrived(jmap, 1, "blobId", "attachments", "hasAttachment")
        self.assertTrue(jmap.download(one["blobId"]).endswith(original))
        [attachment] = one["attachments"]
        self.assertEqual((attachment["name"], attachment["size"]), ("Größe.bin", len(content)))
        self.assertEqual(jmap.download(attachment["blobId"], "Größe.bin"), content)

    def test_strange_mail_arrives_too(self) -> None:
        strange = [
            b"no header at all\r\n",
            b"\r\n",
            b"Subject: \xff\xfe raw octets\r\n\r\n\x80\x81 body\r\n",
            b"Subject: dots\r\n\r\n.\r\n..\r\n.leading dot\r\n",
            b"Subject: =?utf-8?b?broken\r\nContent-Type: multipart/mixed\r\n\r\nno boundary\r\n",
            b"Subject: last line has no end\r\n\r\nend",
            b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n",
        ]
        address = self.account("hostile")
        self.box(address, "hostile")
        for one in strange:
            self.dovecot.put("hostile", one)
        state = self.collect(address)
        self.assertEqual((state["last_error"], state["collected"]), (None, len(strange)))
        jmap = Jmap(self.site, address, PASSWORD)
        emails = self.arrived(jmap, len(strange))
        data = [jmap.download(one["blobId"]) for one in emails]
        for original in strange:
            # POP3 ends every message with a line end, whether it had one or not.
            wanted = original if original.endswith(b"\r\n") else original + b"\r\n"
            self.assertTrue(any(one.endswith(wanted) for one in data), original[:60])

    def test_what_is_new_since_a_state(self) -> None:
        address = self.account("later")
        self.box(address, "later")
        jmap = Jmap(self.site, address, PASSWORD)
        [before] = jmap.call(("Email/get", {"ids": []}))
        self.dovecot.put("later", mail("new"))
        self.collect(address)
        [one] = self.arrived(jmap, 1)
        [changes] = jmap.call(("Email/changes", {"sinceState": before["state"]}))
        self.assertEqual(changes["created"], [one["id"]])
        [boxes] = jmap.call(("Mailbox/get", {"ids": None}))
        inbox = next(box for box in boxes["list"] if box["role"] == "inbox")
        self.assertEqual((inbox["totalEmails"], inbox["unreadEmails"]), (1, 1))
        seen = {one["id"]: {"keywords/$seen": True}}
        [updated] = jmap.call(("Email/set", {"update": seen}))
        self.assertIn(one["id"], updated["updated"])
        [boxes] = jmap.call(("Mailbox/get", {"ids": [inbox["id"]]}))
        self.assertEqual(boxes["list"][0]["unreadEmails"], 0)

    def test_another_account_sees_nothing_of_it(self) -> None:
        address = self.account("page")
        self.box(address, "page")
        self.dovecot.put("page", mail("private"))
        self.collect(address)
        [one] = self.arrived(Jmap(self.site, address, PASSWORD), 1)
        other = Jmap(self.site, self.account("stranger"), PASSWORD)
        self.assertEqual(other.emails(), [])
        [got] = other.call(("Email/get", {"ids": [one["id"]]}))
        self.assertEqual((got["list"], got["notFound"]), ([], [one["id"]]))
        with self.assertRaises(AssertionError):
            other.download(one["blobId"])

    def test_jmapc_reads_it(self) -> None:
        address = self.account("jmapc")
        self.box(address, "jmapc")
        for one in sample_mail():
            self.dovecot.put("jmapc", one)
        self.collect(address)
        self.arrived(Jmap(self.site, address, PASSWORD), 3)
        host = f"localhost:{self.site.ports['https']}"
        with mock.patch.dict("os.environ", {"REQUESTS_CA_BUNDLE": str(self.site.ca)}):
            client = jmapc.Client.create_with_password(host, address, PASSWORD)
            boxes = client.request(MailboxGet(ids=None)).data
            roles = {box.role for box in boxes}
            self.assertTrue({"inbox", "trash", "sent", "drafts"} <= roles, roles)
            role = jmapc.MailboxQueryFilterCondition(role="inbox")
            [inbox] = client.request(MailboxQuery(filter=role)).ids
            found = client.request(
                [
                    EmailQuery(
                        filter=jmapc.EmailQueryFilterCondition(in_mailbox=inbox, text="invoice"),
                    ),
                    EmailGet(ids=jmapc.Ref("/ids"), fetch_all_body_values=True),
                ]
            )
            [email] = found[1].response.data
            self.assertEqual(email.subject, "Your invoice 2026-11")
            self.assertEqual(email.mail_from[0].email, "support@provider.example")
            self.assertEqual([part.name for part in email.attachments], ["Rechnung.pdf"])
            text = email.body_values[email.text_body[0].part_id].value
            self.assertIn("See attachment.", text)
            file = self.mktemp()
            client.download_attachment(email.attachments[0], file)
            with open(file, "rb") as stream:
                self.assertEqual(stream.read(), b"%PDF-1.4 demo")
