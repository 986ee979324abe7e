"""Reports that come back about what was submitted: dsnBlobIds, deliveryStatus (RFC 8621 7)."""

from __future__ import annotations

from typing import Any

from mailim.interfaces.filters import Action, Verdict
from mailim.interfaces.mail_events import DELIVERED, RELAYED
from mailim.interfaces.spool import NewMail
from mailim.interfaces.store import ITransaction
from mailim.mail.bounce import Bounces
from mailim.mail.delivery import LocalDelivery
from mailim.mail.troubles import Trouble
from tests.protocols.jmap.kit import ALICE, BOB, mail
from tests.protocols.jmap.submitting import SubmissionCase
from tests.wire.reports import recipient, report

NAME = "one@example.test"


class NoticeCase(SubmissionCase):
    async def relayed(self, to: str = BOB, envelope: Any = None) -> str:
        """Send a message that another server takes; gives the submission."""
        made = await self.sent(await self.draft(to, extra=f"Message-ID: <{NAME}>\r\n"), envelope)
        await self.ended(RELAYED, "mx.example.org said: 250 ok")
        id: str = made["id"]
        return id

    async def ended(self, what: str, detail: str = "") -> None:
        """Let time pass, and all that is in the spool end in one way."""
        await self.later(11)

        def unit(tx: ITransaction) -> None:
            for entry in tx.spool.list(10):
                for each in entry.recipients:
                    tx.spool.done(each.id, what, detail)

        await self.kit.store.write(unit)

    async def arrives(self, data: bytes, verdict: Verdict | None = None, to: str = ALICE) -> None:
        """Deliver a mail as the queue does."""
        kit = self.kit
        prepared = await kit.intake.prepare(data)
        new = NewMail("", (to,), "smtp", "[192.0.2.1]", kit.intake.now())
        spool_id = await kit.intake.keep(new, prepared)
        entry = await kit.store.read(lambda tx: tx.spool.get(spool_id))
        account = await kit.site.directory.find(to)
        assert entry is not None and account is not None
        await LocalDelivery(kit.store).deliver(
            entry, entry.recipients[0], account.id, prepared.facts, verdict or Verdict()
        )

    async def status(self, id: str, of: str = BOB) -> tuple[str, str]:
        status = (await self.shown(id))["deliveryStatus"][of]
        return status["delivered"], status["smtpReply"]

    async def changed(self, since: str) -> list[str]:
        found = await self.kit.call("EmailSubmission/changes", sinceState=since)
        updated: list[str] = found["updated"]
        return updated

    async def state(self) -> str:
        state: str = (await self.kit.call("EmailSubmission/get", ids=[]))["state"]
        return state


