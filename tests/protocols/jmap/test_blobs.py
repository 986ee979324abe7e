"""Downloads and uploads (RFC 8620 section 6)."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.http_headers import Headers

from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.body import Body
from mailim.protocols.http.request import Request
from mailim.protocols.http.targets import parse_target
from mailim.protocols.jmap.blob_ids import BlobId, parse_blob_id
from mailim.protocols.jmap.download import attachment, harmless_type
from mailim.protocols.jmap.limits import JmapLimits
from tests.protocols.jmap.kit import BOB, Answer, Kit, mail
from tests.protocols.jmap.test_email_get import RICH

OFFICE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class DownloadTests(TestCase):
    async def get(self, kit: Kit, blob: str, query: str = "", **named: Any) -> Answer:
        path = f"/jmap/download/{kit.account_id}/{blob}/file.bin{query}"
        return await kit.answer("GET", path, **named)

    async def test_message(self) -> None:
        kit = await Kit.start(self)
        email = await kit.email(await kit.add(RICH), "blobId", "size")
        self.assertEqual(email["blobId"], hashlib.sha256(RICH).hexdigest())
        answer = await self.get(kit, email["blobId"])
        self.assertEqual((answer.status, answer.body), (200, RICH))
        self.assertEqual(len(answer.body), email["size"])

    async def test_message_with_trace_headers(self) -> None:
        kit = await Kit.start(self)
        prefix = b"Received: by us\r\n"
        email = await kit.email(await kit.add(RICH, prefix=prefix), "blobId", "size")
        answer = await self.get(kit, email["blobId"])
        self.assertEqual(answer.body, prefix + RICH)
        self.assertEqual(len(answer.body), email["size"])
        self.assertEqual(answer.headers["Content-Type"], "message/rfc822")

    async def test_every_part(self) -> None:
        kit = await Kit.start(self)
        email = await kit.email(
            await kit.add(RICH, prefix=b"X: y\r\n"), "bodyStructure",
            bodyProperties=["blobId", "size", "type"],
        )  # fmt: skip
        top = email["bodyStructure"]
        self.assertIsNone(top["blobId"])
        inner, picture, note, attached = top["subParts"]
        bodies = {}
        for part in (*inner["subParts"], picture, note, attached):
            answer = await self.get(kit, part["blobId"])
            self.assertEqual(len(answer.body), part["size"], part)
            bodies[part["type"] + part["blobId"][-2:]] = answer.body
        self.assertEqual(bodies["image/png-2"], b"\x89PNG" + b"x" * 200)
        self.assertIn(b"caf\xe9", b"".join(bodies.values()))
        self.assertIn("Grüße".encode("iso-8859-1"), b"".join(bodies.values()))
        self.assertTrue(any(body.startswith(b"Subject: inside") for body in bodies.values()))

    async def test_large_attachment_streams(self) -> None:
        kit = await Kit.start(self)
        data = bytes(range(256)) * 4000
        extra = (
            "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n"
            "Content-Disposition: attachment\r\n"
        )
        id = await kit.add(mail(text=base64.encodebytes(data).decode(), extra=extra))
        email = await kit.email(id, "attachments")
        (part,) = email["attachments"]
        path = f"/jmap/download/{kit.account_id}/{part['blobId']}/a.zip"
        response = await kit.ask("GET", path)
        self.assertEqual(response.length, len(data))
        self.assertNotIsInstance(response.body, bytes)
        self.assertEqual((await self.get(kit, part["blobId"])).body, data)

    async def test_headers(self) -> None:
        kit = await Kit.start(self)
        email = await kit.email(await kit.add(), "blobId")
        answer = await self.get(kit, email["blobId"], "?accept=image/png")
        self.assertEqual(answer.headers["Content-Type"], "image/png")
        self.assertTrue(answer.headers["Content-Disposition"].startswith("attachment;"))
        self.assertTrue(answer.headers["Content-Security-Policy"].startswith("sandbox;"))
        self.assertEqual(answer.headers["Cache-Control"], "private, immutable, max-age=31536000")
        etag = {"If-None-Match": answer.headers["ETag"]}
        self.assertEqual((await self.get(kit, email["blobId"], headers=etag)).status, 304)

    async def test_not_there(self) -> None:
        kit = await Kit.start(self)
        email = await kit.email(await kit.add(RICH), "blobId")
        sha = email["blobId"]
        for blob in (
            "x",
            "e999",
            "0" * 64,
            sha + "-9",
            sha + "-",
            sha[:-1],
            sha.upper(),
            sha + "-1.1.1",
        ):
            self.assertEqual((await self.get(kit, blob)).status, 404, blob)
        answer = await kit.answer("GET", f"/jmap/download/a999/{sha}/x")
        self.assertEqual(answer.status, 404)

    async def test_blobs_of_others(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(RICH)
        email = await kit.email(id, "blobId")
        bob = await kit.site.directory.find(BOB)
        assert bob is not None
        for account in (f"a{bob.id}", kit.account_id):
            for blob in (email["blobId"], email["blobId"] + "-2", id):
                path = f"/jmap/download/{account}/{blob}/x"
                self.assertEqual((await kit.answer("GET", path, who=BOB)).status, 404, path)

    async def test_gone_with_the_message(self) -> None:
        kit = await Kit.start(self)
        id = await kit.add(RICH)
        email = await kit.email(id, "blobId")
        await kit.call("Email/set", destroy=[id])
        self.assertEqual((await self.get(kit, email["blobId"])).status, 404)


class UploadTests(TestCase):
    async def upload(self, kit: Kit, data: bytes, kind: str = "text/plain", **named: Any) -> Answer:
        return await kit.answer(
            "POST", f"/jmap/upload/{kit.account_id}", data, {"Content-Type": kind}, **named
        )

    async def test_upload(self) -> None:
        kit = await Kit.start(self)
        for data in (b"some octets", b"", b"x" * 300_000):
            answer = await self.upload(kit, data, "image/png")
            self.assertEqual(answer.status, 201)
            self.assertEqual(
                answer.json,
                {
                    "accountId": kit.account_id, "blobId": hashlib.sha256(data).hexdigest(),
                    "type": "image/png", "size": len(data),
                },
            )  # fmt: skip
            path = f"/jmap/download/{kit.account_id}/{answer.json['blobId']}/x"
            self.assertEqual((await kit.answer("GET", path)).body, data)
            self.assertEqual((await kit.answer("GET", path, who=BOB)).status, 404)

    async def test_it_is_let_go_of(self) -> None:
        kit = await Kit.start(self)
        answer = await self.upload(kit, b"for a day")
        until = int((kit.clock.seconds() + 24 * 3600) * 1_000_000)
        for now, gone in ((until - 1, 0), (until, 1)):
            count = await kit.store.write(partial(expire, now=now))
            self.assertEqual(count, gone)
        path = f"/jmap/download/{kit.account_id}/{answer.json['blobId']}/x"
        self.assertEqual((await kit.answer("GET", path)).status, 404)

    async def test_accounts_of_others(self) -> None:
        kit = await Kit.start(self)
        self.assertEqual((await self.upload(kit, b"x", who=BOB)).status, 404)

    async def test_too_much_waiting(self) -> None:
        kit = await Kit.start(self, JmapLimits(uploads_octets=100))
        self.assertEqual((await self.upload(kit, b"a" * 60)).status, 201)
        self.assertEqual((await self.upload(kit, b"b" * 60)).status, 413)
        self.assertEqual((await self.upload(kit, b"c" * 30)).status, 201)

    async def test_too_many_at_once(self) -> None:
        kit = await Kit.start(self, JmapLimits(concurrent_uploads=2))
        together = [Deferred.fromCoroutine(self.upload(kit, b"x" * 10)) for _ in range(4)]
        statuses = sorted([each.status for each in await gatherResults(together)])
        self.assertEqual(statuses, [201, 201, 429, 429])

    async def test_broken_off(self) -> None:
        """Nothing of it stays."""
        kit = await Kit.start(self)
        target = parse_target(f"/jmap/upload/{kit.account_id}".encode())
        pair = base64.b64encode(b"alice@example.test:correct horse").decode()
        body = Body(lambda: None, lambda: None)
        body.feed(b"x" * 300_000)
        headers = Headers({"Authorization": [f"Basic {pair}"]})
        request = Request("POST", target, headers, body, "192.0.2.1", "mail.example.test")
        match: Any = kit.router.find("POST", target.segments)
        work = Deferred.fromCoroutine(match.route.act(request, **match.arguments))
        body.fail(ConnectionError("gone"))
        await self.assertFailure(work, ConnectionError)
        self.assertEqual(await waiting(kit.store, kit.alice.id), 0)
        self.assertEqual((await self.upload(kit, b"x")).status, 201)


def expire(tx: ITransaction, now: int) -> int:
    return tx.items.expire_uploads(now, 10)


async def waiting(store: IStore, account_id: int) -> int:
    return await store.read(lambda tx: tx.items.upload_octets(account_id))


class HarmlessTests(SynchronousTestCase):
    def test_types(self) -> None:
        for asked, given_ in (
            ("image/png", "image/png"), ("IMAGE/PNG; x=y", "image/png"),
            ("application/pdf", "application/pdf"), ("message/rfc822", "message/rfc822"),
            ("text/calendar; charset=utf-8", "text/calendar"),
            (OFFICE, OFFICE),
            ("application/msword", "application/msword"),
        ):  # fmt: skip
            self.assertEqual(harmless_type(asked), given_)
        for asked in (
            "text/html", "TEXT/HTML", "application/xhtml+xml", "image/svg+xml", "text/xml",
            "text/javascript", "application/javascript", "text/ecmascript", "text/css",
            "application/json", "application/manifest+json", "text/html;charset=x", "", "x",
            "text/x\r\nSet-Cookie: a", "application/wasm", "multipart/x-mixed-replace",
        ):  # fmt: skip
            self.assertEqual(harmless_type(asked), "application/octet-stream", asked)

    def test_names(self) -> None:
        self.assertIn("filename*=UTF-8''n%C3%B6te.txt", attachment("nöte.txt"))
        self.assertIn('filename="n_te.txt"', attachment("nöte.txt"))

    @given(st.text(max_size=50))
    def test_no_name_breaks_the_header(self, name: str) -> None:
        value = attachment(name)
        self.assertTrue(value.isascii())
        self.assertTrue(value.isprintable())
        self.assertEqual(value.count('"'), 2)

    def test_blob_ids(self) -> None:
        sha = "ab" * 32
        self.assertEqual(parse_blob_id("e12"), BlobId(item=12))
        self.assertEqual(parse_blob_id(sha), BlobId(sha256=b"\xab" * 32))
        self.assertEqual(parse_blob_id(sha + "-1.2"), BlobId(sha256=b"\xab" * 32, path="1.2"))
        for text in ("", "e0", "m1", sha + "-x", sha + "\n", sha + "-" + "1." * 200):
            self.assertIsNone(parse_blob_id(text))
