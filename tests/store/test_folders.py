"""Folders: names, places, roles, UIDVALIDITY, lists of changes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import AlreadyExists, Invalid, LimitExceeded, NotFound, StateMismatch
from mailim.events import ItemsChanged
from mailim.limits import FOLDER_DEPTH, FOLDERS_PER_ACCOUNT
from tests.fakes.store import open_transaction
from tests.store.mails import add_account, add_item, message


class FolderTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.account = add_account(self.tx).id
        self.folders = self.tx.folders
        self.inbox = self.folders.create(self.account, "Inbox", role="inbox")

    def test_created(self) -> None:
        work = self.folders.create(self.account, "Work", parent_id=self.inbox.id, sort_order=7)
        self.assertEqual(
            (work.parent_id, work.sort_order, work.uidnext, work.total, work.subscribed),
            (self.inbox.id, 7, 1, 0, True),
        )
        self.assertEqual(self.folders.get(work.id), work)
        self.assertEqual(self.folders.by_role(self.account, "inbox"), self.inbox)
        self.assertEqual(list(self.folders.list(self.account)), [self.inbox, work])
        self.assertIn(ItemsChanged(self.account, work.modseq), self.tx.effects.events)

    def test_kinds_are_apart(self) -> None:
        people = self.folders.create(self.account, "People", kind="contacts")
        self.assertEqual(list(self.folders.list(self.account)), [self.inbox])
        self.assertEqual(list(self.folders.list(self.account, "contacts")), [people])
        self.assertRaises(Invalid, self.folders.create, self.account, "X", kind="novels")
        self.assertRaises(Invalid, add_item, self.tx, people.id)

    def test_same_name(self) -> None:
        self.assertRaises(AlreadyExists, self.folders.create, self.account, "Inbox")
        below = self.folders.create(self.account, "Inbox", parent_id=self.inbox.id)
        other = self.folders.create(self.account, "Other", parent_id=self.inbox.id)
        self.assertRaises(AlreadyExists, self.folders.update, other.id, name="Inbox")
        self.assertRaises(AlreadyExists, self.folders.update, below.id, parent_id=None)

    def test_names_are_normalised(self) -> None:
        """RFC 8621 2, RFC 5198: two spellings of one name are one."""
        self.folders.create(self.account, "Bu\u0308ro")
        self.assertRaises(AlreadyExists, self.folders.create, self.account, "B\u00fcro")

    def test_bad_names(self) -> None:
        for name in ("", "  ", "a\nb", "a\0", "x" * 256, "\u2028", "\ud800"):
            self.assertRaises(Invalid, self.folders.create, self.account, name)
        self.assertRaises(Invalid, self.folders.update, self.inbox.id, name="")

    def test_role_once(self) -> None:
        self.assertRaises(AlreadyExists, self.folders.create, self.account, "B", role="inbox")
        self.assertRaises(Invalid, self.folders.create, self.account, "B", role="butler")
        moved = self.folders.create(self.account, "B")
        self.folders.update(self.inbox.id, role=None)
        self.assertEqual(self.folders.update(moved.id, role="inbox").role, "inbox")

    def test_tree(self) -> None:
        parents = [self.inbox.id]
        while len(parents) < FOLDER_DEPTH:
            parents.append(self.folders.create(self.account, "D", parent_id=parents[-1]).id)
        create, update = self.folders.create, self.folders.update
        self.assertRaises(LimitExceeded, create, self.account, "D", parent_id=parents[-1])
        self.assertRaises(Invalid, update, parents[0], parent_id=parents[3])
        self.assertRaises(Invalid, update, parents[0], parent_id=parents[0])
        other = create(self.account, "Other")
        self.assertRaises(LimitExceeded, update, parents[0], parent_id=other.id)
        self.assertRaises(Invalid, self.folders.delete, parents[0], True)

    def test_foreign_parent(self) -> None:
        stranger = add_account(self.tx, "eve@example.test").id
        self.assertRaises(NotFound, self.folders.create, stranger, "X", parent_id=self.inbox.id)

    def test_too_many(self) -> None:
        for at in range(FOLDERS_PER_ACCOUNT - 1):
            self.folders.create(self.account, f"F{at}")
        self.assertRaises(LimitExceeded, self.folders.create, self.account, "One more")

    def test_uidvalidity_never_again(self) -> None:
        """RFC 3501 2.3.1.1: a folder made anew under an old name is another one."""
        seen = {self.inbox.uidvalidity}
        for _ in range(5):
            made = self.folders.create(self.account, "Again")
            self.assertNotIn(made.uidvalidity, seen)
            self.assertGreater(made.uidvalidity, max(seen))
            seen.add(made.uidvalidity)
            self.folders.delete(made.id, with_items=False)

    def test_delete(self) -> None:
        self.assertRaises(NotFound, self.folders.delete, 4711, False)
        add_item(self.tx, self.inbox.id)
        self.assertRaises(Invalid, self.folders.delete, self.inbox.id, False)
        state = self.tx.items.state(self.account)
        self.folders.delete(self.inbox.id, with_items=True)
        self.assertIsNone(self.folders.get(self.inbox.id))
        self.assertEqual(self.folders.changes(self.account, state, 9).removed, (self.inbox.id,))

    def test_nothing_changed(self) -> None:
        state = self.tx.items.state(self.account)
        self.folders.update(self.inbox.id, name="Inbox", sort_order=0)
        self.assertEqual(self.tx.items.state(self.account), state)
        self.assertRaises(Invalid, self.folders.update, self.inbox.id, total=5)

    def test_only_counts(self) -> None:
        """RFC 8621 2.2 updatedProperties."""
        state = self.tx.items.state(self.account)
        add_item(self.tx, self.inbox.id)
        changes = self.folders.changes(self.account, state, 9)
        self.assertEqual((changes.updated, changes.only_counts), ((self.inbox.id,), True))
        self.folders.update(self.inbox.id, sort_order=3)
        self.assertFalse(self.folders.changes(self.account, state, 9).only_counts)
        now = self.tx.items.state(self.account)
        self.assertFalse(self.folders.changes(self.account, now, 9).only_counts)

    def test_unknown_states(self) -> None:
        state = self.tx.items.state(self.account)
        for ask in (
            self.folders.changes,
            self.tx.items.changes,
            self.tx.items.thread_changes,
        ):
            self.assertRaises(StateMismatch, ask, self.account, state + 1, 9)
            self.assertRaises(StateMismatch, ask, self.account, -1, 9)

    def test_pruned(self) -> None:
        item = add_item(self.tx, self.inbox.id)
        before = self.tx.items.state(self.account)
        self.tx.items.remove(self.account, item.id)
        after = self.tx.items.state(self.account)
        self.assertEqual(self.tx.items.changes(self.account, before, 9).removed, (item.id,))
        self.assertEqual(self.tx.items.prune_tombstones(self.account, after), 2)  # and a thread
        for ask in (self.folders.changes, self.tx.items.changes, self.tx.items.thread_changes):
            self.assertRaises(StateMismatch, ask, self.account, before, 9)
            self.assertEqual(ask(self.account, after, 9).new, after)

    def test_trash_apart(self) -> None:
        """RFC 8621 2 unreadThreads: what is in the trash makes no thread elsewhere unread."""
        trash = self.folders.create(self.account, "Trash", role="trash")
        kept = add_item(self.tx, self.inbox.id, message(message_id="1@x"), frozenset({"$seen"}))
        add_item(self.tx, trash.id, message(message_id="2@x", references=("1@x",)))
        self.assertEqual(self.folder(self.inbox.id), (1, 0, 1, 0))
        self.assertEqual(self.folder(trash.id), (1, 1, 1, 1))
        self.folders.update(trash.id, role=None)
        self.assertEqual(self.folder(self.inbox.id), (1, 0, 1, 1))
        self.tx.items.remove(self.account, kept.id)
        self.assertEqual(self.folder(self.inbox.id), (0, 0, 0, 0))

    def folder(self, folder_id: int) -> tuple[int, int, int, int]:
        found = self.folders.get(folder_id)
        assert found is not None
        return found.total, found.unread, found.total_threads, found.unread_threads
