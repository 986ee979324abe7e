"""Email/import, Email/parse, Email/copy and Blob/copy (RFC 8621 sections 4.7 to 4.9)."""

from __future__ import annotations

from typing import Any

from mailim.protocols.jmap.limits import JmapLimits
from tests.protocols.jmap.creating import Creating
from tests.protocols.jmap.kit import BOB, Kit, mail
from tests.protocols.jmap.test_email_get import RICH

RECEIVED = (
    "Received: from b by c; Sat, 29 Feb 2020 23:59:59 +0100\r\n"
    "Received: from a by b; Sat, 29 Feb 2020 22:00:00 +0000\r\n"
)


class ImportTests(Creating):
    async def take(self, **given: Any) -> dict[str, Any]:
        """Import one; gives what became of it."""
        value = {"mailboxIds": {self.kit.boxes["inbox"]: True}, **given}
        result = await self.kit.call("Email/import", emails={"k": value})
        self.assertEqual(
            set(result), {"accountId", "oldState", "newState", "created", "notCreated"}
        )
        one: dict[str, Any] = (result["created"] or result["notCreated"])["k"]
        return one

    async def test_an_upload(self) -> None:
        kit = await self.start()
        blob = await self.upload(RICH)
        made = await self.take(
            blobId=blob, keywords={"$Seen": True}, receivedAt="2020-01-02T03:04:05Z"
        )
        self.assertEqual(set(made), {"id", "blobId", "threadId", "size"})
        self.assertEqual((made["blobId"], made["size"]), (blob, len(RICH)))
        shown = await kit.email(made["id"], "keywords", "receivedAt", "subject", "attachments")
        self.assertEqual(shown["keywords"], {"$seen": True})
        self.assertEqual(shown["receivedAt"], "2020-01-02T03:04:05Z")
        self.assertEqual(shown["subject"], "Grüße")
        self.assertEqual(len(shown["attachments"]), 2)
        self.assertEqual(await self.octets(made["blobId"]), RICH)

    async def test_a_large_one(self) -> None:
        await self.start()
        octets = mail(text="many words\r\n" * 30_000)
        made = await self.take(blobId=await self.upload(octets))
        self.assertEqual(await self.octets(made["blobId"]), octets)

    async def test_when_it_came(self) -> None:
        kit = await self.start()
        for octets, when in (
            (mail(extra=RECEIVED), "2020-02-29T22:59:59Z"),
            (mail(), "2023-11-14T22:13:20Z"),
            (mail(extra="Received: nonsense; never\r\n"), "2023-11-14T22:13:20Z"),
            (
                mail(extra="Received: x; Sat, 29 Feb 1020 22:00:00 +0000\r\n"),
                "2023-11-14T22:13:20Z",
            ),
        ):
            made = await self.take(blobId=await self.upload(octets))
            self.assertEqual((await kit.email(made["id"], "receivedAt"))["receivedAt"], when)

    async def test_what_is_here_already(self) -> None:
        """A message as it came, with its trace headers; and one attached to another."""
        kit = await self.start()
        prefix = b"Received: by us; Mon, 23 Nov 2026 12:00:00 +0000\r\n"
        blob = (await kit.email(await kit.add(mail("whole"), prefix=prefix), "blobId"))["blobId"]
        made = await self.take(blobId=blob)
        self.assertEqual(await self.octets(made["blobId"]), prefix + mail("whole"))
        rich = await kit.email(await kit.add(RICH), "attachments")
        made = await self.take(blobId=rich["attachments"][1]["blobId"])
        self.assertEqual((await kit.email(made["id"], "subject"))["subject"], "inside")

    async def test_refusals(self) -> None:
        kit = await self.start()
        blob, junk = await self.upload(mail()), await self.upload(b"\x89PNG\r\n\x1a\n")
        theirs = await self.upload(mail("of bob"), who=BOB)
        boxes = {kit.boxes["inbox"]: True, kit.boxes["drafts"]: True}
        many = {f"k{number}": True for number in range(200)}
        refusals: list[tuple[dict[str, Any], str, list[str] | None]] = [
            ({"blobId": None}, "invalidProperties", ["blobId"]),
            ({"blobId": 1}, "invalidProperties", ["blobId"]),
            ({"blobId": "0" * 64}, "invalidProperties", ["blobId"]),
            ({"blobId": theirs}, "invalidProperties", ["blobId"]),
            ({"blobId": junk}, "invalidEmail", None),
            ({"blobId": await self.upload(b"")}, "invalidEmail", None),
            ({"mailboxIds": None}, "invalidProperties", ["mailboxIds"]),
            ({"mailboxIds": {}}, "invalidProperties", ["mailboxIds"]),
            ({"mailboxIds": {"m999": True}}, "invalidProperties", ["mailboxIds"]),
            ({"mailboxIds": boxes}, "tooManyMailboxes", ["mailboxIds"]),
            ({"keywords": {"(": True}}, "invalidProperties", ["keywords"]),
            ({"keywords": many}, "tooManyKeywords", None),
            ({"receivedAt": "now"}, "invalidProperties", ["receivedAt"]),
            ({"subject": "x"}, "invalidProperties", ["subject"]),
        ]
        for given, type, properties in refusals:
            error = await self.take(**{"blobId": blob, **given})
            self.assertEqual((error["type"], error.get("properties")), (type, properties), given)
        self.assertEqual(await kit.ids(), [])

    async def test_state_and_reference(self) -> None:
        kit = await self.start()
        blob = await self.upload(mail())
        here = {"accountId": kit.account_id}
        one = {"blobId": blob, "mailboxIds": {"#box": True}}
        responses = await kit.request(
            ["Mailbox/set", {**here, "create": {"box": {"name": "old mail"}}}],
            ["Email/import", {**here, "emails": {"a": one, "b": one}}],
            ["Email/get", {**here, "ids": ["#a", "#b"], "properties": ["mailboxIds"]}],
        )
        self.assertEqual(len(responses[2][1]["list"]), 2)
        state = responses[1][1]["oldState"]
        error = await kit.error("Email/import", ifInState=state, emails={"k": one})
        self.assertEqual(error, "stateMismatch")

    async def test_limits(self) -> None:
        kit = await self.start(limits=JmapLimits(size_message=1000, created_octets=500))
        large, small = await self.upload(b"A: b\r\n\r\n" + b"x" * 1000), await self.upload(mail())
        self.assertEqual((await self.take(blobId=large))["type"], "tooLarge")
        boxes = {kit.boxes["inbox"]: True}
        emails = {str(n): {"blobId": small, "mailboxIds": boxes} for n in range(20)}
        result = await kit.call("Email/import", emails=emails)
        self.assertEqual(result["notCreated"]["19"]["type"], "rateLimit")
        self.assertTrue(result["created"])


