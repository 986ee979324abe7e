"""Parts, header fields and blobs of messages that are created (RFC 8621 section 4.6)."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from mailim.protocols.jmap.blobs import Blob
from mailim.protocols.jmap.email_composer import EmailComposer
from mailim.protocols.jmap.errors import SetError
from mailim.protocols.jmap.limits import JmapLimits
from tests.protocols.jmap.creating import Creating
from tests.protocols.jmap.kit import BOB, here, mail

TREE: dict[str, Any] = {
    "type": "multipart/mixed",
    "subParts": [
        {
            "type": "multipart/alternative",
            "header:X-Part:asText": "Größe",
            "subParts": [
                {"partId": "a", "type": "text/plain", "language": ["de", "en-GB"]},
                {"partId": "b", "type": "text/html", "location": "https://example.org/a?b=c"},
            ],
        },
        {"partId": "a", "type": "text/x-same", "disposition": "attachment", "name": "a.txt"},
        {"partId": "c", "header:Content-Type:asText": "text/calendar; method=REQUEST; x=\"a b\""},
        {"type": "multipart/digest", "subParts": [{"blobId": "", "cid": "inner@x"}]},
    ],
}  # fmt: skip


class StructureTests(Creating):
    async def test_a_tree(self) -> None:
        kit = await self.start()
        tree = {**TREE, "subParts": [*TREE["subParts"][:3], {**TREE["subParts"][3]}]}
        inner = mail("inside", "words")
        tree["subParts"][3]["subParts"] = [{"blobId": await self.upload(inner), "cid": "inner@x"}]
        values = {key: {"value": f"{key}: ä\n"} for key in "abc"}
        _, message = await self.message(bodyStructure=tree, bodyValues=values, subject="tree")
        kinds = [part.get_content_type() for part in message.walk()]
        self.assertEqual(
            kinds,
            ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/x-same",
             "text/calendar", "multipart/digest", "message/rfc822", "text/plain"],
        )  # fmt: skip
        _, alternative, plain, html, same, calendar, _, attached, inside = message.walk()
        self.assertEqual(alternative["X-Part"], "Größe")
        self.assertEqual(plain["Content-Language"], "de, en-GB")
        self.assertEqual(html["Content-Location"], "https://example.org/a?b=c")
        self.assertEqual(same.get_filename(), "a.txt")
        self.assertEqual(same.get_payload(decode=True), "a: ä\r\n".encode())
        self.assertEqual(calendar.get_param("method"), "REQUEST")
        self.assertEqual(calendar.get_param("x"), "a b")
        self.assertEqual(calendar.get_content_charset(), "utf-8")
        self.assertEqual(attached["Content-ID"], "<inner@x>")
        self.assertEqual(inside["Subject"], "inside")
        (id,) = await kit.ids()
        shown = await kit.email(
            id, "bodyStructure",
            bodyProperties=["type", "language", "location", "name", "disposition", "cid",
                            "charset", "header:X-Part:asText", "subParts"],
        )  # fmt: skip
        first, second, third, fourth = shown["bodyStructure"]["subParts"]
        self.assertEqual(first["header:X-Part:asText"], "Größe")
        self.assertEqual(first["subParts"][0]["language"], ["de", "en-GB"])
        self.assertEqual(first["subParts"][1]["location"], "https://example.org/a?b=c")
        self.assertEqual((second["name"], second["disposition"]), ("a.txt", "attachment"))
        self.assertEqual(third["charset"], "utf-8")
        self.assertEqual(fourth["subParts"][0]["cid"], "inner@x")

    async def test_header_properties(self) -> None:
        kit = await self.start()
        given: dict[str, Any] = {
            "header:X-Raw": " as it is,\r\n folded",
            "header:X-Text:asText": "Größe",
            "header:X-Many:asText:all": ["one", "zwölf", "three"],
            "header:List-Post:asURLs": ["mailto:list@example.org", "https://example.org/"],
            "header:To:asGroupedAddresses": [
                {"name": None, "addresses": [{"name": "A", "email": "a@x"}]},
                {"name": "Küche", "addresses": [{"name": None, "email": "b@x"}]},
            ],
            "header:Resent-Date:asDate": "2026-11-23T12:00:00+01:00",
            "header:X-Ids:asMessageIds": ["1@x", "2@x"],
        }
        made = await self.create(**given)
        shown = await kit.email(made["id"], *given, "to", "headers")
        for name, value in given.items():
            self.assertEqual(shown[name], value)
        self.assertEqual([each["email"] for each in shown["to"]], ["a@x", "b@x"])
        self.assertEqual(
            [each["name"] for each in shown["headers"] if each["name"].startswith("X-")],
            ["X-Raw", "X-Text", "X-Many", "X-Many", "X-Many", "X-Ids"],
        )

    async def test_what_is_null_is_not_given(self) -> None:
        kit = await self.start()
        made = await self.create(
            id=None, size=None, subject=None, to=None, cc=[], bodyStructure=None, textBody=None,
            keywords=None, receivedAt=None, headers=None,
            **{"header:To:asAddresses": [{"email": "a@x"}]},
        )  # fmt: skip
        shown = await kit.email(made["id"], "to", "cc", "subject", "keywords")
        self.assertEqual([each["email"] for each in shown["to"]], ["a@x"])
        self.assertEqual((shown["cc"], shown["subject"], shown["keywords"]), (None, None, {}))

    async def test_pictures_without_html_are_attachments(self) -> None:
        kit = await self.start()
        picture = {"blobId": await self.upload(b"x"), "type": "image/png", "cid": "p@x"}
        texts = {"bodyValues": {"t": {"value": "x"}}}
        _, message = await self.message(
            textBody=[{"partId": "t"}], attachments=[{**picture, "name": "p.png"}], **texts
        )
        self.assertEqual(message.get_content_type(), "multipart/mixed")
        self.assertEqual([part.get_filename() for part in message.iter_attachments()], ["p.png"])
        _, message = await self.message(
            htmlBody=[{"partId": "t"}], attachments=[{**picture, "disposition": "attachment"}],
            **texts,
        )  # fmt: skip
        self.assertEqual(message.get_content_type(), "multipart/mixed")
        _, message = await self.message(htmlBody=[{"partId": "t"}], attachments=[picture], **texts)
        self.assertEqual(message.get_content_type(), "multipart/related")
        self.assertEqual(len(await kit.ids()), 3)


class BlobTests(Creating):
    async def test_parts_of_messages(self) -> None:
        """Forwarding attachments: they need not be uploaded."""
        kit = await self.start()
        data = bytes(range(256)) * 500
        first = await self.create(
            attachments=[{"blobId": await self.upload(data), "name": "a.bin"}]
        )
        (part,) = (await kit.email(first["id"], "attachments"))["attachments"]
        again = await self.create(
            attachments=[{"blobId": part["blobId"], "type": part["type"], "name": "b.bin"}]
        )
        await kit.call("Email/set", destroy=[first["id"]])
        (part,) = (await kit.email(again["id"], "attachments"))["attachments"]
        self.assertEqual(await self.octets(part["blobId"]), data)
        self.assertEqual((part["name"], part["size"]), ("b.bin", len(data)))

    async def test_whole_messages(self) -> None:
        kit = await self.start()
        for original, prefix, encoding, kind in (
            (mail("seven"), b"", "7bit", "message/rfc822"),
            (mail("trace"), b"Received: by us; Mon, 23 Nov 2026 12:00:00 +0000\r\n", "7bit",
             "message/rfc822"),
            (mail("eight", "Grüße"), b"", "8bit", "message/rfc822"),
            (mail("lone", "a\nb").replace(b"\r\n", b"\n"), b"", "7bit", "message/rfc822"),
            (mail("long", "x" * 2000), b"", "base64", "message/global"),
            (mail("nul", "a\0b"), b"", "base64", "message/global"),
        ):  # fmt: skip
            blob = (await kit.email(await kit.add(original, prefix=prefix), "blobId"))["blobId"]
            made = await self.create(attachments=[{"blobId": blob, "type": "message/rfc822"}])
            raw = await self.octets(made["blobId"])
            self.assertEqual(raw.count(b"\n"), raw.count(b"\r\n"))
            message = email.message_from_bytes(raw, policy=email.policy.SMTP)
            assert isinstance(message, EmailMessage)
            (part,) = message.iter_parts()
            assert isinstance(part, EmailMessage)
            self.assertEqual(part.get_content_type(), kind, original[:80])
            self.assertEqual(part["Content-Transfer-Encoding"], encoding)
            (shown,) = (await kit.email(made["id"], "attachments"))["attachments"]
            inside = (await self.octets(shown["blobId"])).replace(b"\r\n", b"\n")
            self.assertEqual(inside, (prefix + original).replace(b"\r\n", b"\n"))

    async def test_not_found(self) -> None:
        kit = await self.start()
        theirs = await self.upload(b"of bob", who=BOB)
        mine = await self.upload(b"of alice")
        blobs = [mine, theirs, "0" * 64, "e999", "nonsense", mine + "-1"]
        error = await self.refused(attachments=[{"blobId": blob} for blob in blobs])
        self.assertEqual(error["type"], "blobNotFound")
        self.assertEqual(sorted(error["notFound"]), sorted(blobs[1:]))
        self.assertEqual(await kit.ids(), [])

    async def test_gone_meanwhile(self) -> None:
        """Between being found and being read."""
        kit = await self.start()
        made = await self.create(attachments=[{"blobId": await self.upload(b"x"), "name": "a"}])
        (part,) = (await kit.email(made["id"], "attachments"))["attachments"]
        composer = EmailComposer(kit.clock, kit.store, here, JmapLimits())
        new = await composer.read(self.whole(attachments=[{"blobId": part["blobId"]}]))
        find = composer._blobs.find

        async def find_and_remove(account_id: int, blob_id: str) -> Blob:
            blob = await find(account_id, blob_id)
            await kit.call("Email/set", destroy=[made["id"]])
            await kit.store.write(lambda tx: tx.bodies.sweep(100))
            return blob

        self.patch(composer._blobs, "find", find_and_remove)
        with self.assertRaises(SetError) as caught:
            await composer.compose(kit.alice, new)
        self.assertEqual(caught.exception.to_json()["notFound"], [part["blobId"]])

    async def test_charsets_of_files(self) -> None:
        kit = await self.start()
        blob = await self.upload("Grüße".encode("iso-8859-1"))
        made = await self.create(
            textBody=[{"blobId": blob, "type": "text/plain", "charset": "iso-8859-1", "size": 1}]
        )
        shown = await kit.email(made["id"], "bodyValues", "textBody", fetchTextBodyValues=True)
        self.assertEqual(shown["textBody"][0]["charset"], "iso-8859-1")
        self.assertEqual(next(iter(shown["bodyValues"].values()))["value"], "Grüße")
