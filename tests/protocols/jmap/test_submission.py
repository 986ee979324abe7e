"""EmailSubmission: what is sent, calling it back, and looking at what became of it."""

from __future__ import annotations

from typing import Any

from mailim.interfaces.mail_events import DELIVERED, FAILED, RELAYED
from mailim.interfaces.store import ITransaction
from mailim.mail.verdicts import kept_of_copy
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import CORE, MAIL, SUBMISSION
from mailim.store.mail_events import MailEventRows
from tests.protocols.jmap.kit import ALICE, BOB, mail
from tests.protocols.jmap.submitting import FROM_ALICE, SubmissionCase


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

    async def test_too_late_is_said_at_once(self) -> None:
        """Nobody else can write meanwhile: the trace of a long mail is not read for that."""
        kit = await self.start()
        made = await self.sent(await self.draft())
        await self.later(11)
        status = (await self.shown(made["id"]))["deliveryStatus"]
        self.patch(MailEventRows, "events", lambda *_: self.fail("the trace was read"))
        answer = await kit.call(
            "EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}}
        )
        self.assertEqual(answer["notUpdated"][made["id"]]["type"], "cannotUnsend")
        answer = await kit.call(
            "EmailSubmission/set", update={made["id"]: {"deliveryStatus": status}}
        )
        self.assertEqual(answer["notUpdated"][made["id"]]["properties"], ["deliveryStatus"])

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