class ParseTests(Creating):
    async def test_an_attached_message(self) -> None:
        kit = await self.start()
        rich = await kit.email(await kit.add(RICH), "attachments")
        blob = rich["attachments"][1]["blobId"]
        result = await kit.call("Email/parse", blobIds=[blob, "e999", "0" * 64])
        self.assertEqual(result["notFound"], ["e999", "0" * 64])
        self.assertIsNone(result["notParsable"])
        shown = result["parsed"][blob]
        self.assertEqual(shown["subject"], "inside")
        self.assertEqual(
            set(shown),
            {"messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc",
             "replyTo", "subject", "sentAt", "hasAttachment", "preview", "bodyValues",
             "textBody", "htmlBody", "attachments"},
        )  # fmt: skip

    async def test_an_upload_and_its_parts(self) -> None:
        kit = await self.start()
        blob = await self.upload(RICH)
        names = ["id", "blobId", "threadId", "mailboxIds", "keywords", "receivedAt", "size",
                 "subject", "attachments", "bodyValues", "header:Subject", "headers"]  # fmt: skip
        result = await kit.call(
            "Email/parse", blobIds=[blob], properties=names, fetchAllBodyValues=True,
            bodyProperties=["blobId", "name", "size"],
        )  # fmt: skip
        shown = result["parsed"][blob]
        self.assertEqual(list(shown), names)
        for name in ("id", "threadId", "mailboxIds", "keywords", "receivedAt"):
            self.assertIsNone(shown[name])
        self.assertEqual((shown["blobId"], shown["size"]), (blob, len(RICH)))
        self.assertTrue(shown["headers"])
        self.assertTrue(any("Grüße" in each["value"] for each in shown["bodyValues"].values()))
        for part in shown["attachments"]:
            self.assertEqual(len(await self.octets(part["blobId"])), part["size"])
        self.assertEqual(await kit.ids(), [])
        # What was parsed can still become a message.
        made = await kit.call(
            "Email/import",
            emails={"k": {"blobId": blob, "mailboxIds": {kit.boxes["inbox"]: True}}},
        )
        self.assertEqual(await kit.ids({"subject": "Grüße"}), [made["created"]["k"]["id"]])

    async def test_what_is_none(self) -> None:
        kit = await self.start()
        blob = await self.upload(b"\x89PNG\r\n\x1a\n")
        theirs = await self.upload(mail(), who=BOB)
        result = await kit.call("Email/parse", blobIds=[blob, theirs])
        self.assertEqual((result["notParsable"], result["notFound"]), ([blob], [theirs]))
        self.assertIsNone(result["parsed"])

    async def test_errors(self) -> None:
        kit = await self.start(limits=JmapLimits(objects_in_parse=2, size_message=1000))
        for given, type in (
            ({"blobIds": ["a", "b", "c"]}, "requestTooLarge"),
            ({"blobIds": []}, ""),
            ({"blobIds": None}, "invalidArguments"),
            ({"blobIds": [], "properties": ["nothing"]}, "invalidArguments"),
            ({"blobIds": [await self.upload(b"A: b\r\n" + b"x" * 1000)]}, "requestTooLarge"),
        ):
            if type:
                self.assertEqual(await kit.error("Email/parse", **given), type)
            else:
                await kit.call("Email/parse", **given)


class CopyTests(Creating):
    async def test_email(self) -> None:
        kit: Kit = await self.start()
        id = await kit.add()
        copy = {"k": {"id": id, "mailboxIds": {kit.boxes["drafts"]: True}}}
        for account, type in (
            (kit.account_id, "invalidArguments"),
            ("a999", "fromAccountNotFound"),
        ):
            error = await kit.error("Email/copy", fromAccountId=account, create=copy)
            self.assertEqual(error, type)
        self.assertEqual(await kit.error("Email/copy", create=copy), "invalidArguments")

    async def test_blob(self) -> None:
        kit = await self.start()
        mine, theirs = await self.upload(b"x"), await self.upload(b"y", who=BOB)
        result = await kit.call("Blob/copy", fromAccountId=kit.account_id, blobIds=[mine, theirs])
        self.assertEqual(result["copied"], {mine: mine})
        self.assertEqual(result["notCopied"][theirs]["type"], "notFound")
        error = await kit.error("Blob/copy", fromAccountId="a999", blobIds=[mine])
        self.assertEqual(error, "fromAccountNotFound")
