"""Line ends in every field a person can fill: none becomes a line of a header or of a log."""

from __future__ import annotations

import contextlib
import email
import smtplib
from email.message import Message
from functools import partial
from typing import Any

from mailim.errors import MailimError
from tests.fakes.jmap import Jmap
from tests.interop.test_smtp import ALICE, BOB, PASSWORD, SmtpCase

NAME = "X-Injected"
LINE_ENDS = ("\r\n", "\n", "\r", "\r\n\r\n", "\n\n", "\x00\r\n", "\u2028", "\x85", "\x0b", "\r\n ")
ATTACKS = [f"a{end}{NAME}: yes" for end in LINE_ENDS] + [
    f"=?utf-8?q?a=0D=0A{NAME}:_yes?=",
    f'"a\r\n{NAME}: yes"',
    f"a>\r\n{NAME}: yes",
    f"a@example.org>\r\n{NAME}: yes",
    f"a@example.org\r\n{NAME}: yes",
]
RULES = """\
enabled = true
[[rule]]
name = "repeat"
match = "all"
[[rule.when]]
all = true
[[rule.then]]
do = "add_header"
name = "X-Repeated"
value = "$SUBJECT$ $SENDER$ $HEADER:X-Odd$"
"""


def drafts(attack: str) -> list[dict[str, Any]]:
    """Give properties of Email/set create, each with the attack in one place."""
    text = {
        "textBody": [{"partId": "t", "type": "text/plain"}],
        "bodyValues": {"t": {"value": "x"}},
    }
    places: list[dict[str, Any]] = [
        {"subject": attack},
        {"from": [{"name": attack, "email": ALICE}]},
        {"to": [{"name": "x", "email": attack}]},
        {"cc": [{"name": attack, "email": BOB}]},
        {"replyTo": [{"name": None, "email": attack}]},
        {"messageId": [attack]},
        {"inReplyTo": [attack]},
        {"references": ["a@b", attack]},
        {"header:X-Odd": attack},
        {"header:X-Odd:asText": attack},
        {"header:X-Odd:asURLs": [attack]},
        {"header:X-Odd:asAddresses": [{"name": attack, "email": BOB}]},
        {"header:X-Odd:asRaw:all": [attack]},
        {f"header:{attack}": "x"},
        {f"header:{attack}:asText": "x"},
    ]
    parts: list[dict[str, Any]] = [
        {"name": attack},
        {"cid": attack},
        {"disposition": attack},
        {"type": attack},
        {"type": f"text/{attack}"},
        {"language": [attack]},
        {"location": attack},
        {"header:X-Odd:asText": attack},
        {f"header:{attack}": "x"},
    ]
    with_parts = [
        {"attachments": [{"partId": "a", "type": "text/plain", **part}]} for part in parts
    ]
    found = []
    for place in places + with_parts:
        values = {"bodyValues": {"t": {"value": "x"}, "a": {"value": attack}}}
        used = {**text, **(values if "attachments" in place else {}), **place}
        found.append(used)
    return found


