"""A draft written by JMAP over HTTPS into a real site, with files as large as people send."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.jmap import Jmap
from tests.fakes.shared import shared
from tests.fakes.site import DOMAIN, RunningSite

PASSWORD: Final = "correct horse battery"
MEGABYTE: Final = 1 << 20
PIECE: Final = hashlib.shake_128(b"piece").digest(MEGABYTE)
ALLOWED: Final = 20 * MEGABYTE


def site() -> RunningSite:
    """Start the site these tests share; what counts lines would count as memory."""
    return RunningSite({"admin": PASSWORD}, measured=False)


class WritingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared.get(site)
        self.jmap = Jmap(self.site, f"admin@{DOMAIN}", PASSWORD)
        (boxes,) = self.jmap.call(("Mailbox/get", {"ids": None}))
        self.drafts = next(each["id"] for each in boxes["list"] if each["role"] == "drafts")

    def create(self, **given: Any) -> dict[str, Any]:
        """Create a draft; gives what the server says of it."""
        draft = {"mailboxIds": {self.drafts: True}, "keywords": {"$draft": True}, **given}
        (result,) = self.jmap.call(("Email/set", {"create": {"k": draft}}))
        self.assertIsNone(result["notCreated"])
        made: dict[str, Any] = result["created"]["k"]
        return made

    def peak(self) -> int:
        """Give the most memory the server had since `forget_peak`."""
        text = Path(f"/proc/{self.site.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) * 1024

    def forget_peak(self) -> int:
        """Begin to measure; gives the memory the server has now."""
        Path(f"/proc/{self.site.pid}/clear_refs").write_text("5")
        return self.site.memory()

    def test_a_draft_with_files(self) -> None:
        picture = b"\x89PNG" + bytes(range(256))
        blob = self.jmap.upload(picture, len(picture), "image/png")
        made = self.create(
            **{"from": [{"name": "Adele Öst", "email": f"admin@{DOMAIN}"}]},
            to=[{"name": "Bo", "email": "bo@example.org"}],
            bcc=[{"email": "secret@example.org"}],
            subject="Der große Entwurf",
            textBody=[{"partId": "t"}],
            htmlBody=[{"partId": "h"}],
            attachments=[
                {"blobId": blob, "type": "image/png", "cid": "p@x", "disposition": "inline"},
                {"blobId": blob, "type": "image/png", "name": "Bild.png"},
            ],
            bodyValues={"t": {"value": "Grüße\n"}, "h": {"value": '<img src="cid:p@x">'}},
        )
        raw = self.jmap.download(made["blobId"])
        self.assertEqual(len(raw), made["size"])
        message = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual(message["From"], f"Adele Öst <admin@{DOMAIN}>")
        self.assertEqual(message["Subject"], "Der große Entwurf")
        self.assertEqual(message["Bcc"], "secret@example.org")
        pictures = [part for part in message.walk() if part.get_content_type() == "image/png"]
        self.assertEqual([part.get_payload(decode=True) for part in pictures], [picture] * 2)
        (shown,) = [each for each in self.jmap.emails("id", "keywords") if each["id"] == made["id"]]
        self.assertEqual(shown["keywords"], {"$draft": True})

    def test_sixty_megabytes(self) -> None:
        """They are read, encoded and written piece by piece."""
        # What is done once only is done before: threads, caches.
        self.create(attachments=[{"blobId": self.jmap.upload(PIECE, len(PIECE))}])
        octets = 60 * MEGABYTE
        before = self.forget_peak()
        blob = self.jmap.upload((PIECE for _ in range(60)), octets)
        uploaded = self.peak()
        begun = time.monotonic()
        made = self.create(
            subject="large",
            textBody=[{"partId": "t"}],
            attachments=[{"blobId": blob, "name": "large.bin"}],
            bodyValues={"t": {"value": "see there"}},
        )
        seconds = time.monotonic() - begun
        created = self.peak()
        self.assertGreater(made["size"], octets * 4 // 3)
        self.assertLess(uploaded - before, ALLOWED)
        self.assertLess(created - before, ALLOWED)
        (found,) = self.jmap.call(
            ("Email/get", {"ids": [made["id"]], "properties": ["attachments", "preview"]})
        )
        (part,) = found["list"][0]["attachments"]
        self.assertEqual((part["size"], part["name"]), (octets, "large.bin"))
        self.assertEqual(found["list"][0]["preview"], "see there")
        self.assertEqual(self.digest(part["blobId"]), self.digest_of(PIECE for _ in range(60)))
        # Forwarding it: from the part of a message into a new message.
        self.create(attachments=[{"blobId": part["blobId"], "name": "again.bin"}])
        self.assertLess(self.peak() - before, ALLOWED)
        self.assertLess(seconds, 120)

    def digest(self, blob: str) -> str:
        return hashlib.sha256(self.jmap.download(blob)).hexdigest()

    def digest_of(self, pieces: Iterator[bytes]) -> str:
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        return digest.hexdigest()

    def test_what_is_promised(self) -> None:
        """What may be attached, once encoded, is a message that may be sent."""
        account = self.jmap.session["accounts"][self.jmap.account]["accountCapabilities"]
        attached = account["urn:ietf:params:jmap:mail"]["maxSizeAttachmentsPerEmail"]
        self.assertGreater(attached, 70 * MEGABYTE)
        self.assertLess(attached * 78 // 57, 100 * MEGABYTE)

    def test_the_encoding_of_something_large(self) -> None:
        """Lines of 76 characters, across the borders of pieces."""
        data = PIECE + b"end"
        made = self.create(attachments=[{"blobId": self.jmap.upload(data, len(data))}])
        raw = self.jmap.download(made["blobId"])
        body = raw.split(b"\r\n\r\n", 2)[2].partition(b"\r\n--")[0]
        self.assertEqual(body + b"\r\n", base64.encodebytes(data).replace(b"\n", b"\r\n"))
