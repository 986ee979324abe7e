"""Contract tests of IRecordRows."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailim.errors import Invalid
from mailim.interfaces.record import Checkpoint, IRecordRows, Leaf, RecordQuery
from mailim.store.record import search_clause
from mailim.store.statements import Statement
from tests.fakes.store import open_transaction


def make_leaf(seq: int, **values: Any) -> Leaf:
    return Leaf(
        **{
            "seq": seq,
            "hash": hashlib.sha256(b"%d" % seq).digest(),
            "header": b"{}",
            "inner": b"i" * 32,
            "salt": b"s" * 16,
            "content": b'{"stanza":""}',
            "time": 1000 + seq,
            "kind": "message",
            "sender": "alice@example.test",
            "recipient": "bob@example.test",
            "refers": None,
            "body": "",
            **values,
        }
    )


class RecordRowsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.rows = self.tx.record

    def append(self, **values: Any) -> Leaf:
        leaf = make_leaf(self.rows.size(), **values)
        self.rows.append(leaf)
        return leaf

    def seqs(self, **query: Any) -> list[int]:
        return [leaf.seq for leaf in self.rows.search(RecordQuery(**query))]

    def test_interface(self) -> None:
        verifyObject(IRecordRows, self.rows)

    def test_append_and_read(self) -> None:
        self.assertEqual(self.rows.size(), 0)
        leaves = [self.append(body=str(number)) for number in range(5)]
        self.assertEqual(self.rows.size(), 5)
        self.assertEqual(self.rows.leaves(0, 10), leaves)
        self.assertEqual(self.rows.leaves(2, 2), leaves[2:4])
        self.assertEqual(self.rows.leaves(5, 2), [])
        self.assertEqual(self.rows.hashes(1, 2), [leaves[1].hash, leaves[2].hash])
        self.assertEqual(self.rows.get(3), leaves[3])
        self.assertIsNone(self.rows.get(5))

    def test_erased_content_and_salt(self) -> None:
        leaf = self.append(salt=None, content=None, refers=7)
        self.assertEqual(self.rows.get(0), leaf)

    def test_seq_must_be_the_next(self) -> None:
        self.assertRaises(Invalid, self.rows.append, make_leaf(1))
        self.append()
        self.assertRaises(Invalid, self.rows.append, make_leaf(0))
        self.assertRaises(Invalid, self.rows.append, make_leaf(2))
        self.rows.append(make_leaf(1))
        self.assertEqual(self.rows.size(), 2)

    def test_search_by_people_and_time(self) -> None:
        self.append(sender="a@x", recipient="b@x")
        self.append(sender="b@x", recipient="a@x")
        self.append(sender="a@x", recipient="c@x")
        self.assertEqual(self.seqs(), [2, 1, 0])
        self.assertEqual(self.seqs(sender="a@x"), [2, 0])
        self.assertEqual(self.seqs(recipient="a@x"), [1])
        self.assertEqual(self.seqs(sender="a@x", recipient="c@x"), [2])
        self.assertEqual(self.seqs(sender="A@x"), [])
        self.assertEqual(self.seqs(since=1001), [2, 1])
        self.assertEqual(self.seqs(until=1001), [1, 0])
        self.assertEqual(self.seqs(since=1001, until=1001), [1])
        self.assertEqual(self.seqs(sender="a@x", since=1001), [2])
        self.assertEqual(self.seqs(since=1003), [])

    def test_search_pages_newest_first(self) -> None:
        for _ in range(10):
            self.append()
        self.assertEqual(self.seqs(limit=4), [9, 8, 7, 6])
        self.assertEqual(self.seqs(limit=4, before=6), [5, 4, 3, 2])
        self.assertEqual(self.seqs(limit=4, before=2, since=1001), [1])
        self.assertEqual(self.seqs(limit=0), [])

    def test_search_follows_storage_when_the_clock_went_back(self) -> None:
        for time in (100, 50, 75, 200):
            self.append(time=time)
        self.assertEqual(self.seqs(since=60), [3, 2, 0])
        self.assertEqual(self.seqs(until=100), [2, 1, 0])

    def test_search_text(self) -> None:
        self.append(body="Hello World")
        self.append(body="GRÖSSE")
        self.append(body="Straße nach Łódź")
        self.append(body="100% _sure_")
        self.append(body="")
        self.assertEqual(self.seqs(text="o w"), [0])
        self.assertEqual(self.seqs(text="größe"), [1])
        self.assertEqual(self.seqs(text="STRASSE"), [2])
        self.assertEqual(self.seqs(text="ŁÓDŹ"), [2])
        self.assertEqual(self.seqs(text="%"), [3])
        self.assertEqual(self.seqs(text="_s"), [3])
        self.assertEqual(self.seqs(text="' OR 1=1 --"), [])

    def test_search_kinds(self) -> None:
        self.append()
        self.append(kind="disposition", refers=0)
        self.append(kind="login")
        self.assertEqual(self.seqs(), [2, 0])
        self.assertEqual(self.seqs(kinds=("disposition",)), [1])
        self.assertEqual(self.seqs(kinds=("disposition", "login")), [2, 1])

    def test_about(self) -> None:
        self.append()
        self.append()
        first = self.append(kind="disposition", refers=0)
        second = self.append(kind="disposition", refers=1)
        third = self.append(kind="disposition", refers=0)
        self.assertEqual(self.rows.about([0]), [first, third])
        self.assertEqual(self.rows.about([1, 0]), [first, second, third])
        self.assertEqual(self.rows.about(range(3, 2000)), [])
        self.assertEqual(self.rows.about([]), [])

    def test_checkpoints(self) -> None:
        notes = [Checkpoint(size, b"r" * 32, 5 - size, f"note {size}") for size in (0, 3, 3)]
        for each in notes:
            self.rows.add_checkpoint(each)
        self.assertEqual(self.rows.checkpoints(), notes[::-1])
        self.assertEqual(self.rows.checkpoints(1), [notes[2]])

    # --- no question reads the whole record that need not

    def plan(self, **query: Any) -> str:
        compiled = Statement(search_clause(RecordQuery(**query))).on(self.rows._db._dialect)
        rows = self.rows._db.driver.execute(f"EXPLAIN QUERY PLAN {compiled.text}", compiled.values)
        return "; ".join(row[3] for row in rows)

    def test_searches_go_by_index(self) -> None:
        self.assertIn("ix_leaf_sender_seq", self.plan(sender="a@x", text="b", since=5))
        self.assertIn("ix_leaf_recipient_seq", self.plan(recipient="a@x", before=7))
        plan = self.plan(since=5, until=6)
        self.assertIn("COVERING INDEX ix_leaf_time_seq", plan)
        self.assertIn("SEARCH leaf USING INTEGER PRIMARY KEY", plan)
        for query in ({}, {"before": 5}, {"sender": "a@x"}, {"since": 5}, {"text": "x"}):
            self.assertNotIn("TEMP B-TREE FOR ORDER BY", self.plan(**query), query)
