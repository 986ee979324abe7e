"""EmailSubmission/set and the Email/set it implies."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mailim.protocols.jmap.limits import JmapLimits
from tests.protocols.jmap.kit import ALICE, BOB
from tests.protocols.jmap.submitting import SubmissionCase


class OnSuccessTests(SubmissionCase):
    async def both(self, **arguments: Any) -> list[Any]:
        return await self.kit.request(
            ["EmailSubmission/set", {"accountId": self.kit.account_id, **arguments}]
        )

    async def test_moved_when_sent_and_back_when_called_back(self) -> None:
        kit = await self.start()
        email = await self.draft()
        value = {"identityId": self.identity, "emailId": email}
        sent, drafts = kit.boxes["sent"], kit.boxes["drafts"]
        patch = {"mailboxIds": {sent: True}, "keywords/$draft": None, "keywords/$seen": True}
        (name, made, id1), (implied, changed, id2) = await self.both(
            create={"s": value, "wrong": {}}, onSuccessUpdateEmail={"#s": patch, "#wrong": patch}
        )
        self.assertEqual((name, implied, id1), ("EmailSubmission/set", "Email/set", id2))
        self.assertEqual(changed["updated"], {email: None})
        self.assertIn("wrong", made["notCreated"])
        shown = await kit.email(email, "mailboxIds", "keywords")
        self.assertEqual(shown["mailboxIds"], {sent: True})
        self.assertEqual(shown["keywords"], {"$seen": True})
        id = made["created"]["s"]["id"]
        back = {"mailboxIds": {drafts: True}, "keywords/$draft": True}
        _, (_, changed, _) = await self.both(
            update={id: {"undoStatus": "canceled"}}, onSuccessUpdateEmail={id: back}
        )
        self.assertEqual(changed["updated"], {email: None})
        self.assertEqual((await kit.email(email, "mailboxIds"))["mailboxIds"], {drafts: True})

    async def test_also_for_who_hangs_up_at_this_moment(self) -> None:
        """Else what is sent would stay a draft, and be sent again."""
        kit = await self.start()
        email = await self.draft()
        write = kit.store.write

        def written(unit: Any, *priority: Any) -> Any:
            done = write(unit, *priority)
            if getattr(unit, "__qualname__", "") == "_Setting.run":
                work.cancel()
            return done

        self.patch(kit.store, "write", written)
        value = {"identityId": self.identity, "emailId": email}
        patch = {"mailboxIds": {kit.boxes["sent"]: True}}
        work = Deferred.fromCoroutine(
            self.both(create={"s": value}, onSuccessUpdateEmail={"#s": patch})
        )
        with self.assertRaises(CancelledError):
            await work
        for _ in range(50):
            shown = await kit.email(email, "mailboxIds")
            if shown["mailboxIds"] == {kit.boxes["sent"]: True}:
                break
        self.assertEqual(shown["mailboxIds"], {kit.boxes["sent"]: True})
        await self.later(11)
        self.assertEqual(len(await self.spooled()), 1)

    async def test_destroyed_when_sent(self) -> None:
        kit = await self.start()
        email = await self.draft()
        value = {"identityId": self.identity, "emailId": email}
        _, (_, changed, _) = await self.both(
            create={"s": value}, onSuccessDestroyEmail=["#s", "#t", "s99"]
        )
        self.assertEqual(changed["destroyed"], [email])
        await self.later(11)
        [entry] = await self.spooled()
        self.assertIn(b"some words", await self.octets(entry))
        self.assertEqual((await kit.call("Email/get", ids=[email]))["notFound"], [email])

    async def test_nothing_when_it_failed(self) -> None:
        kit = await self.start()
        email = await self.draft(to="nobody@example.test")
        value = {"identityId": self.identity, "emailId": email}
        answers = await self.both(create={"s": value}, onSuccessDestroyEmail=["#s"])
        self.assertEqual(len(answers), 1)
        self.assertEqual((await kit.call("Email/get", ids=[email]))["notFound"], [])
        answers = await self.both(ifInState="0", create={"s": value}, onSuccessDestroyEmail=["#s"])
        self.assertEqual([each[0] for each in answers], ["error"])

    async def test_nothing_is_sent_when_too_much_would_be_implied(self) -> None:
        """Else it would be sent, and "requestTooLarge" be said of what it implies."""
        kit = await self.start(JmapLimits(objects_in_set=2))
        value = {"identityId": self.identity, "emailId": await self.draft()}
        ((name, error, _),) = await self.both(
            create={"s": value},
            onSuccessUpdateEmail={"#s": {"keywords/$draft": None}},
            onSuccessDestroyEmail=["#t", "#u"],
        )
        self.assertEqual((name, error["type"]), ("error", "requestTooLarge"))
        self.assertEqual((await kit.call("EmailSubmission/get"))["list"], [])

    async def test_states_follow_one_another(self) -> None:
        """Who asks what changed since the first answer hears of the second's work, too."""
        kit = await self.start()
        email = await self.draft()
        value = {"identityId": self.identity, "emailId": email}
        (_, made, _), (_, changed, _) = await self.both(
            create={"s": value}, onSuccessUpdateEmail={"#s": {"keywords/$draft": None}}
        )
        self.assertEqual(changed["oldState"], made["newState"])
        found = await kit.call("Email/changes", sinceState=made["newState"])
        self.assertEqual((found["updated"], found["newState"]), ([email], changed["newState"]))

    async def test_what_it_implies_may_fail_for_itself(self) -> None:
        await self.start()
        email = await self.draft()
        value = {"identityId": self.identity, "emailId": email}
        (_, made, _), (_, changed, _) = await self.both(
            create={"s": value}, onSuccessUpdateEmail={"#s": {"mailboxIds": {}}}
        )
        self.assertIn("s", made["created"])
        self.assertEqual(changed["notUpdated"][email]["type"], "invalidProperties")

    async def test_a_message_made_in_the_same_request(self) -> None:
        kit = await self.start()
        draft = {
            "mailboxIds": {kit.boxes["drafts"]: True}, "keywords": {"$draft": True},
            "from": [{"name": "Alice", "email": ALICE}], "to": [{"name": None, "email": BOB}],
            "bcc": [{"name": None, "email": "admin@example.test"}], "subject": "made",
            "bodyValues": {"t": {"value": "written words"}},
            "textBody": [{"partId": "t", "type": "text/plain"}],
        }  # fmt: skip
        account = {"accountId": kit.account_id}
        answers = await kit.request(
            ["Email/set", {**account, "create": {"d": draft}}],
            ["EmailSubmission/set", {
                **account, "create": {"s": {"identityId": self.identity, "emailId": "#d"}},
                "onSuccessUpdateEmail": {"#s": {"keywords/$draft": None}},
            }],
        )  # fmt: skip
        self.assertEqual([each[0] for each in answers],
                         ["Email/set", "EmailSubmission/set", "Email/set"])  # fmt: skip
        self.assertIsNone(answers[1][1]["notCreated"])
        await self.later(11)
        [entry] = await self.spooled()
        octets = await self.octets(entry)
        self.assertIn(b"written words", octets)
        self.assertNotIn(b"admin@", octets)
        self.assertEqual(len(entry.recipients), 2)
