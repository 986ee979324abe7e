"""Contract tests of IImRows."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailim.errors import LimitExceeded, NotFound
from mailim.events import RosterChanged
from mailim.interfaces.im import (
    ArchivedStanza,
    ArchivePage,
    ArchiveQuery,
    IImRows,
    OfflineStanza,
    RosterItem,
)
from mailim.store import roster
from mailim.store.im import page_clause
from mailim.store.statements import Statement
from tests.fakes.store import open_transaction
from tests.store.test_record import make_leaf


class ImTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.rows = self.tx.im
        self.tx.accounts.add_domain("example.test", 1)
        self.alice = self.tx.accounts.add("alice@example.test", "", False, 1).id
        self.bob = self.tx.accounts.add("bob@example.test", "", False, 1).id
        self.tx.effects.events.clear()


class RosterTests(ImTestCase):
    def test_interface(self) -> None:
        verifyObject(IImRows, self.rows)

    def test_set_and_list(self) -> None:
        self.assertEqual(self.rows.roster(self.alice), [])
        self.assertEqual(self.rows.roster_version(self.alice), 0)
        item = RosterItem("bob@x", "Bob", "to", True, True, ("A", "B & C"), 99)
        stored = self.rows.set_roster_item(self.alice, item)
        self.assertEqual(
            stored, RosterItem("bob@x", "Bob", "to", True, True, ("A", "B & C"), 1, False)
        )
        self.assertEqual(self.rows.roster(self.alice), [stored])
        self.assertIs(self.rows.roster(self.alice)[0].ask, True)
        self.assertEqual(self.rows.roster_item(self.alice, "bob@x"), stored)
        self.assertIsNone(self.rows.roster_item(self.bob, "bob@x"))
        self.assertEqual(self.rows.roster_size(self.alice), 1)
        self.assertEqual(self.rows.roster(self.bob), [])
        self.assertEqual(self.rows.roster_version(self.alice), 1)
        self.assertEqual(list(self.tx.effects.events), [RosterChanged(self.alice)])

    def test_replace(self) -> None:
        self.rows.set_roster_item(self.alice, RosterItem("bob@x", "Bob", "both"))
        stored = self.rows.set_roster_item(self.alice, RosterItem("bob@x", "Robert"))
        self.assertEqual(self.rows.roster(self.alice), [stored])
        self.assertEqual((stored.name, stored.subscription, stored.version), ("Robert", "none", 2))

    def test_changes_since(self) -> None:
        bob = self.rows.set_roster_item(self.alice, RosterItem("bob@x"))
        eve = self.rows.set_roster_item(self.alice, RosterItem("eve@x"))
        self.assertEqual(self.rows.roster_since(self.alice, 0), [bob, eve])
        self.assertEqual(self.rows.roster_since(self.alice, 1), [eve])
        self.assertEqual(self.rows.roster_since(self.alice, 2), [])
        self.assertIsNone(self.rows.roster_since(self.alice, 3))
        bob = self.rows.set_roster_item(self.alice, bob)
        self.assertEqual(self.rows.roster_since(self.alice, 1), [eve, bob])

    def test_remove_leaves_a_tombstone(self) -> None:
        self.rows.set_roster_item(self.alice, RosterItem("bob@x", "Bob", "both"))
        self.tx.effects.events.clear()
        gone = self.rows.remove_roster_item(self.alice, "bob@x")
        self.assertEqual(gone, RosterItem("bob@x", version=2, removed=True))
        self.assertEqual(list(self.tx.effects.events), [RosterChanged(self.alice)])
        self.assertEqual(self.rows.roster(self.alice), [])
        self.assertEqual(self.rows.roster_since(self.alice, 1), [gone])
        self.assertIsNone(self.rows.roster_item(self.alice, "bob@x"))
        self.assertEqual(self.rows.roster_size(self.alice), 0)
        self.assertIsNone(self.rows.remove_roster_item(self.alice, "bob@x"))
        self.assertIsNone(self.rows.remove_roster_item(self.alice, "eve@x"))
        self.assertEqual(self.rows.roster_version(self.alice), 2)
        again = self.rows.set_roster_item(self.alice, RosterItem("bob@x"))
        self.assertEqual(self.rows.roster(self.alice), [again])
        self.assertEqual(self.rows.roster_since(self.alice, 1), [again])

    def test_old_tombstones_are_forgotten(self) -> None:
        count = roster.TOMBSTONES + 2
        for number in range(count):
            self.rows.set_roster_item(self.alice, RosterItem(f"{number}@x"))
        for number in range(count):
            self.rows.remove_roster_item(self.alice, f"{number}@x")
        changes = self.rows.roster_since(self.alice, count + 2)
        assert changes is not None
        self.assertEqual(len(changes), roster.TOMBSTONES)
        self.assertIsNone(self.rows.roster_since(self.alice, count + 1))
        self.assertIsNone(self.rows.roster_since(self.alice, 0))

    def test_requests(self) -> None:
        self.rows.add_request(self.alice, "eve@x", b"<presence/>")
        self.rows.add_request(self.alice, "bob@x", b"1")
        self.rows.add_request(self.alice, "bob@x", b"2")
        self.assertEqual(self.rows.requests(self.alice), {"bob@x": b"2", "eve@x": b"<presence/>"})
        self.assertEqual(self.rows.requests(self.bob), {})
        self.rows.remove_request(self.alice, "eve@x")
        self.rows.remove_request(self.alice, "eve@x")
        self.assertEqual(self.rows.requests(self.alice), {"bob@x": b"2"})

    def test_all_goes_with_the_account(self) -> None:
        self.rows.set_roster_item(self.alice, RosterItem("bob@x"))
        self.rows.add_request(self.alice, "bob@x", b"")
        self.rows.add_offline(self.alice, 0, 1, b"", 5)
        self.tx.record.append(make_leaf(0))
        self.rows.archive(self.alice, "bob@x/1", 0, 5)
        self.tx.accounts.delete(self.alice)
        self.assertEqual(self.rows.roster(self.alice), [])
        self.assertEqual(self.rows.roster_version(self.alice), 0)
        self.assertEqual(self.rows.requests(self.alice), {})
        self.assertEqual(self.rows.offline(self.alice, 9), [])
        self.assertEqual(self.rows.archived(ArchiveQuery(self.alice)).count, 0)
        self.assertEqual(self.tx.record.size(), 1)


class OfflineTests(ImTestCase):
    def test_oldest_first_until_removed(self) -> None:
        for number in range(4):
            self.rows.add_offline(self.alice, 10 + number, 5, b"<m%d/>" % number, 100)
        self.rows.add_offline(self.bob, 20, 5, b"<other/>", 100)
        waiting = self.rows.offline(self.alice, 3)
        self.assertEqual([each.stanza for each in waiting], [b"<m0/>", b"<m1/>", b"<m2/>"])
        self.assertEqual(waiting[0], OfflineStanza(waiting[0].id, 10, 5, b"<m0/>"))
        self.rows.remove_offline(self.bob, [each.id for each in waiting])
        self.assertEqual(self.rows.offline(self.alice, 3), waiting)
        self.rows.remove_offline(self.alice, [each.id for each in waiting[:2]])
        self.assertEqual([each.seq for each in self.rows.offline(self.alice, 9)], [12, 13])
        self.assertEqual(len(self.rows.offline(self.bob, 9)), 1)

    def test_limit(self) -> None:
        self.rows.add_offline(self.alice, 1, 5, b"", 2)
        self.rows.add_offline(self.alice, 2, 5, b"", 2)
        self.assertRaises(LimitExceeded, self.rows.add_offline, self.alice, 3, 5, b"", 2)
        self.rows.add_offline(self.bob, 3, 5, b"", 2)
        self.assertRaises(LimitExceeded, self.rows.add_offline, self.bob, 3, 5, b"", 0)


class ArchiveTests(ImTestCase):
    def add(self, count: int, peer: str = "bob@x/1", time: int = 0) -> None:
        for _ in range(count):
            seq = self.tx.record.size()
            content = json.dumps({"stanza": f"<message id='{seq}ä'/>"}).encode()
            self.tx.record.append(make_leaf(seq, content=content))
            self.rows.archive(self.alice, peer, seq, time or 1000 + seq)

    def page(self, **query: Any) -> ArchivePage:
        return self.rows.archived(ArchiveQuery(self.alice, **query))

    def seqs(self, **query: Any) -> list[int]:
        return [each.seq for each in self.page(**query).entries]

    def test_empty(self) -> None:
        self.assertEqual(self.page(), ArchivePage((), 0, 0, True))
        self.assertEqual(self.page(backwards=True), ArchivePage((), 0, 0, True))

    def test_stanza_comes_from_the_record(self) -> None:
        self.add(1)
        self.assertEqual(
            self.page().entries, (ArchivedStanza(0, 1000, "<message id='0ä'/>".encode()),)
        )

    def test_erased_content_is_empty(self) -> None:
        self.tx.record.append(make_leaf(0, content=None, salt=None))
        self.rows.archive(self.alice, "bob@x/1", 0, 7)
        self.assertEqual(self.page().entries, (ArchivedStanza(0, 7, b""),))

    def test_twice_is_once(self) -> None:
        self.add(1)
        self.rows.archive(self.alice, "alice@example.test/2", 0, 7)
        self.assertEqual(self.page().count, 1)

    def test_archives_are_apart(self) -> None:
        self.add(2)
        self.rows.archive(self.bob, "alice@example.test/1", 1, 7)
        self.assertEqual(self.rows.archived(ArchiveQuery(self.bob)).count, 1)
        self.assertRaises(NotFound, self.rows.archived, ArchiveQuery(self.bob, after=0))

    def test_peers(self) -> None:
        self.add(2, "bob@x/1")
        self.add(1, "bob@x/2")
        self.add(1, "eve@x")
        self.assertEqual(self.seqs(peer="bob@x"), [0, 1, 2])
        self.assertEqual(self.seqs(peer="bob@x/2"), [2])
        self.assertEqual(self.seqs(peer="eve@x"), [3])
        self.assertEqual(self.page(peer="bob@x/1").count, 2)
        self.assertEqual(self.seqs(peer="nobody@x"), [])

    def test_time(self) -> None:
        self.add(4)
        self.assertEqual(self.seqs(start=1001), [1, 2, 3])
        self.assertEqual(self.seqs(end=1001), [0, 1])
        self.assertEqual(self.page(start=1001, end=1002).count, 2)

    def test_forward_pages(self) -> None:
        self.add(5)
        first = self.page(limit=2)
        self.assertEqual([each.seq for each in first.entries], [0, 1])
        self.assertEqual((first.count, first.first_index, first.complete), (5, 0, False))
        second = self.page(limit=2, after=1)
        self.assertEqual([each.seq for each in second.entries], [2, 3])
        self.assertEqual((second.count, second.first_index, second.complete), (5, 2, False))
        third = self.page(limit=2, after=3)
        self.assertEqual([each.seq for each in third.entries], [4])
        self.assertEqual((third.count, third.first_index, third.complete), (5, 4, True))
        self.assertTrue(self.page(limit=2, after=2).complete)

    def test_backward_pages(self) -> None:
        self.add(5)
        last = self.page(limit=2, backwards=True)
        self.assertEqual([each.seq for each in last.entries], [3, 4])
        self.assertEqual((last.count, last.first_index, last.complete), (5, 3, False))
        first = self.page(limit=3, backwards=True, before=3)
        self.assertEqual([each.seq for each in first.entries], [0, 1, 2])
        self.assertEqual((first.first_index, first.complete), (0, True))

    def test_only_the_count(self) -> None:
        self.add(3)
        self.assertEqual(self.page(limit=0), ArchivePage((), 3, 0, False))

    def test_unknown_id(self) -> None:
        self.add(2)
        self.assertRaises(NotFound, self.page, after=7)
        self.assertRaises(NotFound, self.page, before=7, backwards=True)

    def test_pages_go_by_index(self) -> None:
        for query in (
            ArchiveQuery(1),
            ArchiveQuery(1, after=5, backwards=True),
            ArchiveQuery(1, peer="bob@x", start=5, after=3),
            ArchiveQuery(1, peer="bob@x/1", before=3, backwards=True),
        ):
            compiled = Statement(page_clause(query)).on(self.rows._db._dialect)
            rows = self.rows._db.driver.execute(
                f"EXPLAIN QUERY PLAN {compiled.text}", compiled.values
            )
            plan = "; ".join(row[3] for row in rows)
            self.assertNotIn("SCAN", plan)
            self.assertNotIn("TEMP B-TREE", plan)
            wanted = "PRIMARY KEY" if query.peer is None else "account_id_bare_peer"
            self.assertIn(wanted, plan)
