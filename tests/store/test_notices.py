"""Notices and tokens in the store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from mailim.errors import AlreadyExists, Invalid, NotFound
from mailim.events import NoticesChanged
from mailim.interfaces.notices import CLAIM_CHARS, NewNotice, Notice
from mailim.interfaces.store import ITransaction
from tests.store.engine_case import StoreTestCase

ONE = NewNotice("semaphore:1", "backup.test", "bob@example.test", "Grüße 🦊", "semaphore", 5)


class NoticeTests(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.changed: list[NoticesChanged] = []
        self.events.subscribe(NoticesChanged, self.changed.append)

    async def add(self, notice: NewNotice) -> bool:
        return await self.store.write(lambda tx: tx.notices.add(notice))

    async def waiting(self, limit: int = 10, after: int = 0) -> list[Notice]:
        return list(await self.store.read(lambda tx: tx.notices.waiting(limit, after)))

    async def write(self, unit: Any) -> Any:
        return await self.store.write(unit)

    async def test_it_waits_as_it_was_handed_in(self) -> None:
        self.assertTrue(await self.add(ONE))
        (found,) = await self.waiting()
        self.assertEqual((found.new, found.leaf), (ONE, None))
        self.assertEqual(self.changed, [NoticesChanged()])

    async def test_a_claim_counts_once(self) -> None:
        self.assertTrue(await self.add(ONE))
        self.assertFalse(await self.add(replace(ONE, body="something else")))
        self.assertEqual([each.new.body for each in await self.waiting()], [ONE.body])
        self.assertEqual(len(self.changed), 1)
        (found,) = await self.waiting()
        await self.write(lambda tx: tx.notices.over(found.id))
        self.assertFalse(await self.add(ONE), "a claim is remembered when it is over")
        self.assertEqual(await self.waiting(), [])

    async def test_in_order_and_in_pages(self) -> None:
        for number in range(5):
            await self.add(replace(ONE, claim=f"c{number}"))
        first = await self.waiting(limit=2)
        rest = await self.waiting(after=first[-1].id)
        self.assertEqual([each.new.claim for each in (*first, *rest)], [f"c{n}" for n in range(5)])
        count = await self.store.read(
            lambda tx: (tx.notices.count_waiting(3), tx.notices.count_waiting(9))
        )
        self.assertEqual(count, (3, 5))

    async def test_its_leaf_and_its_end(self) -> None:
        await self.add(ONE)
        (found,) = await self.waiting()
        await self.write(lambda tx: tx.notices.recorded(found.id, 77))
        self.assertEqual([each.leaf for each in await self.waiting()], [77])
        await self.write(lambda tx: tx.notices.over(found.id, "delivered"))
        await self.write(lambda tx: tx.notices.over(found.id, "something else"))
        state = await self.store.read(lambda tx: tx.notices.find(ONE))
        assert state is not None
        self.assertEqual(
            (state.id, state.leaf, state.over, state.outcome), (found.id, 77, True, "delivered")
        )

    async def test_what_is_over_or_unknown_gets_no_leaf(self) -> None:
        await self.add(ONE)
        (found,) = await self.waiting()
        await self.write(lambda tx: tx.notices.over(found.id))
        await self.failure(self.store.write(lambda tx: tx.notices.recorded(found.id, 1)), NotFound)
        await self.failure(self.store.write(lambda tx: tx.notices.recorded(99, 1)), NotFound)

    async def test_the_same_is_known_again_though_its_text_is_gone(self) -> None:
        await self.add(ONE)
        (found,) = await self.waiting()
        await self.write(lambda tx: tx.notices.over(found.id))

        def same(notice: NewNotice) -> Any:
            return self.store.read(lambda tx: tx.notices.find(notice))

        self.assertTrue((await same(ONE)).same)
        self.assertTrue((await same(replace(ONE, created=99))).same)
        for other in (
            replace(ONE, body="x"), replace(ONE, recipient="x"), replace(ONE, sender="x")
        ):  # fmt: skip
            self.assertFalse((await same(other)).same)
        self.assertIsNone(await same(replace(ONE, claim="other")))

    async def test_only_ended_ones_are_forgotten(self) -> None:
        for number in range(4):
            await self.add(replace(ONE, claim=f"c{number}", created=number))
        ids = [each.id for each in await self.waiting()]

        def unit(tx: ITransaction) -> int:
            for each in ids[1:]:
                tx.notices.over(each)
            return tx.notices.forget(3, 10)

        self.assertEqual(await self.write(unit), 2)
        self.assertFalse(await self.add(replace(ONE, claim="c0")))
        self.assertTrue(await self.add(replace(ONE, claim="c1")))
        self.assertFalse(await self.add(replace(ONE, claim="c3")))

    async def test_impossible_claims(self) -> None:
        for claim in ("", "x" * (CLAIM_CHARS + 1)):
            await self.failure(Deferred.fromCoroutine(self.add(replace(ONE, claim=claim))), Invalid)
        self.assertTrue(await self.add(replace(ONE, claim="x" * CLAIM_CHARS)))


class TokenTests(StoreTestCase):
    async def test_they_come_and_go(self) -> None:
        made = await self.store.write(lambda tx: tx.api_tokens.add("nagios", b"d" * 32, "", 7))
        self.assertEqual((made.name, made.sender, made.created), ("nagios", "", 7))
        found = await self.store.read(
            lambda tx: (tx.api_tokens.by_digest(b"d" * 32), tx.api_tokens.by_digest(b"e" * 32))
        )
        self.assertEqual(found, (made, None))
        await self.failure(
            self.store.write(lambda tx: tx.api_tokens.add("nagios", b"e" * 32, "", 8)),
            AlreadyExists,
        )
        self.assertEqual(list(await self.store.read(lambda tx: tx.api_tokens.list())), [made])
        removed = [
            await self.store.write(lambda tx: tx.api_tokens.remove("nagios")) for _ in (1, 2)
        ]
        self.assertEqual(removed, [True, False])
        again = await self.store.write(lambda tx: tx.api_tokens.add("nagios", b"d" * 32, "", 9))
        self.assertGreater(again.id, made.id, "an id is never used again")
