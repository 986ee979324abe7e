"""Messages that are not created, and why (RFC 8621 section 4.6)."""

from __future__ import annotations

import json
from typing import Any

from mailim.config_mail import Mail
from mailim.config_sections import Http
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL
from tests.protocols.jmap.creating import DRAFT, Creating


def part(**given: Any) -> dict[str, Any]:
    """A body structure of one text, with something wrong."""
    return {"bodyStructure": {"partId": "t", **given}, "bodyValues": {"t": {"value": "x"}}}


class RefusalTests(Creating):
    async def test_invalid_properties(self) -> None:
        kit = await self.start()
        one, text = [{"partId": "t"}], {"bodyValues": {"t": {"value": "x"}}}
        refusals: list[tuple[dict[str, Any], list[str]]] = [
            ({"mailboxIds": None}, ["mailboxIds"]),
            ({"mailboxIds": {}}, ["mailboxIds"]),
            ({"mailboxIds": {"m999": True}}, ["mailboxIds"]),
            ({"mailboxIds": {kit.boxes["inbox"]: False}}, ["mailboxIds"]),
            ({"keywords": {"a b": True}}, ["keywords"]),
            ({"keywords": {"$seen": None}}, ["keywords"]),
            ({"keywords": ["$seen"]}, ["keywords"]),
            ({"receivedAt": "yesterday"}, ["receivedAt"]),
            ({"receivedAt": "2026-11-23T12:00:00+01:00"}, ["receivedAt"]),
            ({"receivedAt": "1969-12-31T23:59:59Z"}, ["receivedAt"]),
            ({"receivedAt": "2026-02-30T12:00:00Z"}, ["receivedAt"]),
            ({"id": "e1"}, ["id"]),
            ({"size": 1}, ["size"]),
            ({"preview": "x"}, ["preview"]),
            ({"hasAttachment": True}, ["hasAttachment"]),
            ({"blobId": "x"}, ["blobId"]),
            ({"headers": [{"name": "X", "value": "y"}]}, ["headers"]),
            ({"nothing": None}, ["nothing"]),
            ({"subject": 1}, ["subject"]),
            ({"from": "a@b"}, ["from"]),
            ({"from": [{"name": "x"}]}, ["from"]),
            ({"from": [{"email": None}]}, ["from"]),
            ({"from": [{"email": "a@b", "more": 1}]}, ["from"]),
            ({"to": ["a@b"]}, ["to"]),
            ({"messageId": "a@b"}, ["messageId"]),
            ({"inReplyTo": ["a b"]}, ["inReplyTo"]),
            ({"references": ["<a@b>"]}, ["references"]),
            ({"sentAt": "now"}, ["sentAt"]),
            ({"sentAt": "2026-13-01T00:00:00Z"}, ["sentAt"]),
            ({"subject": "x", "header:Subject:asText": "y"}, ["header:Subject:asText"]),
            ({"header:X:asText": "y", "header:x": " y"}, ["header:x"]),
            ({"header:From:asText": "y"}, ["header:From:asText"]),
            ({"header:Subject:asAddresses": []}, ["header:Subject:asAddresses"]),
            ({"header:X:asNothing": "y"}, ["header:X:asNothing"]),
            ({"header:X:asText:all": "y"}, ["header:X:asText:all"]),
            ({"header:X:asText:all": ["y", None]}, ["header:X:asText:all"]),
            ({"header:X": "é"}, ["header:X"]),
            ({"header:": "y"}, ["header:"]),
            ({"header:Content-Type": " text/html"}, ["header:Content-Type"]),
            ({"header:content-x": " y"}, ["header:content-x"]),
            ({"header:MIME-Version": " 2.0"}, ["header:MIME-Version"]),
            ({"bodyValues": []}, ["bodyValues"]),
            ({"bodyValues": {"t": "x"}}, ["bodyValues/t"]),
            ({"bodyValues": {"t": {"value": 1}}}, ["bodyValues/t"]),
            ({"bodyValues": {"t": {"value": "x", "isTruncated": True}}}, ["bodyValues/t"]),
            ({"bodyValues": {"t": {"value": "x", "isEncodingProblem": True}}}, ["bodyValues/t"]),
            ({"textBody": one}, ["textBody/0/partId"]),
            ({"textBody": [], **text}, ["textBody"]),
            ({"textBody": [*one, *one], **text}, ["textBody"]),
            ({"textBody": [{"partId": "t", "type": "text/html"}], **text}, ["textBody/0/type"]),
            ({"htmlBody": [{"partId": "t", "type": "text/plain"}], **text}, ["htmlBody/0/type"]),
            ({"attachments": {}}, ["attachments"]),
            ({"attachments": ["x"]}, ["attachments/0"]),
            ({"attachments": [{"type": "image/png"}]}, ["attachments/0/partId"]),
            ({"textBody": one, "bodyStructure": one[0], **text}, ["textBody"]),
            (part(blobId="x"), ["bodyStructure/blobId"]),
            (part(charset="utf-8"), ["bodyStructure/charset"]),
            (part(size=1), ["bodyStructure/size"]),
            (part(type="text/plain", subParts=[]), ["bodyStructure/subParts"]),
            (part(headers=[]), ["bodyStructure/headers"]),
            (part(nothing=1), ["bodyStructure/nothing"]),
            (part(type="image/png"), ["bodyStructure/type"]),
            (part(type="text"), ["bodyStructure/type"]),
            (part(type="text/plain; charset=x"), ["bodyStructure/type"]),
            (part(disposition="in line"), ["bodyStructure/disposition"]),
            (part(cid="<x>"), ["bodyStructure/cid"]),
            (part(cid=1), ["bodyStructure/cid"]),
            (part(language="de"), ["bodyStructure/language"]),
            (part(language=["d e"]), ["bodyStructure/language"]),
            (part(location="a b"), ["bodyStructure/location"]),
            (part(name="x" * 256), ["bodyStructure/name"]),
            (part(**{"header:Content-Transfer-Encoding": " 8bit"}),
             ["bodyStructure/header:Content-Transfer-Encoding"]),
            (part(type="text/plain", **{"header:Content-Type": " text/plain"}),
             ["bodyStructure/header:Content-Type"]),
            (part(cid="x@y", **{"header:Content-ID": " <x>"}),
             ["bodyStructure/header:Content-ID"]),
            ({"subject": "x", **part(**{"header:Subject": " y"})},
             ["bodyStructure/header:Subject"]),
            ({"bodyStructure": {"type": "multipart/mixed"}}, ["bodyStructure/subParts"]),
            ({"bodyStructure": {"type": "multipart/mixed", "subParts": []}},
             ["bodyStructure/subParts"]),
            ({"bodyStructure": {"type": "multipart/mixed", "partId": "t",
                                "subParts": [{"partId": "t"}]}, **text},
             ["bodyStructure/partId"]),
            ({"bodyStructure": {"type": "multipart/mixed", "subParts": [{"cid": "x@y"}]}},
             ["bodyStructure/subParts/0/partId"]),
            ({"bodyStructure": []}, ["bodyStructure"]),
            # All that is wrong is told at once.
            ({"subject": 1, "to": 1, "mailboxIds": {kit.boxes["inbox"]: True}, "x": 1,
              "bodyValues": {"t": 1}}, ["subject", "to", "x", "bodyValues/t"]),
        ]  # fmt: skip
        for given, properties in refusals:
            error = await self.refused(**given)
            self.assertEqual(error["type"], "invalidProperties", given)
            self.assertEqual(error["properties"], properties, given)
            self.assertTrue(error["description"])
        self.assertEqual(await kit.ids(), [])

    async def test_other_errors(self) -> None:
        kit = await self.start()
        boxes = {kit.boxes["inbox"]: True, kit.boxes["drafts"]: True}
        many = {f"k{number}": True for number in range(200)}
        self.assertEqual((await self.refused(mailboxIds=boxes))["type"], "tooManyMailboxes")
        self.assertEqual((await self.refused(keywords=many))["type"], "tooManyKeywords")
        missing = await kit.call("Email/set", create={"k": {"subject": "x"}})
        self.assertEqual(missing["notCreated"]["k"]["properties"], ["mailboxIds"])

    async def test_one_of_several(self) -> None:
        kit = await self.start()
        result = await kit.call(
            "Email/set",
            create={"a": self.whole(subject="a"), "b": self.whole(subject=1),
                    "c": self.whole(keywords={"(": True}), "d": self.whole(subject="d")},
        )  # fmt: skip
        self.assertEqual(set(result["created"]), {"a", "d"})
        self.assertEqual(set(result["notCreated"]), {"b", "c"})
        self.assertEqual(len(await kit.ids()), 2)

    async def test_limits(self) -> None:
        limits = JmapLimits(
            size_attachments=1000, created_parts=5, created_depth=3, created_header_octets=2000,
            created_text_octets=100, size_message=5000,
        )  # fmt: skip
        kit = await self.start(limits=limits)
        blob = await self.upload(b"x" * 600)
        text = {"t": {"value": "x" * 60}}
        deep: dict[str, Any] = {"partId": "t"}
        for _ in range(3):
            deep = {"type": "multipart/mixed", "subParts": [deep]}
        small = await self.upload(b"")
        for given, type in (
            ({"attachments": [{"blobId": blob}, {"blobId": blob}]}, "tooLarge"),
            ({"subject": "x" * 2000}, "tooLarge"),
            ({"subject": "é" * 1900}, "tooLarge"),
            ({"textBody": [{"partId": "t"}], "htmlBody": [{"partId": "t"}], "bodyValues": text},
             "tooLarge"),
            ({"bodyStructure": deep, "bodyValues": text}, "invalidProperties"),
            ({"attachments": [{"blobId": small}] * 6}, "invalidProperties"),
        ):  # fmt: skip
            self.assertEqual((await self.refused(**given))["type"], type, given)
        await self.create(attachments=[{"blobId": blob}, {"blobId": small}], bodyValues=text)
        mails = await kit.call("Email/get", ids=None, properties=["size"])
        self.assertEqual(len(mails["list"]), 1)
        session = json.loads((await kit.answer("GET", "/.well-known/jmap")).body)
        mail_limits = session["accounts"][kit.account_id]["accountCapabilities"][MAIL]
        self.assertEqual(mail_limits["maxSizeAttachmentsPerEmail"], 1000)

    async def test_messages_as_large_as_one_may_be(self) -> None:
        """What maxSizeAttachmentsPerEmail promises fits into a message that can be sent."""
        octets = 200_000
        limits = JmapLimits.of(Http(), Mail(message_octets=octets))
        kit = await self.start(limits=limits)
        blob = await self.upload(b"x" * limits.size_attachments)
        made = await self.create(**DRAFT, attachments=[{"blobId": blob}])
        self.assertLessEqual(made["size"], octets)
        other = await self.upload(b"x" * (limits.size_attachments + 1))
        error = await self.refused(**DRAFT, attachments=[{"blobId": other}])
        self.assertEqual(error["type"], "tooLarge")
        # Texts count for the message only.
        error = await self.refused(
            textBody=[{"partId": "t"}], bodyValues={"t": {"value": "x\n" * octets}}
        )
        self.assertEqual(error["type"], "tooLarge")
        self.assertEqual(len(await kit.ids()), 1)

    async def test_too_much_at_once(self) -> None:
        await self.start(limits=JmapLimits(created_octets=100))
        create = {str(number): self.whole() for number in range(4)}
        result = await self.kit.call("Email/set", create=create)
        self.assertEqual(result["notCreated"]["3"]["type"], "rateLimit")