class LookingTests(SubmissionCase):
    async def test_query(self) -> None:
        kit = await self.start()
        first, second = await self.draft(), await self.draft()
        one = (await self.sent(first))["id"]
        await self.later(60)
        two = (await self.sent(second))["id"]
        three = (await self.sent(second))["id"]
        await kit.call("EmailSubmission/set", update={three: {"undoStatus": "canceled"}})
        filter: Any
        for filter, ids in (
            (None, [three, two, one]),
            ({"undoStatus": "pending"}, [two]),
            ({"undoStatus": "final"}, [one]),
            ({"emailIds": [second]}, [three, two]),
            ({"emailIds": [first, "x"], "identityIds": [self.identity]}, [one]),
            ({"identityIds": ["i99"]}, []),
            ({"threadIds": []}, []),
            ({"before": "2023-11-14T22:14:00Z"}, [one]),
            ({"after": "2023-11-14T22:14:00Z"}, [three, two]),
            ({"operator": "NOT", "conditions": [{"undoStatus": "canceled"}]}, [two, one]),
            ({"operator": "OR", "conditions": [{"emailIds": [first]}, {"undoStatus": "pending"}]},
             [two, one]),
        ):  # fmt: skip
            found = await kit.call("EmailSubmission/query", filter=filter, calculateTotal=True)
            self.assertEqual((found["ids"], found["total"]), (ids, len(ids)), filter)
        found = await kit.call(
            "EmailSubmission/query", sort=[{"property": "sentAt"}], position=1, limit=1
        )
        self.assertEqual((found["ids"], found["position"]), ([two], 1))
        found = await kit.call("EmailSubmission/query", anchor=two, anchorOffset=-1, limit=2)
        self.assertEqual((found["ids"], found["position"]), ([three, two], 0))
        for filter in (5, {"undoStatus": "x"}, {"emailIds": "e1"}, {"before": "x"},
                       {"operator": "AND"}, {"operator": "AND", "conditions": [None]}):  # fmt: skip
            self.assertEqual(
                await kit.error("EmailSubmission/query", filter=filter), "invalidArguments", filter
            )
        self.assertEqual(
            await kit.error("EmailSubmission/query", filter={"text": "x"}), "unsupportedFilter"
        )
        self.assertEqual(
            await kit.error("EmailSubmission/query", sort=[{"property": "id"}]), "unsupportedSort"
        )

    async def test_changes(self) -> None:
        kit = await self.start()
        one = (await self.sent(await self.draft()))["id"]
        state = (await kit.call("EmailSubmission/get", ids=[]))["state"]
        two = (await self.sent(await self.draft()))["id"]
        await self.later(11)
        changes = await kit.call("EmailSubmission/changes", sinceState=state)
        self.assertEqual((changes["created"], changes["updated"]), ([two], [one]))
        found = await kit.call(
            "EmailSubmission/queryChanges", sinceQueryState=state, filter={"undoStatus": "final"}
        )
        self.assertEqual(found["removed"], [one])
        self.assertEqual(found["added"], [{"id": two, "index": 0}, {"id": one, "index": 1}])
        self.assertEqual(
            await kit.error("EmailSubmission/queryChanges", sinceQueryState=state, maxChanges=1),
            "tooManyChanges",
        )
        state = changes["newState"]
        await kit.call("EmailSubmission/set", destroy=[one])
        changes = await kit.call("EmailSubmission/changes", sinceState=state)
        self.assertEqual(changes["destroyed"], [one])
        self.assertEqual(
            await kit.error("EmailSubmission/changes", sinceState="x"), "cannotCalculateChanges"
        )

    async def test_what_became_of_each_recipient(self) -> None:
        kit = await self.start()
        await kit.site.accounts.add_group("team@example.test")
        await kit.site.accounts.add_member("team@example.test", BOB)
        to = "bob+1@example.test, bob+2@example.test, bob+3@example.test, team@example.test"
        made = await self.sent(await self.draft(to=to))
        await self.later(11)
        [entry] = await self.spooled()
        ids = {each.address: each.id for each in entry.recipients}
        spool = (
            "bob+1@example.test",
            "bob+2@example.test",
            "bob+3@example.test",
            "team@example.test",
        )
        state = (await kit.call("EmailSubmission/get", ids=[]))["state"]

        def unit(tx: ITransaction) -> None:
            tx.spool.done(ids[spool[0]], DELIVERED, "Inbox")
            tx.spool.done(ids[spool[1]], FAILED, "mx.example said: 550 5.1.1 nobody")
            tx.spool.retry(ids[spool[2]], 5, "Not now.")
            tx.spool.replace_recipient(ids[spool[3]], [BOB])

        await kit.store.write(unit)
        changes = await kit.call("EmailSubmission/changes", sinceState=state)
        self.assertEqual(changes["updated"], [made["id"]])
        status = (await self.shown(made["id"]))["deliveryStatus"]
        said = [(status[each]["delivered"], status[each]["smtpReply"]) for each in spool]
        self.assertEqual(said, [
            ("yes", "250 2.1.5 Delivered"), ("no", "550 5.1.1 nobody"),
            ("queued", "451 4.4.0 Not now."), ("queued", "250 2.1.5 Queued"),
        ])  # fmt: skip

        def rest(tx: ITransaction) -> None:
            for each in tx.spool.list(1)[0].recipients:
                tx.spool.done(each.id, DELIVERED if each.address == BOB else RELAYED, "250 ok")

        await kit.store.write(rest)
        status = (await self.shown(made["id"]))["deliveryStatus"]
        said = [(status[each]["delivered"], status[each]["smtpReply"]) for each in spool[2:]]
        self.assertEqual(said, [("unknown", "250 ok"), ("yes", "250 2.1.5 Delivered")])

    async def test_memory_stays_small_however_many_recipients_there_are(self) -> None:
        kit = await self.start(JmapLimits(submission_recipients=3))
        two = {"mailFrom": {"email": ALICE}, "rcptTo": [{"email": BOB}, {"email": ALICE}]}
        made = [(await self.sent(await self.draft(), two))["id"] for _ in range(2)]
        for ids in (made, None):
            self.assertEqual(await kit.error("EmailSubmission/get", ids=ids), "requestTooLarge")
        self.assertEqual(len((await self.shown(made[0]))["envelope"]["rcptTo"]), 2)
        self.assertEqual((await kit.call("EmailSubmission/query"))["ids"], made[::-1])

        def brief(tx: ITransaction) -> list[tuple[Any, ...]]:
            alice = tx.accounts.by_address(ALICE)
            assert alice is not None
            return [(each.recipients, each.envelope) for each in tx.submissions.brief(alice.id)]

        self.assertEqual(await kit.store.read(brief), [((), {})] * 2)

    async def test_copies_that_rules_made_are_not_told_of(self) -> None:
        kit = await self.start()
        await kit.site.accounts.add_alias("team@example.test", BOB)
        made = await self.sent(await self.draft("team@example.test"))
        await self.later(10)

        def unit(tx: ITransaction) -> None:
            (mail,) = tx.spool.list(1)[0].recipients
            tx.spool.copy(mail.id, ["spy@example.net"], kept_of_copy(b""))
            tx.spool.hold_recipient(mail.id, "Held by rule Secret words.")

        await kit.store.write(unit)
        (said,) = (await self.shown(made["id"]))["deliveryStatus"].values()
        self.assertEqual((said["delivered"], said["smtpReply"]), ("queued", "250 2.1.5 Queued"))

        def rest(tx: ITransaction) -> None:
            mail, copy = tx.spool.list(1)[0].recipients
            tx.spool.replace_recipient(mail.id, [BOB])
            *_, real = tx.spool.list(1)[0].recipients
            tx.spool.done(real.id, DELIVERED)
            tx.spool.replace_recipient(copy.id, ["a@example.net", "b@example.net"])

        await kit.store.write(rest)
        (said,) = (await self.shown(made["id"]))["deliveryStatus"].values()
        self.assertEqual(said["delivered"], "yes")

        def end(tx: ITransaction) -> None:
            for each in tx.spool.list(1)[0].recipients:
                tx.spool.done(each.id, RELAYED, "mx.example.net said: 250 spied")

        await kit.store.write(end)
        (said,) = (await self.shown(made["id"]))["deliveryStatus"].values()
        self.assertEqual((said["delivered"], said["smtpReply"]), ("yes", "250 2.1.5 Delivered"))

    async def test_what_is_behind_an_alias_is_not_told(self) -> None:
        kit = await self.start()
        hidden = "secret@hidden.example"
        await kit.site.accounts.add_alias("team@example.test", BOB)
        for what, detail, reply in (
            (
                FAILED,
                f"mx.hidden.example said: 550 5.1.1 <{hidden}> is unknown",
                "550 5.4.0 The mail system that this address leads to did not take the mail"
                " (550 5.1.1).",
            ),
            (RELAYED, "mx.hidden.example said: 250 Ok", "250 2.1.5 Sent"),
        ):
            made = await self.sent(await self.draft("team@example.test"))
            await self.later(10)

            def unit(tx: ITransaction, what: str = what, detail: str = detail) -> None:
                (mail,) = tx.spool.list(1)[0].recipients
                tx.spool.replace_recipient(mail.id, [hidden])
                (real,) = tx.spool.list(1)[0].recipients
                tx.spool.done(real.id, what, detail)

            await kit.store.write(unit)
            (said,) = (await self.shown(made["id"]))["deliveryStatus"].values()
            self.assertEqual(said["smtpReply"], reply)


