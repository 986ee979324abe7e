"""The spool: entries, recipients, holding, expansion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid, LimitExceeded, NotFound
from mailim.events import SpoolChanged
from mailim.interfaces.spool import NewMail, SpoolRecipient
from mailim.limits import RECIPIENTS_PER_MAIL
from mailim.wire.message import describe
from tests.fakes.store import open_transaction
from tests.store.mails import message, prepared

MAIL = NewMail("ann@example.org", ("a@x", "b@x"), "multipop", "pop.example.org as bob", 1000, 7)


class SpoolTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.spool = self.tx.spool

    def add(self, mail: NewMail = MAIL, data: bytes | None = None) -> int:
        data = data or message()
        body_id = self.tx.bodies.add(prepared(data))
        return self.spool.add(mail, body_id, b"Received: x\r\n", describe(data))

    def addresses(self, spool_id: int) -> list[str]:
        entry = self.spool.get(spool_id)
        return [each.address for each in entry.recipients] if entry else []

    def test_added(self) -> None:
        spool_id = self.add()
        entry = self.spool.get(spool_id)
        assert entry is not None
        self.assertEqual(
            (entry.sender, entry.origin, entry.source, entry.received, entry.account_id),
            ("ann@example.org", "multipop", "pop.example.org as bob", 1000, 7),
        )
        self.assertEqual(entry.size, len(message()) + len(entry.prefix))
        self.assertEqual([each.address for each in entry.recipients], ["a@x", "b@x"])
        self.assertEqual(self.spool.facts(spool_id).subject, "Lunch")
        self.assertIn(SpoolChanged(spool_id), self.tx.effects.events)

    def test_refused(self) -> None:
        many = tuple(f"{at}@x" for at in range(RECIPIENTS_PER_MAIL + 1))
        self.assertRaises(Invalid, self.add, replace(MAIL, recipients=()))
        self.assertRaises(LimitExceeded, self.add, replace(MAIL, recipients=many))
        self.assertEqual(self.spool.list(9), [])

    def test_same_recipient_twice(self) -> None:
        spool_id = self.add(replace(MAIL, recipients=("a@x", "a@x")))
        self.assertEqual(self.addresses(spool_id), ["a@x"])

    def test_ends_with_its_last_recipient(self) -> None:
        spool_id = self.add()
        entry = self.spool.get(spool_id)
        assert entry is not None
        first, second = entry.recipients
        self.spool.done(first.id)
        self.assertRaises(NotFound, self.spool.done, first.id)
        self.assertEqual(self.addresses(spool_id), ["b@x"])
        self.assertEqual(self.tx.bodies.sweep(9), 0)
        self.spool.done(second.id)
        self.assertIsNone(self.spool.get(spool_id))
        self.assertEqual(self.tx.bodies.sweep(9), 1)
        self.assertRaises(NotFound, self.spool.facts, spool_id)

    def test_due(self) -> None:
        late, early = self.add(replace(MAIL, received=2000)), self.add()
        self.assertEqual(self.spool.due(999, 9), [])
        self.assertEqual([each.id for each in self.spool.due(1000, 9)], [early])
        self.assertEqual([each.id for each in self.spool.due(2000, 9)], [early, late])
        self.assertEqual([each.id for each in self.spool.due(2000, 1)], [early])
        self.assertEqual([each.id for each in self.spool.due(2000, 1, {early})], [late])
        self.assertEqual((self.spool.next_due(), self.spool.next_due(1000)), (1000, 2000))
        self.assertIsNone(self.spool.next_due(2000))

    def test_what_waits_for_a_wrong_clock_is_recalled(self) -> None:
        day = 86_400_000_000
        first, second = self.add(), self.add()
        for spool_id, time in ((first, 5 + day), (second, 6 + day)):
            entry = self.spool.get(spool_id)
            assert entry is not None
            for each in entry.recipients:
                self.spool.retry(each.id, time, "Not now.")
        self.assertEqual(self.spool.due(5, 9), [])
        self.assertEqual(self.spool.recall(5), 2)
        self.assertEqual([each.id for each in self.spool.due(5, 9)], [second])
        self.assertEqual(self.spool.recall(5), 0)

    def test_retry(self) -> None:
        spool_id = self.add(replace(MAIL, recipients=("a@x",)))
        (recipient,) = self.spool.due(1000, 9)[0].recipients
        self.spool.retry(recipient.id, 5000, "later" * 1000)
        self.assertEqual(self.spool.due(4999, 9), [])
        (again,) = self.spool.due(5000, 9)[0].recipients
        self.assertEqual((again.attempts, again.next_attempt), (1, 5000))
        self.assertEqual(again.last_error, ("later" * 1000)[:500])
        self.spool.remove(spool_id)
        self.spool.retry(recipient.id, 6000, "")  # went meanwhile

    def test_hold(self) -> None:
        spool_id = self.add()
        self.spool.hold(spool_id, True, "looks odd")
        entry = self.spool.list(9)[0]
        self.assertEqual({(r.held, r.last_error) for r in entry.recipients}, {(True, "looks odd")})
        self.assertEqual((self.spool.due(9999, 9), self.spool.next_due()), ([], None))
        self.spool.hold(spool_id, False)
        (released,) = self.spool.due(1000, 9)
        self.assertFalse(any(each.held for each in released.recipients))
        self.assertRaises(NotFound, self.spool.hold, 4711, True)
        self.assertRaises(NotFound, self.spool.hold, 4711, False)
        self.spool.hold(spool_id, False)  # nothing to release: fine

    def test_hold_one(self) -> None:
        spool_id = self.add()
        (entry,) = self.spool.due(1000, 9)
        self.spool.hold_recipient(entry.recipients[0].id, "unknown")
        held = self.spool.due(1000, 9)[0].recipients
        self.assertEqual([(r.held, r.last_error) for r in held], [(True, "unknown"), (False, "")])
        self.spool.done(entry.recipients[1].id)
        self.assertEqual(self.addresses(spool_id), ["a@x"])

    def test_expansion(self) -> None:
        """Who had the mail, or is to have it, does not get it again through a group."""
        spool_id = self.add(replace(MAIL, recipients=("a@x", "group@x", "other@x")))
        entry = self.spool.get(spool_id)
        assert entry is not None
        first, group, other = entry.recipients
        self.spool.done(first.id)
        self.spool.replace_recipient(group.id, ("a@x", "c@x", "other@x", "group@x"))
        self.assertEqual(self.addresses(spool_id), ["other@x", "c@x"])
        self.spool.replace_recipient(other.id, ("a@x", "group@x"))
        self.assertEqual(self.addresses(spool_id), ["c@x"])
        self.assertRaises(NotFound, self.spool.replace_recipient, group.id, ("d@x",))

    def test_expansion_to_nothing_new(self) -> None:
        spool_id = self.add(replace(MAIL, recipients=("a@x",)))
        (recipient,) = self.spool.due(1000, 9)[0].recipients
        self.spool.replace_recipient(recipient.id, ("a@x",))
        self.assertIsNone(self.spool.get(spool_id))

    def test_judged_once(self) -> None:
        spool_id = self.add()
        entry = self.spool.get(spool_id)
        assert entry is not None
        first, second = entry.recipients
        self.assertEqual(first.verdict, "")
        self.assertTrue(self.spool.judged(first.id, "{1}"))
        self.assertFalse(self.spool.judged(first.id, "{2}"))
        entry = self.spool.get(spool_id)
        assert entry is not None
        self.assertEqual([each.verdict for each in entry.recipients], ["{1}", ""])
        self.spool.done(second.id)
        self.assertRaises(NotFound, self.spool.judged, second.id, "{1}")

    def test_a_verdict_goes_to_all_an_address_stands_for(self) -> None:
        spool_id = self.add(replace(MAIL, recipients=("group@x", "b@x")))
        group = self.spool.due(1000, 9)[0].recipients[0]
        self.spool.judged(group.id, "{1}")
        self.spool.replace_recipient(group.id, ("c@x", "b@x"))
        entry = self.spool.get(spool_id)
        assert entry is not None
        found = {each.address: each.verdict for each in entry.recipients}
        self.assertEqual(found, {"b@x": "", "c@x": "{1}"})

    def test_copies_do_not_go_in_circles(self) -> None:
        """Addresses that stand for each other, as they may when groups change meanwhile."""
        spool_id = self.add()
        first, second = self.recipients(spool_id)
        self.spool.copy(first.id, ("c@x",), "{copy}")
        self.spool.done(first.id)
        self.spool.done(second.id)
        for known, other in (("c@x", "d@x"), ("d@x", "c@x")):
            (one,) = self.recipients(spool_id)
            self.assertEqual(one.address, known)
            self.spool.replace_recipient(one.id, [other])
        self.assertIsNone(self.spool.get(spool_id))

    def recipients(self, spool_id: int) -> Sequence[SpoolRecipient]:
        entry = self.spool.get(spool_id)
        assert entry is not None
        return entry.recipients

    def test_copies(self) -> None:
        """Nobody is told of them; who is a recipient already stays what he is."""
        spool_id = self.add()
        first = self.spool.due(1000, 9)[0].recipients[0]
        self.spool.copy(first.id, ("c@x", "b@x", "d@x", "c@x"), "{copy}")
        entry = self.spool.get(spool_id)
        assert entry is not None
        found = [
            (each.address, each.verdict, entry.dsn.of(each.address).notify)
            for each in entry.recipients
        ]
        self.assertEqual(
            found,
            [
                ("a@x", "", ()),
                ("b@x", "", ()),
                ("c@x", "{copy}", ("NEVER",)),
                ("d@x", "{copy}", ("NEVER",)),
            ],
        )
        self.spool.done(first.id)
        self.assertRaises(NotFound, self.spool.copy, first.id, ("e@x",), "{copy}")

    def test_claim(self) -> None:
        self.add()
        first, second = self.spool.due(1000, 9)[0].recipients
        self.assertTrue(self.spool.claim(first.id, 7))
        self.assertFalse(self.spool.claim(second.id, 7))
        self.assertTrue(self.spool.claim(second.id, 8))
        self.spool.done(first.id)
        self.assertRaises(NotFound, self.spool.claim, first.id, 9)

    def test_list(self) -> None:
        ids = [self.add() for _ in range(5)]
        self.assertEqual([each.id for each in self.spool.list(3)], ids[:3])
        self.assertEqual([each.id for each in self.spool.list(9, after=ids[2])], ids[3:])

    def test_account_of_the_mail(self) -> None:
        sha256 = prepared(message()).sha256
        self.add()
        self.assertTrue(self.tx.items.seen_body(7, sha256))
        self.assertFalse(self.tx.items.seen_body(8, sha256))

    def test_retried_now(self) -> None:
        first, second = self.add(), self.add()
        entry = self.spool.get(first)
        assert entry is not None
        for each in entry.recipients:
            self.spool.retry(each.id, 9_000_000, "busy")
        self.spool.hold_recipient(entry.recipients[1].id, "odd")
        self.spool.hold(second, True, "odd")
        self.assertEqual(self.spool.due(2000, 9), [])
        self.assertEqual(self.spool.retry_now(first), 1)
        (due,) = self.spool.due(2000, 9)
        found = [(each.attempts, each.next_attempt, each.held) for each in due.recipients]
        self.assertEqual(found, [(1, 0, False), (1, 9_000_000, True)])
        self.assertEqual(self.spool.retry_now(second), 0)
        self.spool.hold(second, False)
        self.assertEqual(self.spool.retry_now(), 3)
        self.assertRaises(NotFound, self.spool.retry_now, 99)
