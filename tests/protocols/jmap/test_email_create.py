"""Creating messages by Email/set (RFC 8621 section 4.6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from mailim.events import ItemsChanged, MailDelivered
from mailim.protocols.jmap.email_composer import EmailComposer
from mailim.protocols.jmap.limits import JmapLimits
from tests.fakes.waiting import until
from tests.protocols.jmap.creating import DRAFT, Creating
from tests.protocols.jmap.kit import here, mail

reactor: Any = installed


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
            {"blobId": await self.upload(data), "type": "application/zip",
             "name": "größe 1.zip"},
            {"blobId": await self.upload(b""), "type": "application/pdf",
             "disposition": "attachment"},
        ]  # fmt: skip
        _, message = await self.message(**DRAFT, attachments=files)
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

    async def test_a_changed_draft(self) -> None:
        """The new one and the end of the old one in one call, as clients do it."""
        kit = await self.start()
        old = await self.create(**DRAFT)
        result = await kit.call(
            "Email/set",
            create={"new": self.whole(**{**DRAFT, "subject": "Changed"})},
            destroy=[old["id"]],
        )
        self.assertEqual(result["destroyed"], [old["id"]])
        self.assertEqual(await kit.ids(), [result["created"]["new"]["id"]])
        self.assertLess(int(result["oldState"]), int(result["newState"]))

    async def test_nothing_but_a_mailbox(self) -> None:
        await self.start()
        raw, message = await self.message()
        self.assertEqual(set(message.keys()) - {"Content-Transfer-Encoding"}, {
            "Date", "Message-ID", "MIME-Version", "Content-Type",
        })  # fmt: skip
        self.assertEqual(raw.partition(b"\r\n\r\n")[2], b"\r\n")

    async def test_times(self) -> None:
        kit = await self.start()
        made = await self.create(
            receivedAt="2020-02-29T23:59:59Z", sentAt="2020-02-29T22:00:00-03:30",
            messageId=["my.own@example.test"],
        )  # fmt: skip
        shown = await kit.email(made["id"], "receivedAt", "sentAt", "messageId", "header:Date")
        self.assertEqual(shown["receivedAt"], "2020-02-29T23:59:59Z")
        self.assertEqual(shown["sentAt"], "2020-03-01T01:30:00Z")
        self.assertEqual(shown["header:Date"], " Sat, 29 Feb 2020 22:00:00 -0330")
        self.assertEqual(shown["messageId"], ["my.own@example.test"])

    async def test_threads(self) -> None:
        kit = await self.start()
        asked = await kit.add(mail("question", extra="Message-ID: <q@example.org>\r\n"))
        thread = (await kit.email(asked, "threadId"))["threadId"]
        reply = await self.create(subject="Re: question", inReplyTo=["q@example.org"])
        self.assertEqual(reply["threadId"], thread)

    async def test_references_between_calls(self) -> None:
        kit = await self.start()
        here = {"accountId": kit.account_id}
        responses = await kit.request(
            ["Mailbox/set", {**here, "create": {"box": {"name": "new"}}}],
            ["Email/set", {**here, "create": {"k": {"mailboxIds": {"#box": True}}},
                           "update": {"#k": {"keywords/$flagged": True}}}],
            ["Email/get", {**here, "ids": ["#k"], "properties": ["mailboxIds", "keywords"]}],
            ["Email/set", {**here, "destroy": ["#k"]}],
        )  # fmt: skip
        box = responses[0][1]["created"]["box"]["id"]
        id = responses[1][1]["created"]["k"]["id"]
        self.assertEqual(responses[1][1]["updated"], {"#k": None})
        self.assertEqual(
            responses[2][1]["list"],
            [{"id": id, "mailboxIds": {box: True}, "keywords": {"$flagged": True}}],
        )
        self.assertIsNone(responses[3][1]["notDestroyed"])
        self.assertEqual(await kit.ids(), [])

    async def test_states_and_events(self) -> None:
        kit = await self.start()
        heard: list[object] = []
        kit.site.events.subscribe(MailDelivered, heard.append)
        kit.site.events.subscribe(ItemsChanged, heard.append)
        state = (await kit.call("Email/get", ids=[]))["state"]
        made = await kit.call("Email/set", ifInState=state, create={"k": self.whole()})
        self.assertEqual(made["oldState"], state)
        # A draft is no mail that has come.
        self.assertEqual([type(event) for event in heard], [ItemsChanged])
        changes = await kit.call("Email/changes", sinceState=state)
        self.assertEqual(changes["created"], [made["created"]["k"]["id"]])
        wrong = await kit.error("Email/set", ifInState=state, create={"k": self.whole()})
        self.assertEqual(wrong, "stateMismatch")
        self.assertEqual(len(await kit.ids()), 1)

    async def test_a_client_that_goes(self) -> None:
        """What was written so far goes with it."""
        kit = await self.start()
        blob = await self.upload(b"x" * 2_000_000)
        composer = EmailComposer(kit.clock, kit.store, here, JmapLimits())
        value = self.whole(attachments=[{"blobId": blob}])
        bodies: Any = kit.store.bodies
        temporary: Path = bodies._files._temporary
        work = Deferred.fromCoroutine(self.compose(composer, value))
        while not list(temporary.iterdir()) and not work.called:
            await deferLater(reactor, 0)
        self.assertEqual(len(list(temporary.iterdir())), 1)
        work.cancel()
        await self.assertFailure(work, CancelledError)
        await until(lambda: not list(temporary.iterdir()))
        await self.create(attachments=[{"blobId": blob}])

    async def compose(self, composer: EmailComposer, value: dict[str, Any]) -> None:
        await composer.compose(self.kit.alice, await composer.read(value))