class CapabilityTests(SubmissionCase):
    async def test_the_session_says_what_can_be_sent(self) -> None:
        kit = await self.start()
        session = (await kit.answer("GET", "/.well-known/jmap")).json
        self.assertEqual(session["capabilities"][SUBMISSION], {})
        self.assertEqual(session["primaryAccounts"][SUBMISSION], kit.account_id)
        account = session["accounts"][kit.account_id]["accountCapabilities"][SUBMISSION]
        self.assertEqual(account["maxDelayedSend"], 31 * 24 * 3600)
        self.assertEqual(account["submissionExtensions"]["SIZE"], ["104857600"])
        # What is named may be used in an envelope.
        self.assertEqual(
            set(account["submissionExtensions"]),
            {"FUTURERELEASE", "DSN", "8BITMIME", "SMTPUTF8", "SIZE"},
        )
        parameters = {"RET": "HDRS", "HOLDFOR": "1", "BODY": "8BITMIME", "SMTPUTF8": None,
                      "SIZE": "5"}  # fmt: skip
        envelope = {
            "mailFrom": {"email": ALICE, "parameters": parameters},
            "rcptTo": [{"email": BOB, "parameters": {"NOTIFY": "NEVER"}}],
        }
        await self.sent(await self.draft(), envelope)

    async def test_not_without_naming_the_capability(self) -> None:
        kit = await self.start()
        answer = await kit.post(
            {"using": [CORE, MAIL], "methodCalls": [["Identity/get", {"accountId": "a2"}, "0"]]}
        )
        self.assertEqual(answer.json["methodResponses"][0][1]["type"], "unknownMethod")
