"""What the tests of creating messages have in common."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from twisted.trial.unittest import TestCase

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
