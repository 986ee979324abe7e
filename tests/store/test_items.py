"""Items: what a model of random acts does not show: errors, limits, uploads, trees of reasons."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid, LimitExceeded, NotFound
from mailim.events import ItemsChanged
from mailim.interfaces.items import ItemQuery
from mailim.limits import FILTER_CONDITIONS, FILTER_DEPTH, KEYWORDS_PER_ITEM, PREFIX_OCTETS
from tests.fakes.store import open_transaction
from tests.store.mails import add_account, add_item, message, prepared


class ItemTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.account = add_account(self.tx).id
        self.stranger = add_account(self.tx, "eve@example.test").id
        self.inbox = self.tx.folders.create(self.account, "Inbox", role="inbox").id
        self.archive = self.tx.folders.create(self.account, "Archive", role="archive").id
        self.foreign = self.tx.folders.create(self.stranger, "Inbox", role="inbox").id

    def test_added(self) -> None:
        data = message(message_id="1@x")
        item = add_item(self.tx, self.inbox, data, frozenset({"$Seen", "Work"}), prefix=b"A: b\r\n")
        self.assertEqual(item, self.tx.items.get(self.account, [item.id])[item.id])
        self.assertEqual(item.size, len(data) + 6)
        self.assertEqual(item.sha256, prepared(data).sha256)
        self.assertEqual(item.keywords, frozenset({"$seen", "work"}))
        facts = self.tx.items.facts([item.body_id])[item.body_id]
        self.assertEqual(facts.message_id, ("1@x",))

    def test_uids_go_on(self) -> None:
        """RFC 3501 2.3.1.1: strictly ascending, never used again, also behind removals."""
        first, second = add_item(self.tx, self.inbox), add_item(self.tx, self.inbox)
        self.tx.items.remove(self.account, second.id)
        third = add_item(self.tx, self.inbox)
        away = self.tx.items.move(self.account, first.id, self.archive)
        back = self.tx.items.move(self.account, first.id, self.inbox)
        self.assertEqual((first.uid, second.uid, third.uid), (1, 2, 3))
        self.assertEqual((away.uid, back.uid, back.id), (1, 4, first.id))
        self.assertGreater(third.id, second.id)

    def test_one_body_for_many(self) -> None:
        items = [add_item(self.tx, self.inbox) for _ in range(3)]
        self.assertEqual(len({each.body_id for each in items}), 1)
        for item in items[:2]:
            self.tx.items.remove(self.account, item.id)
        self.assertEqual(self.tx.bodies.sweep(9), 0)
        self.tx.items.remove(self.account, items[2].id)
        self.assertEqual(self.tx.bodies.sweep(9), 1)
        self.assertEqual(self.tx.items.facts([items[0].body_id]), {})

    def test_strangers_see_nothing(self) -> None:
        item = add_item(self.tx, self.inbox)
        items = self.tx.items
        self.assertEqual(items.get(self.stranger, [item.id]), {})
        self.assertEqual(items.thread(self.stranger, [item.thread_id]), {})
        self.assertRaises(NotFound, items.set_keywords, self.stranger, item.id, frozenset())
        self.assertRaises(NotFound, items.move, self.stranger, item.id, self.foreign)
        self.assertRaises(NotFound, items.move, self.account, item.id, self.foreign)
        self.assertRaises(NotFound, items.remove, self.stranger, item.id)
        self.assertFalse(items.seen_body(self.stranger, item.sha256))
        for given in ({"inMailbox": self.inbox}, {}, {"text": "noon"}, {"header": ["Subject"]}):
            self.assertEqual(items.query(ItemQuery(self.stranger, given)).ids, ())
        both = {"operator": "OR", "conditions": [{"inMailbox": self.inbox}, {"minSize": 0}]}
        self.assertEqual(items.query(ItemQuery(self.stranger, both)).ids, ())

    def test_keywords(self) -> None:
        item = add_item(self.tx, self.inbox)
        for bad in ("", "a b", "a(", "%", "ä", "x" * 256, '"', "a\\"):
            change = self.tx.items.set_keywords
            self.assertRaises(Invalid, change, self.account, item.id, frozenset({bad}))
        many = frozenset(f"k{at}" for at in range(KEYWORDS_PER_ITEM + 1))
        self.assertRaises(LimitExceeded, change, self.account, item.id, many)
        self.assertEqual(change(self.account, item.id, frozenset()), item)  # no modseq taken

    def test_moving_nowhere(self) -> None:
        item = add_item(self.tx, self.inbox)
        self.assertEqual(self.tx.items.move(self.account, item.id, self.inbox), item)

    def test_prefix_is_limited(self) -> None:
        self.assertRaises(
            LimitExceeded, add_item, self.tx, self.inbox, prefix=b"x" * (PREFIX_OCTETS + 1)
        )

    def test_one_event_for_many_changes(self) -> None:
        other = add_item(self.tx, self.foreign)
        for _ in range(3):
            newest = add_item(self.tx, self.inbox)
        self.assertEqual(
            [each for each in self.tx.effects.events if isinstance(each, ItemsChanged)],
            [
                ItemsChanged(self.stranger, other.modseq),
                ItemsChanged(self.account, newest.modseq),
            ],
        )

    def test_missing(self) -> None:
        self.assertRaises(NotFound, add_item, self.tx, 4711)
        self.assertRaises(NotFound, self.tx.items.remove, self.account, 4711)

    def test_uploads(self) -> None:
        body = prepared(b"picture")
        body_id = self.tx.bodies.add(body)
        self.assertFalse(self.tx.items.seen_body(self.account, body.sha256))
        self.tx.items.add_upload(self.account, body_id, expires=50)
        self.tx.items.add_upload(self.account, body_id, expires=40)  # longer counts
        self.assertTrue(self.tx.items.seen_body(self.account, body.sha256))
        self.assertFalse(self.tx.items.seen_body(self.stranger, body.sha256))
        self.assertEqual(self.tx.items.upload_octets(self.account), 7)
        self.assertEqual(self.tx.items.expire_uploads(49, 9), 0)
        self.assertEqual(self.tx.bodies.sweep(9), 0)
        self.assertEqual(self.tx.items.expire_uploads(50, 9), 1)
        self.assertEqual(self.tx.bodies.sweep(9), 1)

    def test_account_gone(self) -> None:
        """Its bodies are let go, those of others stay."""
        add_item(self.tx, self.inbox)
        add_item(self.tx, self.inbox)
        kept = add_item(self.tx, self.foreign)
        own = add_item(self.tx, self.inbox, message(subject="Own"))
        self.tx.items.add_upload(self.account, own.body_id, 9)
        self.tx.accounts.delete(self.account)
        self.assertEqual(self.tx.bodies.sweep(9), 1)
        self.tx.items.remove(self.stranger, kept.id)
        self.assertEqual(self.tx.bodies.sweep(9), 1)


class FilterTest(SynchronousTestCase):
    """What a query refuses."""

    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.account = add_account(self.tx).id

    def refused(self, error: type[Exception], given: object) -> None:
        query = ItemQuery(self.account, given)  # type: ignore[arg-type]
        self.assertRaises(error, self.tx.items.query, query)

    def test_unknown(self) -> None:
        self.refused(Invalid, {"inBetween": 4})
        self.refused(Invalid, {"operator": "XOR", "conditions": []})
        self.refused(Invalid, {"operator": "AND", "conditions": {}})
        self.refused(Invalid, {"operator": "AND"})
        self.refused(Invalid, {"operator": "AND", "conditions": [4]})
        self.refused(Invalid, {"operator": ["AND"], "conditions": []})

    def test_wrong_types(self) -> None:
        wrong: dict[str, tuple[object, ...]] = {
            "inMailbox": ("1", None, True, [1], {}),
            "inMailboxOtherThan": (1, ["a"], None),
            "before": ("yesterday", None, "2020-01-01T00:00:00", [], True),
            "minSize": ("1", 1.5),
            "hasKeyword": (1, None, "a b", ""),
            "hasAttachment": (1, "yes"),
            "text": (1, None, ["a"]),
            "header": ("Subject", [], ["a", "b", "c"], [1], ["a b"], ["-"], ["ä"]),
        }
        for name, values in wrong.items():
            for value in values:
                self.refused(Invalid, {name: value})

    def test_limits(self) -> None:
        deep: dict[str, object] = {"minSize": 1}
        for _ in range(FILTER_DEPTH):
            deep = {"operator": "NOT", "conditions": [deep]}
        self.refused(LimitExceeded, deep)
        self.refused(LimitExceeded, {"text": "x" * 1001})
        wide = [{"minSize": each} for each in range(FILTER_CONDITIONS)]
        self.refused(LimitExceeded, {"operator": "OR", "conditions": wide})
        sort = (("size", True, None),) * 9
        self.assertRaises(LimitExceeded, self.tx.items.query, ItemQuery(self.account, sort=sort))

    def test_sorts(self) -> None:
        for sort in (("colour", True, None), ("hasKeyword", True, None)):
            self.assertRaises(Invalid, self.tx.items.query, ItemQuery(self.account, sort=(sort,)))

    def test_times(self) -> None:
        folder = self.tx.folders.create(self.account, "Inbox").id
        item = add_item(self.tx, folder, received=1_577_836_800_000_000)
        for given, found in (
            ({"after": "2020-01-01T00:00:00Z"}, (item.id,)),
            ({"before": "2020-01-01T00:00:00Z"}, ()),
            ({"before": "2020-01-01T00:00:00.000001Z"}, (item.id,)),
        ):
            self.assertEqual(self.tx.items.query(ItemQuery(self.account, given)).ids, found)

    def test_many_shapes_are_not_kept(self) -> None:
        """A client that never asks twice the same does not fill the memory."""
        for depth in range(3):
            for each in range(60):
                conditions = [{"minSize": 1}] * (each % 20 + 1)
                given = {"operator": ("AND", "OR", "NOT")[depth], "conditions": conditions}
                sort = (("size", each > 30, None),)
                self.tx.items.query(ItemQuery(self.account, given, sort))
        self.assertLessEqual(len(self.tx.items._queries._plans), 100)
