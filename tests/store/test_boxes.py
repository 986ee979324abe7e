"""MultiPOP boxes and what was seen in them."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import AlreadyExists, Invalid, LimitExceeded, NotFound
from mailim.events import BoxChanged
from mailim.interfaces.boxes import Box, SeenMessage
from tests.fakes.store import open_transaction
from tests.store.mails import add_account


class BoxTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.boxes = self.tx.boxes
        self.account = add_account(self.tx).id

    def add(self, account_id: int | None = None, **other: Any) -> Box:
        values: dict[str, Any] = {
            "host": "pop.example.org", "port": 995, "user": "bob", "secret": b"sealed",
            "tls": "tls", "ca": "", "leave": True, "created": 5,
        }  # fmt: skip
        return self.boxes.add(account_id or self.account, **{**values, **other})

    def test_added(self) -> None:
        box = self.add()
        self.assertEqual(self.boxes.get(box.id), box)
        self.assertEqual((box.leave, box.enabled, box.secret), (True, True, b"sealed"))
        self.assertEqual((box.last_run, box.failures, box.pending_deletes), (None, 0, 0))
        self.assertIn(BoxChanged(self.account, box.id), self.tx.effects.events)

    def test_same_box(self) -> None:
        box = self.add()
        self.assertRaises(AlreadyExists, self.add)
        other = self.add(port=110)
        self.assertRaises(AlreadyExists, self.boxes.update, other.id, port=995)
        self.add(add_account(self.tx, "eve@example.test").id)
        self.assertEqual(self.boxes.update(box.id, port=995, user="bob"), box)

    def test_list(self) -> None:
        eve = add_account(self.tx, "eve@example.test").id
        first, second, third = self.add(), self.add(eve), self.add(user="kate")
        self.assertEqual(list(self.boxes.list()), [first, second, third])
        self.assertEqual(list(self.boxes.list(self.account)), [first, third])

    def test_update(self) -> None:
        box = self.add()
        changed = self.boxes.update(
            box.id, leave=False, enabled=False, last_run=9, last_error="x" * 999, collected=3
        )
        self.assertEqual((changed.leave, changed.enabled, changed.last_run), (False, False, 9))
        self.assertEqual((changed.last_error, changed.collected), ("x" * 500, 3))
        self.assertRaises(Invalid, self.boxes.update, box.id, created=1)
        self.assertRaises(NotFound, self.boxes.update, 4711, leave=True)

    def test_seen(self) -> None:
        box = self.add()
        first = SeenMessage("u1", "stored", b"1" * 32, 5)
        second = SeenMessage("u2", "failing", None, 6, 2, "too odd")
        for each in (first, second):
            self.boxes.mark(box.id, each)
        self.assertEqual(self.boxes.seen(box.id), {"u1": first, "u2": second})
        self.assertEqual(self.boxes.with_body(box.id, b"1" * 32), [first])
        self.assertEqual(self.boxes.with_body(box.id, b"2" * 32), [])
        deleting = SeenMessage("u1", "deleting", b"1" * 32, 5)
        self.boxes.mark(box.id, deleting)
        self.assertEqual(self.boxes.seen(box.id)["u1"], deleting)
        found = self.boxes.get(box.id)
        self.assertEqual(found and found.pending_deletes, 1)
        self.boxes.forget(box.id, ["u1", "u3"])
        self.assertEqual(self.boxes.seen(box.id), {"u2": second})

    def test_uidls_are_theirs(self) -> None:
        """Whatever a server calls its messages, as long as it is not too long."""
        box = self.add()
        for uidl in ("'; --", '"', "ü", "a b", "%", "[1]"):
            self.boxes.mark(box.id, SeenMessage(uidl, "stored", None, 0))
        self.assertEqual(len(self.boxes.seen(box.id)), 6)
        self.boxes.forget(box.id, ['"', "%", "[1]"])
        self.assertEqual(set(self.boxes.seen(box.id)), {"'; --", "ü", "a b"})
        long = SeenMessage("x" * 256, "stored", None, 0)
        self.assertRaises(LimitExceeded, self.boxes.mark, box.id, long)
        odd = SeenMessage("x", "lost", None, 0)
        self.assertRaises(Invalid, self.boxes.mark, box.id, odd)

    def test_restate(self) -> None:
        box, other = self.add(), self.add(user="other")
        for uidl, state in (("a", "stored"), ("b", "deleting"), ("c", "failing")):
            for each in (box, other):
                self.boxes.mark(each.id, SeenMessage(uidl, state, b"1" * 32, 1, 3, "why"))
        self.boxes.restate(box.id, ["a", "b", "no such"], "deleting", 7, failures=1)
        found = self.boxes.seen(box.id)
        self.assertEqual(found["a"], SeenMessage("a", "deleting", b"1" * 32, 7, 1, "why"))
        self.assertEqual(found["b"], SeenMessage("b", "deleting", b"1" * 32, 7, 1, "why"))
        self.assertEqual(found["c"].state, "failing")
        again = self.boxes.get(box.id)
        self.assertEqual(again and again.pending_deletes, 2)
        self.boxes.restate(box.id, ["a"], "deleted", 8)
        self.boxes.restate(box.id, ["b"], "stored", 8)
        self.boxes.restate(box.id, None, "gone", 9)
        states = {one.uidl: one.state for one in self.boxes.seen(box.id).values()}
        self.assertEqual(states, {"a": "deleted", "b": "gone", "c": "failing"})
        states = {one.uidl: one.state for one in self.boxes.seen(other.id).values()}
        self.assertEqual(states, {"a": "stored", "b": "deleting", "c": "failing"})
        self.assertRaises(Invalid, self.boxes.restate, box.id, None, "lost", 1)
        self.boxes.restate(4711, None, "gone", 9)  # a box that is gone: nothing to do

    def test_remove(self) -> None:
        box = self.add()
        self.boxes.mark(box.id, SeenMessage("u", "stored", None, 0))
        self.boxes.remove(box.id)
        self.assertIsNone(self.boxes.get(box.id))
        self.assertEqual(self.boxes.seen(box.id), {})
        self.assertRaises(NotFound, self.boxes.remove, box.id)
        self.assertRaises(NotFound, self.boxes.mark, box.id, SeenMessage("u", "stored", None, 0))

    def test_account_gone(self) -> None:
        box = self.add()
        self.tx.accounts.delete(self.account)
        self.assertIsNone(self.boxes.get(box.id))