class InjectionTests(SmtpCase):
    changes = {"smtp.messages_per_connection": 10_000, "smtp.errors_per_connection": 10_000}

    def messages(self, address: str) -> list[Message]:
        """Give all messages of an account, parsed by somebody else."""
        jmap = Jmap(self.site, address, PASSWORD)
        return [email.message_from_bytes(jmap.download(each["blobId"])) for each in jmap.emails()]

    def check(self, *addresses: str) -> int:
        """Make sure that no field came of it, in whatever part; gives how many messages."""
        count = 0
        for address in addresses:
            for message in self.messages(address):
                count += 1
                for part in message.walk():
                    self.assertNotIn(NAME, part, message.as_string()[:2000])
        for line in self.site.log().splitlines():
            self.assertFalse(line.startswith((NAME, f" {NAME}")), line)
        return count

    def test_what_the_page_writes(self) -> None:
        jmap = Jmap(self.site, ALICE, PASSWORD)
        (folders,) = jmap.call(("Mailbox/get", {}))
        (folder,) = (each["id"] for each in folders["list"] if each["role"] == "drafts")
        made = tried = 0
        for attack in ATTACKS:
            creations = {
                f"k{at}": {"mailboxIds": {folder: True}, **each}
                for at, each in enumerate(drafts(attack))
            }
            (answer,) = jmap.call(("Email/set", {"create": creations}))
            tried += len(creations)
            made += len(answer["created"] or {})
            self.assertEqual(
                len(answer["created"] or {}) + len(answer["notCreated"] or {}), len(creations)
            )
        self.assertGreater(made, 20)  # what can be encoded is written
        self.assertGreater(tried - made, 100)  # what cannot is refused
        self.assertEqual(self.check(ALICE), made)

    def test_identities(self) -> None:
        jmap = Jmap(self.site, ALICE, PASSWORD)
        for attack in ATTACKS:
            creations = {
                "a": {"email": ALICE, "name": attack},
                "b": {"email": attack, "name": "x"},
                "c": {"email": ALICE, "name": "x", "replyTo": [{"name": attack, "email": attack}]},
                "d": {"email": ALICE, "name": "x", "bcc": [{"name": "x", "email": attack}]},
            }
            (answer,) = jmap.call(("Identity/set", {"create": creations}))
            self.assertFalse({"b", "d"} & set(answer["created"] or {}), attack)
            for name in answer["created"] or {}:
                (shown,) = jmap.call(("Identity/get", {"ids": [answer["created"][name]["id"]]}))
                self.assertFalse(any(end in shown["list"][0]["name"] for end in "\r\n\x00"))

    def test_what_strangers_write_is_repeated_by_rules_and_replies(self) -> None:
        (self.site.directory / "etc" / "filters.toml").write_text(RULES)
        self.site.call("reload")
        self.site.call("autoresponder.set", address=BOB, state="on", text="Re $SUBJECT$ $SENDER$")
        client = self.exchange()
        sent = 0
        for number, end in enumerate(
            ("=0D=0A", "=0A", "=0D", "=0D=0A=0D=0A", "=00=0D=0A", "=E2=80=A8")
        ):
            subject = f"=?utf-8?q?a{end}{NAME}:_yes?="
            # A sender for each: nobody is answered twice.
            self.site.add(f"s{number}", PASSWORD)
            text = (
                f"From: s{number}@example.test\r\nTo: {BOB}\r\nSubject: {subject}\r\n"
                f"X-Odd: {subject}\r\n\r\nx"
            )
            client.sendmail(f"s{number}@example.test", [BOB], text)
            sent += 1
        self.mails(sent)
        repeated = [each["X-Repeated"] for each in self.messages(BOB)]
        self.assertTrue(all(repeated), repeated)
        for number in range(sent):
            who = f"s{number}@example.test"
            self.until(partial(self.messages, who))
            self.assertEqual(self.check(who), 1)
        self.assertEqual(self.check(BOB), sent)

    def test_what_owners_and_administrators_write(self) -> None:
        client = self.exchange()
        for number, attack in enumerate(ATTACKS):
            for operation, arguments in (
                ("autoresponder.set", {"address": BOB, "state": "on", "subject": attack}),
                ("autoresponder.set", {"address": BOB, "state": "on", "text": attack}),
                ("user.set", {"address": BOB, "name": attack}),
                (
                    "user.add",
                    {"address": f"n{number}@example.test", "name": attack, "password": PASSWORD},
                ),
                ("user.add", {"address": attack, "password": PASSWORD}),
                ("alias.add", {"address": attack, "target": BOB}),
                ("alias.add", {"address": f"al{number}@example.test", "target": attack}),
                ("group.add", {"address": f"g{number}@example.test", "name": attack}),
                ("domain.add", {"domain": attack}),
                (
                    "multipop.add",
                    {"address": BOB, "host": attack, "port": 995, "user": "u", "password": "p"},
                ),
                (
                    "multipop.add",
                    {
                        "address": BOB,
                        "host": "h.example",
                        "port": 995,
                        "user": attack,
                        "password": "p",
                    },
                ),
                ("queue.hold", {"id": "1", "reason": attack}),
                ("trace", {"id": attack}),
            ):
                with contextlib.suppress(MailimError):
                    self.site.call(operation, **arguments)
            sender = f"s{number}@example.test"
            self.site.add(f"s{number}", PASSWORD)
            text = f"From: {sender}\r\nTo: {BOB}\r\nSubject: hi\r\n\r\nx"
            client.sendmail(sender, [BOB], text)
            self.until(partial(self.messages, sender))
            self.check(sender)
        self.check(BOB)
        with contextlib.suppress(smtplib.SMTPException):
            client.docmd("MAIL", f"FROM:<> ENVID=a+0D+0A{NAME}:+20yes")
            self.fail("taken") if client.docmd("RCPT", f"TO:<{BOB}>")[0] == 250 else None
