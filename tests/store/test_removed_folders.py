"""A folder with many items is gone at once for its owner; the items go later, a few at a time."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid, NotFound
from mailim.events import FolderRemoved
from mailim.interfaces.items import ItemQuery
from mailim.store import folders
from tests.fakes.store import open_transaction
from tests.store.mails import add_account, add_item, message


class RemovedFolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(folders, "AT_ONCE", 5)
        self.tx = open_transaction(self)
        self.account = add_account(self.tx).id
        self.folders = self.tx.folders
        self.inbox = self.folders.create(self.account, "Inbox", role="inbox").id
        self.work = self.folders.create(self.account, "Work").id

    def fill(self, count: int) -> list[int]:
        return [add_item(self.tx, self.work, message(subject=f"S{n}")).id for n in range(count)]

    def all(self) -> tuple[int, ...]:
        return self.tx.items.query(ItemQuery(self.account)).ids

    def test_few_go_with_it(self) -> None:
        self.fill(5)
        self.folders.delete(self.work, with_items=True)
        self.assertEqual((self.folders.removed(), self.all()), ([], ()))

    def test_gone_at_once_for_its_owner(self) -> None:
        items = self.fill(6)
        state = self.tx.items.state(self.account)
        self.assertRaises(Invalid, self.folders.delete, self.work, False)
        self.folders.delete(self.work, with_items=True)
        self.assertIn(FolderRemoved(self.work), self.tx.effects.events)
        self.assertIsNone(self.folders.get(self.work))
        self.assertEqual([one.id for one in self.folders.list(self.account)], [self.inbox])
        changes = self.folders.changes(self.account, state, 9)
        self.assertEqual((changes.removed, changes.updated), ((self.work,), ()))
        # Nobody finds what is in it, nor puts anything into it or below it.
        self.assertEqual(self.tx.items.get(self.account, items), {})
        self.assertRaises(NotFound, self.tx.items.move, self.account, items[0], self.inbox)
        self.assertRaises(NotFound, self.tx.items.remove, self.account, items[0])
        self.assertRaises(
            NotFound, self.tx.items.set_keywords, self.account, items[0], frozenset({"$seen"})
        )
        self.assertRaises(NotFound, add_item, self.tx, self.work)
        self.assertRaises(NotFound, self.folders.update, self.work, name="Back")
        self.assertRaises(NotFound, self.folders.delete, self.work, True)
        self.assertRaises(NotFound, self.folders.create, self.account, "Below", parent_id=self.work)
        # Its name is free again, as often as it is used.
        for _ in range(2):
            self.work = self.folders.create(self.account, "Work").id
            self.fill(6)
            self.folders.delete(self.work, with_items=True)
        self.assertEqual(len(self.folders.removed()), 3)

    def test_no_search_finds_what_is_in_it(self) -> None:
        kept = add_item(self.tx, self.inbox, message(subject="S1 kept")).id
        self.fill(6)
        self.folders.delete(self.work, with_items=True)
        queries: list[dict[str, Any]] = [
            {},
            {"subject": "S1"},
            {"operator": "OR", "conditions": [{"inMailbox": self.work}, {"text": "kept"}]},
            {"operator": "NOT", "conditions": [{"text": "nothing"}]},
        ]
        for collapse in (False, True):
            for each in queries:
                asked = ItemQuery(self.account, filter=each, collapse_threads=collapse, count=True)
                found = self.tx.items.query(asked)
                self.assertEqual((found.ids, found.total), ((kept,), 1), each)
            for each in ({"inMailbox": self.work}, {"inMailbox": self.work, "text": "S1"}):
                asked = ItemQuery(self.account, filter=each, collapse_threads=collapse, count=True)
                found = self.tx.items.query(asked)
                self.assertEqual((found.ids, found.total), ((), 0), each)

    def test_no_conversation_has_what_is_in_it(self) -> None:
        root = add_item(self.tx, self.inbox, message(message_id="root@x"))
        answer = add_item(self.tx, self.work, message(references=("root@x",)))
        self.assertEqual(answer.thread_id, root.thread_id)
        self.fill(6)
        self.folders.delete(self.work, with_items=True)
        found = self.tx.items.thread(self.account, [root.thread_id])
        self.assertEqual(found, {root.thread_id: (root.id,)})

    def test_the_items_go_in_steps(self) -> None:
        elsewhere = add_item(self.tx, self.inbox, message(subject="S1")).id
        items = self.fill(7)
        self.folders.delete(self.work, with_items=True)
        before = self.tx.items.state(self.account)
        self.assertEqual(self.folders.removed(), [self.work])
        steps = [self.tx.items.empty(self.work, 3) for _ in range(3)]
        self.assertEqual(steps, [3, 3, 1])
        self.assertEqual((self.folders.removed(), self.all()), ([], (elsewhere,)))
        gone = self.tx.items.changes(self.account, before, 99).removed
        self.assertEqual(sorted(gone), items)
        self.assertEqual(self.tx.items.empty(self.work, 3), 0)
        self.assertEqual(self.tx.items.empty(self.inbox, 0), 0)  # no more than what is removed
        inbox = self.folders.get(self.inbox)
        assert inbox is not None
        self.assertEqual((inbox.total, inbox.total_threads), (1, 1))

    def test_what_has_a_role_goes_as_a_whole(self) -> None:
        self.folders.update(self.work, role="archive")
        self.fill(6)
        self.folders.delete(self.work, with_items=True)
        self.assertEqual((self.folders.removed(), self.all()), ([], ()))

    def test_the_account_goes_first(self) -> None:
        self.fill(6)
        self.folders.delete(self.work, with_items=True)
        self.tx.accounts.delete(self.account)
        self.assertEqual(self.folders.removed(), [])
