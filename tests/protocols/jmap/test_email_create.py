"""Creating messages by Email/set (RFC 8621 section 4.6)."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from twisted.trial.unittest import TestCase

from mailim.interfaces.items import Item
from mailim.wire.jmap_ids import EMAIL, read_id
from tests.protocols.jmap.kit import BOB, Kit

DRAFT: dict[str, Any] = {
    "keywords": {"$draft": True, "$Seen": True},
    "from": [{"name": "Alice Ek", "email": "alice@example.test"}],
    "to": [{"name": "Jürgen, Bo", "email": "bo@example.org"}, {"email": "cy@example.org"}],
    "cc": [{"name": None, "email": "dee@example.org"}],
    "bcc": [{"name": 'The "Boss"', "email": "boss@example.org"}],
    "replyTo": [{"email": "office@example.test"}],
    "subject": "Grüße aus Köln",
    "inReplyTo": ["one@example.org"],
    "references": ["zero@example.org", "one@example.org"],
    "textBody": [{"partId": "t", "type": "text/plain"}],
    "htmlBody": [{"partId": "h", "type": "text/html"}],
    "bodyValues": {
        "t": {"value": "Hällo,\nworld\n"},
        "h": {"value": '<p>Hällo, <img src="cid:pic@x"></p>'},
    },
}


class Creating(TestCase):
    """What these tests have in common."""

    async def start(self, **named: Any) -> Kit:
        self.kit = await Kit.start(self, **named)
        return self.kit

    def whole(self, **given: Any) -> dict[str, Any]:
        return {"mailboxIds": {self.kit.boxes["drafts"]: True}, **given}

    async def create(self, **given: Any) -> dict[str, Any]:
        """Create one; gives what the server says of it."""
        result = await self.kit.call("Email/set", create={"k": self.whole(**given)})
        self.assertIsNone(result["notCreated"], given)
        made: dict[str, Any] = result["created"]["k"]
        return made

    async def refused(self, **given: Any) -> dict[str, Any]:
        """Create one that must be refused; gives the SetError."""
        result = await self.kit.call("Email/set", create={"k": self.whole(**given)})
        self.assertIsNone(result["created"], given)
        error: dict[str, Any] = result["notCreated"]["k"]
        return error

    async def upload(self, data: bytes, who: str = "alice@example.test") -> str:
        account = self.kit.account_id
        if who == BOB:
            bob = await self.kit.site.directory.find(BOB)
            assert bob is not None
            account = f"a{bob.id}"
        answer = await self.kit.answer("POST", f"/jmap/upload/{account}", data, who=who)
        self.assertEqual(answer.status, 201)
        blob: str = answer.json["blobId"]
        return blob

    async def octets(self, blob: str) -> bytes:
        answer = await self.kit.answer("GET", f"/jmap/download/{self.kit.account_id}/{blob}/x")
        self.assertEqual(answer.status, 200, blob)
        return answer.body

    async def item(self, id: str) -> Item:
        number = read_id(EMAIL, id)
        assert number is not None
        found = await self.kit.store.read(lambda tx: tx.items.get(self.kit.alice.id, [number]))
        return found[number]

    async def message(self, **given: Any) -> tuple[bytes, EmailMessage]:
        """Create one; gives its octets and what the standard library makes of them."""
        made = await self.create(**given)
        raw = await self.octets(made["blobId"])
        self.assertEqual(len(raw), made["size"])
        self.assertTrue(raw.isascii())
        self.assertTrue(raw.endswith(b"\r\n"))
        self.assertEqual(raw.count(b"\n"), raw.count(b"\r\n"))
        self.assertEqual(raw.count(b"\r"), raw.count(b"\r\n"))
        self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 998)
        message = email.message_from_bytes(raw, policy=email.policy.SMTP)
        assert isinstance(message, EmailMessage)
        for part in message.walk():
            self.assertEqual(part.defects, [])
        return raw, message


class DraftTests(Creating):
    async def test_a_draft(self) -> None:
        kit = await self.start()
        made = await self.create(**DRAFT)
        self.assertEqual(set(made), {"id", "blobId", "threadId", "size"})
        names = [name for name in DRAFT if name not in ("keywords", "bodyValues")]
        shown = await kit.email(
            made["id"], *names, "keywords", "mailboxIds", "bodyValues", "messageId", "sentAt",
            "receivedAt", "threadId", "size", "blobId", "hasAttachment", fetchAllBodyValues=True,
        )  # fmt: skip
        self.assertEqual({name: shown[name] for name in made}, made)
        self.assertEqual(shown["keywords"], {"$draft": True, "$seen": True})
        self.assertEqual(shown["mailboxIds"], {kit.boxes["drafts"]: True})
        self.assertEqual(shown["to"][0], {"name": "Jürgen, Bo", "email": "bo@example.org"})
        self.assertEqual(shown["to"][1], {"name": None, "email": "cy@example.org"})
        for name in ("from", "cc", "bcc", "subject", "inReplyTo", "references"):
            self.assertEqual(shown[name], DRAFT[name])
        self.assertEqual(shown["replyTo"], [{"name": None, "email": "office@example.test"}])
        (id,) = shown["messageId"]
        self.assertTrue(id.endswith("@example.test"))
        self.assertEqual(shown["sentAt"], "2023-11-14T22:13:20Z")
        self.assertEqual(shown["receivedAt"], "2023-11-14T22:13:20Z")
        values = shown["bodyValues"]
        for part, key in (("textBody", "t"), ("htmlBody", "h")):
            value = values[shown[part][0]["partId"]]
            self.assertEqual(
                value["value"].rstrip("\n"), DRAFT["bodyValues"][key]["value"].rstrip("\n")
            )
            self.assertFalse(value["isEncodingProblem"])
        self.assertFalse(shown["hasAttachment"])

    async def test_attachments(self) -> None:
        kit = await self.start()
        data = bytes(range(256)) * 300
        files = [
            {"blobId": await self.upload(b"\x89PNG"), "type": "image/png", "cid": "pic@x",
             "disposition": "inline", "name": "bild.png"},
            {"blobId": await self.upload(data), "type": "application/zip", "name": "größe 1.zip"},
            {"blobId": await self.upload(b""), "type": "application/pdf", "disposition": "attachment"},
        ]  # fmt: skip
        raw, message = await self.message(**DRAFT, attachments=files)
        kinds = [part.get_content_type() for part in message.walk()]
        self.assertEqual(
            kinds,
            ["multipart/mixed", "multipart/alternative", "text/plain", "multipart/related",
             "text/html", "image/png", "application/zip", "application/pdf"],
        )  # fmt: skip
        picture, archive, empty = list(message.walk())[5:]
        self.assertEqual(picture["Content-ID"], "<pic@x>")
        self.assertEqual(picture.get_content_disposition(), "inline")
        self.assertEqual(archive.get_filename(), "größe 1.zip")
        self.assertEqual(archive.get_payload(decode=True), data)
        self.assertEqual(empty.get_payload(decode=True), b"")
        (id,) = await kit.ids()
        shown = await kit.email(id, "attachments", "hasAttachment", "htmlBody", "textBody")
        self.assertTrue(shown["hasAttachment"])
        self.assertEqual(
            [each["name"] for each in shown["attachments"]], ["bild.png", "größe 1.zip", None]
        )
        self.assertEqual(await self.octets(shown["attachments"][1]["blobId"]), data)