class ReportsTests(NoticeCase):
    async def test_a_report_from_outside(self) -> None:
        kit = await self.start()
        id = await self.relayed()
        self.assertEqual(await self.status(id), ("unknown", "250 ok"))
        self.assertEqual((await self.shown(id))["dsnBlobIds"], [])
        since = await self.state()
        late = report([recipient(BOB, "delayed", "4.4.1")], NAME)
        said = "550 5.1.1 nobody of that name"
        gone = report([recipient("BOB@example.test", said=said)], NAME)
        for data, status in (
            (late, ("unknown", "451 4.4.1 Delayed")),
            (gone, ("no", said)),
            (late, ("no", said)),
        ):
            await self.arrives(data)
            self.assertEqual(await self.status(id), status)
            self.assertEqual(await self.changed(since), [id])
            since = await self.state()
        blobs = (await self.shown(id))["dsnBlobIds"]
        self.assertEqual(len(blobs), 3)
        for blob, data in zip(blobs, (late, gone, late), strict=True):
            path = f"/jmap/download/{kit.account_id}/{blob}/x"
            answer = await kit.answer("GET", path)
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.body.endswith(data))

    async def test_a_success(self) -> None:
        await self.start()
        id = await self.relayed()
        await self.arrives(report([recipient(BOB, "delivered", "2.1.5")], NAME))
        self.assertEqual(await self.status(id), ("yes", "250 2.1.5 Delivered"))

    async def test_known_by_its_envelope_id(self) -> None:
        """Also where the message has no name, or shares it with another submission."""
        await self.start()
        sender = {"email": ALICE, "parameters": {"ENVID": "QQ 3"}}
        first = await self.relayed(envelope={"mailFrom": sender, "rcptTo": [{"email": BOB}]})
        second = await self.relayed()
        await self.arrives(report([recipient(BOB)], NAME, "QQ 3"))
        self.assertEqual((await self.status(first))[0], "no")
        self.assertEqual((await self.status(second))[0], "unknown")

    async def test_our_own_notice(self) -> None:
        """The mail has no Message-ID: its envelope id is our own."""
        kit = await self.start()
        made = await self.sent(await self.draft())
        await self.later(11)
        [entry] = await self.spooled()
        bounces = Bounces(kit.store, kit.intake, "mail.example.test", "example.test")
        notice = await bounces.failed(entry, [Trouble(BOB, "Given up.")])
        assert notice.prepared.body.data is not None
        await self.arrives(notice.prepared.body.data)
        shown = await self.shown(made["id"])
        self.assertEqual(len(shown["dsnBlobIds"]), 1)
        # It waits here still, whatever a report says: the spool knows better.
        self.assertEqual(shown["deliveryStatus"][BOB]["delivered"], "queued")

    async def test_what_we_know_ourselves_a_report_cannot_change(self) -> None:
        await self.start()
        made = await self.sent(await self.draft(extra=f"Message-ID: <{NAME}>\r\n"))
        await self.ended(DELIVERED)
        await self.arrives(report([recipient(BOB)], NAME))
        self.assertEqual(await self.status(made["id"]), ("yes", "250 2.1.5 Delivered"))
        self.assertEqual(len((await self.shown(made["id"]))["dsnBlobIds"]), 1)

    async def test_what_is_not_about_it(self) -> None:
        await self.start()
        id = await self.relayed()
        await self.arrives(report([recipient(BOB)], "other@example.test"))
        await self.arrives(mail(extra=f"References: <{NAME}>\r\n"))
        await self.arrives(report([recipient(BOB)], NAME, to=BOB), to=BOB)  # not the sender
        await self.arrives(report([recipient(BOB)], NAME), Verdict(Action.JUNK))
        self.assertEqual((await self.shown(id))["dsnBlobIds"], [])
        self.assertEqual(await self.status(id), ("unknown", "250 ok"))
        await self.arrives(report([recipient("x@example.test")], NAME))
        shown = await self.shown(id)
        self.assertEqual((len(shown["dsnBlobIds"]), list(shown["deliveryStatus"])), (1, [BOB]))
        self.assertEqual(await self.status(id), ("unknown", "250 ok"))

    async def test_filed_by_a_rule_it_counts(self) -> None:
        await self.start()
        id = await self.relayed()
        await self.arrives(report([recipient(BOB)], NAME), Verdict(folder="Lists/Reports"))
        self.assertEqual(len((await self.shown(id))["dsnBlobIds"]), 1)

    async def test_a_report_that_is_thrown_away(self) -> None:
        kit = await self.start()
        id = await self.relayed()
        await self.arrives(report([recipient(BOB)], NAME))
        since = await self.state()
        [blob] = (await self.shown(id))["dsnBlobIds"]
        [email] = [
            each["id"]
            for each in (await kit.call("Email/get", properties=["blobId"]))["list"]
            if each["blobId"] == blob
        ]
        await kit.call("Email/set", destroy=[email])
        self.assertEqual((await self.shown(id))["dsnBlobIds"], [])
        self.assertEqual(await self.changed(since), [id])
        self.assertEqual((await self.status(id))[0], "no")

    async def test_no_client_has_a_say(self) -> None:
        kit = await self.start()
        id = await self.relayed()
        answer = await kit.call("EmailSubmission/set", update={id: {"dsnBlobIds": ["x"]}})
        self.assertEqual(answer["notUpdated"][id]["properties"], ["dsnBlobIds"])
        answer = await kit.call("EmailSubmission/set", update={id: {"dsnBlobIds": []}})
        self.assertEqual(answer["updated"], {id: None})
