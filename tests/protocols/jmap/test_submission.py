"""EmailSubmission: what may be sent, what is sent, and calling it back."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from mailim.interfaces.spool import SpoolEntry
from mailim.mail.submission import Submitting
from tests.protocols.jmap.kit import ALICE, BOB, Kit, mail

FROM_ALICE = "Alice <alice@example.test>"


class SubmissionCase(TestCase):
    async def start(self) -> Kit:
        self.kit = kit = await Kit.start(self)
        await kit.site.accounts.add_alias("sales@example.test", ALICE)
        self.identity = (await kit.call("Identity/get"))["list"][0]["id"]
        service = Submitting(kit.clock, kit.store, kit.site.events, kit.intake)
        service.startService()
        self.addCleanup(service.stopService)
        self.service = service
        return kit

    async def draft(self, to: str = BOB, sender: str = FROM_ALICE, extra: str = "") -> str:
        data = mail("draft", sender=sender, extra=extra).replace(
            b"To: alice@example.test", f"To: {to}".encode()
        )
        return await self.kit.add(data, "drafts", ("$draft",))

    async def send(self, email: str, envelope: Any = None, **more: Any) -> dict[str, Any]:
        value = {"identityId": self.identity, "emailId": email, **more}
        if envelope is not None:
            value["envelope"] = envelope
        return await self.kit.call("EmailSubmission/set", create={"s": value})

    async def sent(self, email: str, envelope: Any = None) -> dict[str, Any]:
        answer = await self.send(email, envelope)
        self.assertIsNone(answer["notCreated"])
        made: dict[str, Any] = answer["created"]["s"]
        return made

    async def refused(self, email: str, envelope: Any = None, **more: Any) -> dict[str, Any]:
        answer = await self.send(email, envelope, **more)
        self.assertIsNone(answer["created"])
        error: dict[str, Any] = answer["notCreated"]["s"]
        return error

    async def shown(self, id: str) -> dict[str, Any]:
        found = await self.kit.call("EmailSubmission/get", ids=[id])
        self.assertEqual(found["notFound"], [])
        value: dict[str, Any] = found["list"][0]
        return value

    async def spooled(self) -> list[SpoolEntry]:
        return list(await self.kit.store.read(lambda tx: tx.spool.list(100)))

    async def octets(self, entry: SpoolEntry) -> bytes:
        return await self.kit.store.bodies.read(entry.sha256)

    async def later(self, seconds: float) -> None:
        """Let time pass, and wait for what the service does about it."""
        await self.quiet()
        self.kit.clock.advance(seconds)
        await self.quiet()

    async def quiet(self) -> None:
        await self.kit.site.settle()
        while self.service.busy:
            await self.kit.store.read(lambda tx: None)


class SendingTests(SubmissionCase):
    async def test_sent_after_the_undo_time(self) -> None:
        kit = await self.start()
        email = await self.draft()
        made = await self.sent(email)
        self.assertEqual(made["undoStatus"], "pending")
        self.assertEqual(made["sendAt"], "2023-11-14T22:13:30Z")
        self.assertIsNone(made["deliveryStatus"])
        self.assertEqual(
            made["envelope"],
            {
                "mailFrom": {"email": ALICE, "parameters": None},
                "rcptTo": [{"email": BOB, "parameters": None}],
            },
        )
        await self.later(9.9)
        self.assertEqual(await self.spooled(), [])
        await self.later(0.2)
        [entry] = await self.spooled()
        self.assertEqual((entry.sender, entry.origin), (ALICE, "jmap"))
        self.assertEqual([each.address for each in entry.recipients], [BOB])
        self.assertEqual(entry.account_id, kit.alice.id)
        self.assertNotIn(b"alice", entry.prefix.lower())
        shown = await self.shown(made["id"])
        self.assertEqual(shown["undoStatus"], "final")
        status = {"smtpReply": "250 2.1.5 Queued", "delivered": "queued", "displayed": "unknown"}
        self.assertEqual(shown["deliveryStatus"], {BOB: status})
        await self.later(1000)
        self.assertEqual(len(await self.spooled()), 1)

    async def test_called_back(self) -> None:
        kit = await self.start()
        made = await self.sent(await self.draft())
        await self.later(5)
        answer = await kit.call(
            "EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}}
        )
        self.assertEqual(answer["updated"], {made["id"]: None})
        await self.later(1000)
        self.assertEqual(await self.spooled(), [])
        shown = await self.shown(made["id"])
        self.assertEqual((shown["undoStatus"], shown["deliveryStatus"]), ("canceled", None))

    async def test_too_late(self) -> None:
        kit = await self.start()
        made = await self.sent(await self.draft())
        await self.later(11)
        answer = await kit.call(
            "EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}}
        )
        self.assertEqual(answer["notUpdated"][made["id"]]["type"], "cannotUnsend")
        self.assertEqual(len(await self.spooled()), 1)

    async def test_destroying_the_message_or_the_submission_calls_nothing_back(self) -> None:
        kit = await self.start()
        emails = [await self.draft(extra=extra) for extra in ("X-N: 1\r\n", "Bcc: a@b\r\n")]
        envelope = {"mailFrom": {"email": ALICE}, "rcptTo": [{"email": BOB}]}
        made = [await self.sent(each, envelope) for each in emails]
        gone = await kit.call("Email/set", destroy=emails)
        self.assertEqual(gone["destroyed"], emails)
        await kit.call("EmailSubmission/set", destroy=[made[0]["id"]])
        found = await kit.call("EmailSubmission/get")
        self.assertEqual([each["id"] for each in found["list"]], [made[1]["id"]])
        await kit.store.write(lambda tx: tx.bodies.sweep(10))
        await self.later(11)
        entries = await self.spooled()
        self.assertEqual(len(entries), 2)
        for entry in entries:
            self.assertIn(b"some words", await self.octets(entry))


class BccTests(SubmissionCase):
    async def test_nobody_sees_bcc(self) -> None:
        await self.start()
        extra = "Bcc: admin@example.test,\r\n  sales@example.test\r\nX-Kept: \xe9\r\nbCC :\r\n"
        email = await self.draft(extra=extra)
        made = await self.sent(email)
        recipients = [each["email"] for each in made["envelope"]["rcptTo"]]
        self.assertEqual(recipients, [BOB, "admin@example.test", "sales@example.test"])
        await self.later(11)
        [entry] = await self.spooled()
        self.assertEqual([each.address for each in entry.recipients], recipients)
        before = mail("draft", sender=FROM_ALICE, extra=extra).replace(b"To: alice", b"To: bob")
        bcc = extra.split("X-Kept")[0].encode()
        self.assertEqual(
            await self.octets(entry), before.replace(bcc, b"").replace(b"bCC :\r\n", b"")
        )
        self.assertNotIn(b"admin", entry.prefix)
