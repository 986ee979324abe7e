"""Identities and submissions in the store."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import AlreadyExists, LimitExceeded, NotFound, NotPermitted, StateMismatch
from mailim.events import ItemsChanged, ObjectsChanged
from mailim.interfaces.spool import NewMail
from mailim.interfaces.submissions import Identity, NewSubmission, Sending, Submission
from mailim.limits import IDENTITIES_PER_ACCOUNT
from mailim.store import submission_notices, submissions
from mailim.wire.delivery_report import DeliveryReport, ReportedRecipient
from mailim.wire.message import describe
from tests.fakes.store import open_transaction
from tests.store.mails import add_account, add_item, message, prepared

CAROL = {"name": None, "email": "carol@example.org"}


def report(
    address: str = "", message_id: str = "", envid: str = "", action: str = "failed"
) -> DeliveryReport:
    """Give a report about one recipient, or about nobody."""
    said = ReportedRecipient(frozenset({address.lower()}), action, "550 5.0.0 No")
    return DeliveryReport(envid, message_id, (said,) if address else ())


class IdentityTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.rows = self.tx.identities
        self.account = add_account(self.tx).id
        self.eve = add_account(self.tx, "eve@example.test").id

    def add(self, email: str = "bob@example.test", own: bool = False) -> Identity:
        return self.rows.add(
            Identity(0, self.account, "Bob", email, [CAROL], None, "text", "<p>html", own)
        )

    def test_added(self) -> None:
        made = self.add()
        self.assertEqual(self.rows.get(self.account, made.id), made)
        self.assertEqual((made.reply_to, made.bcc), ([CAROL], None))
        self.assertIsNone(self.rows.get(self.eve, made.id))
        modseq = self.tx.items.state(self.account)
        self.assertEqual(
            list(self.tx.effects.events)[-1], ObjectsChanged(self.account, "Identity", modseq)
        )
        self.assertFalse(any(isinstance(each, ItemsChanged) for each in self.tx.effects.events))

    def test_the_own_one_comes_first_and_stays(self) -> None:
        other, own = self.add(), self.add(own=True)
        self.assertEqual(list(self.rows.list(self.account)), [own, other])
        self.assertRaises(AlreadyExists, self.add, own=True)
        self.assertRaises(NotPermitted, self.rows.remove, self.account, own.id)
        self.rows.remove(self.account, other.id)
        self.assertEqual(list(self.rows.list(self.account)), [own])
        self.assertRaises(NotFound, self.rows.remove, self.account, other.id)

    def test_updated(self) -> None:
        made = self.add()
        changed = replace(made, name="B.", reply_to=None, bcc=[CAROL], text_signature="")
        self.rows.update(changed)
        self.assertEqual(self.rows.get(self.account, made.id), changed)
        self.assertRaises(NotFound, self.rows.update, replace(changed, account_id=self.eve))

    def test_limit(self) -> None:
        for _ in range(IDENTITIES_PER_ACCOUNT):
            self.add()
        self.assertRaises(LimitExceeded, self.add)

    def test_changes(self) -> None:
        first = self.add()
        since = self.tx.items.state(self.account)
        second, third = self.add(), self.add()
        self.rows.update(first)
        self.rows.remove(self.account, third.id)
        changes = self.rows.changes(self.account, since, 10)
        self.assertEqual((changes.created, changes.updated), ((second.id,), (first.id,)))
        self.assertEqual(changes.removed, ())  # made and removed since: not worth a word
        self.rows.remove(self.account, first.id)
        self.assertEqual(self.rows.changes(self.account, since, 10).removed, (first.id,))
        cut = self.rows.changes(self.account, since, 1)
        self.assertTrue(cut.more)
        self.assertEqual(cut.created + cut.updated + cut.removed, (second.id,))
        self.assertRaises(StateMismatch, self.rows.changes, self.account, 10_000, 10)


class SubmissionTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.rows = self.tx.submissions
        self.account = add_account(self.tx).id
        self.eve = add_account(self.tx, "eve@example.test").id
        self.inbox = self.tx.folders.create(self.account, "Inbox", role="inbox").id
        self.data = message("to be sent")
        self.body = self.tx.bodies.add(prepared(self.data))

    def add(
        self,
        send_at: int = 50,
        account: int = 0,
        data: bytes = b"",
        to: str = "carol@example.org",
    ) -> Submission:
        envelope = {"mailFrom": {"email": "bob@example.test"}, "rcptTo": [CAROL]}
        new = NewSubmission(
            account or self.account, 1, 7, 8, self.body, "bob@example.test",
            (Sending(to.title().replace("Example.Org", "example.org"), to),), envelope, 10, send_at,
        )  # fmt: skip
        if data:
            new = replace(new, body_id=self.tx.bodies.add(prepared(data)))
        return self.rows.add(new, describe(data or self.data))

    def swept(self) -> bool:
        """Say whether nobody holds the body any more."""
        return self.tx.bodies.sweep(10) == 1

    def test_added(self) -> None:
        made = self.add()
        self.assertEqual(made.undo_status, "pending")
        self.assertEqual(made.recipients, (Sending("Carol@example.org", "carol@example.org"),))
        self.assertEqual(made.envelope["rcptTo"], [CAROL])
        self.assertEqual(self.rows.get(self.account), {made.id: made})
        self.assertEqual(self.rows.get(self.eve), {})
        self.assertEqual(self.rows.get(self.eve, [made.id]), {})
        self.assertEqual(self.tx.items.facts([self.body])[self.body].subject, "to be sent")
        self.assertFalse(self.swept())

    def test_due(self) -> None:
        late, early = self.add(70), self.add(50)
        self.assertEqual(self.rows.due(49, 10), [])
        self.assertEqual(self.rows.due(70, 10), [early.id, late.id])
        self.assertEqual(self.rows.due(70, 1), [early.id])
        self.assertEqual(self.rows.due(70, 1, {early.id}), [late.id])
        self.assertEqual([self.rows.next_due(at) for at in (0, 50, 70)], [50, 70, None])

    def test_sent_once(self) -> None:
        made = self.add()
        self.rows.sent(made.id, 17, 60)
        final = self.rows.get(self.account)[made.id]
        self.assertEqual((final.undo_status, final.spool_id), ("final", 17))
        self.assertIsNone(final.body_id)
        self.assertTrue(self.swept())
        self.assertEqual(self.rows.due(1000, 10), [])
        self.assertRaises(NotFound, self.rows.sent, made.id, 18, 61)
        self.assertIs(self.rows.cancel(made.id, 61), False)

    def test_canceled(self) -> None:
        made = self.add()
        self.assertIs(self.rows.cancel(made.id, 20), True)
        self.assertEqual(self.rows.get(self.account)[made.id].undo_status, "canceled")
        self.assertTrue(self.swept())
        self.assertEqual(self.rows.due(1000, 10), [])
        self.assertRaises(NotFound, self.rows.sent, made.id, 17, 60)

    def test_destroying_a_pending_one_does_not_call_it_back(self) -> None:
        made = self.add()
        since = self.tx.items.state(self.account)
        self.assertRaises(NotFound, self.rows.remove, self.eve, made.id)
        self.rows.remove(self.account, made.id)
        self.assertEqual(self.rows.get(self.account), {})
        self.assertRaises(NotFound, self.rows.remove, self.account, made.id)
        self.assertEqual(self.rows.changes(self.account, since, 9).removed, (made.id,))
        self.assertEqual(self.rows.due(50, 10), [made.id])
        self.assertIsNotNone(self.rows.pending(made.id))
        state = self.tx.items.state(self.account)
        self.rows.sent(made.id, 17, 60)
        self.assertIsNone(self.rows.pending(made.id))
        self.assertEqual(self.tx.items.state(self.account), state)
        self.assertTrue(self.swept())

    def test_changes(self) -> None:
        made = self.add()
        since = self.tx.items.state(self.account)
        other = self.add()
        self.rows.sent(made.id, 17, 60)
        changes = self.rows.changes(self.account, since, 9)
        self.assertEqual((changes.created, changes.updated), ((other.id,), (made.id,)))

    def test_what_happens_to_the_mail_is_a_change(self) -> None:
        made = self.add()
        other = self.add()
        mail = NewMail("", ("carol@example.org",), "jmap", "", 10)
        spool_id = self.tx.spool.add(mail, self.body, b"", describe(self.data))
        self.rows.sent(made.id, spool_id, 60)
        recipient = self.tx.spool.list(1)[0].recipients[0].id
        for act in (
            lambda: self.tx.spool.retry(recipient, 5, "not now"),
            lambda: self.tx.spool.hold_recipient(recipient, "why"),
            lambda: self.tx.spool.hold(spool_id, False),
            lambda: self.tx.spool.done(recipient),
        ):
            since = self.tx.items.state(self.account)
            act()
            self.assertEqual(self.rows.changes(self.account, since, 9).updated, (made.id,))
        self.assertEqual(self.rows.get(self.account)[other.id].undo_status, "pending")

    def test_a_report_is_found_by_envelope_id_then_by_message_id(self) -> None:
        named = self.add(data=message("x", message_id="one@example.test"))
        newer = self.add(data=message("x", message_id="one@example.test"))
        self.assertNotEqual(named.envid, newer.envid)
        item = add_item(self.tx, self.inbox).id
        by_name, by_id = report(message_id="one@example.test"), report(envid=named.envid)
        self.assertIsNone(self.rows.told(self.account, by_id, item))  # it was not sent yet
        for each in (named, newer):
            self.rows.sent(each.id, each.id, 60)
        since = self.tx.items.state(self.account)
        self.assertEqual(self.rows.told(self.account, by_id, item), named.id)
        self.assertEqual(self.rows.changes(self.account, since, 9).updated, (named.id,))
        self.assertEqual(self.rows.told(self.account, by_name, item), newer.id)
        self.assertEqual((self.rows.reports(named.id), self.rows.reports(newer.id)),
                         ([item], [item]))  # fmt: skip
        for other in (report(), report(message_id="two@example.test"), report(envid="?")):
            self.assertIsNone(self.rows.told(self.account, other, item))
        self.assertIsNone(self.rows.told(self.eve, by_id, item))

    def test_of_one_message_sent_twice_the_one_to_whom_it_reports(self) -> None:
        data = message("x", message_id="one@example.test")
        first = self.add(data=data, to="dora@example.org")
        second = self.add(data=data)
        for each in (first, second):
            self.rows.sent(each.id, each.id, 60)
        about = report("dora@example.org", message_id="one@example.test")
        self.assertEqual(self.rows.told(self.account, about, 1), first.id)

    def test_a_final_word_stays_the_last(self) -> None:
        made = self.add()
        self.rows.sent(made.id, 17, 60)
        for action in ("delayed", "delivered", "relayed", "failed", "expanded"):
            about = report("CAROL@example.org", action=action, envid=made.envid)
            self.rows.told(self.account, about, 1)
        self.rows.told(self.account, report("x@example.org", envid=made.envid), 1)
        (told,) = self.rows.reported(made.id)
        self.assertEqual((told.address, told.action), ("carol@example.org", "failed"))

    def test_not_more_reports_than_its_limit(self) -> None:
        self.patch(submission_notices, "SUBMISSION_NOTICES", 2)
        made = self.add()
        self.rows.sent(made.id, 17, 60)
        about = report(envid=made.envid)
        said = [self.rows.told(self.account, about, item) for item in (1, 2, 3)]
        self.assertEqual(said, [made.id, made.id, None])

    def test_a_report_that_is_removed_is_a_change(self) -> None:
        made = self.add()
        self.rows.sent(made.id, 17, 60)
        first, second = (add_item(self.tx, self.inbox).id for _ in range(2))
        for each in (first, second):
            self.rows.told(self.account, report("carol@example.org", envid=made.envid), each)
        for act in (
            lambda: self.tx.items.remove(self.account, first),
            lambda: self.tx.items.clear_folder(self.account, self.inbox),
        ):
            since = self.tx.items.state(self.account)
            act()
            self.assertEqual(self.rows.changes(self.account, since, 9).updated, (made.id,))
        self.assertEqual(self.rows.reports(made.id), [])
        self.assertEqual(len(self.rows.reported(made.id)), 1)
        self.rows.remove(self.account, made.id)
        self.assertEqual(self.rows.reported(made.id), [])

    def test_old_ones_expire(self) -> None:
        sent, canceled, pending = self.add(), self.add(), self.add()
        self.rows.sent(sent.id, 17, 60)
        self.rows.cancel(canceled.id, 61)
        self.assertEqual(self.rows.expire(60, 10), 0)
        self.assertEqual(self.rows.expire(61, 10), 1)
        self.assertEqual(self.rows.expire(1000, 10), 1)
        self.assertEqual(list(self.rows.get(self.account)), [pending.id])

    def test_of_too_many_the_oldest_go(self) -> None:
        self.patch(submissions, "SUBMISSIONS_KEPT", 2)
        mine = [self.add().id for _ in range(5)]
        other = self.add(account=self.eve).id
        for each in (*mine[:4], other):
            self.rows.cancel(each, 60)
        self.assertEqual(self.rows.expire(0, 1), 1)
        self.assertEqual(self.rows.expire(0, 10), 1)
        self.assertEqual(self.rows.expire(0, 10), 0)
        self.assertEqual(list(self.rows.get(self.account)), mine[2:])
        self.assertEqual(list(self.rows.get(self.eve)), [other])

    def test_a_deleted_account_lets_go(self) -> None:
        self.add()
        self.add()
        kept = self.add(account=self.eve)
        self.tx.accounts.delete(self.account)
        self.assertFalse(self.swept())
        self.assertEqual(self.rows.due(1000, 10), [kept.id])
        self.rows.sent(kept.id, 3, 60)
        self.assertTrue(self.swept())
