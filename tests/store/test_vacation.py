"""Automatic replies in the store: settings, their limits, and who was answered."""

from __future__ import annotations

from typing import Any

from mailim.errors import Invalid, NotFound
from mailim.events import ObjectsChanged
from mailim.interfaces.store import ITransaction
from mailim.interfaces.vacation import EXCLUDED, MAX_DAYS, SUBJECT_CHARS, TEXT_CHARS, Vacation
from tests.store.engine_case import StoreTestCase

DAY = 86_400_000_000
HOUR = 3_600_000_000


class VacationCase(StoreTestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.changed: list[ObjectsChanged] = []
        self.events.subscribe(ObjectsChanged, self.changed.append)

        def unit(tx: ITransaction) -> int:
            tx.accounts.add_domain("example.test", 0)
            tx.accounts.add("ann@example.test", "", False, 0)
            return tx.accounts.add("bob@example.test", "", False, 0).id

        self.bob = await self.store.write(unit)

    async def set(self, **changes: Any) -> Vacation:
        return await self.store.write(lambda tx: tx.vacation.set(self.bob, **changes))

    async def get(self) -> Vacation:
        return await self.store.read(lambda tx: tx.vacation.get(self.bob))

    async def claim(self, sender: str, now: int, most: int = 100) -> bool:
        return await self.store.write(
            lambda tx: tx.vacation.claim(self.bob, sender, now, now - DAY, most)
        )


class SettingsTests(VacationCase):
    async def test_before_anything_was_set(self) -> None:
        found = await self.get()
        self.assertEqual(found, Vacation())
        self.assertEqual((found.enabled, found.days, found.colleagues), (False, 1, True))

    async def test_everything_comes_back(self) -> None:
        given: dict[str, Any] = {
            "enabled": True, "from_date": 5, "to_date": 9, "subject": "Weg – away",
            "text": "Grüße\nBob", "html": "<p>x</p>", "days": 7,
            "excluded": ("*@x.test", "a?b@y.test"), "colleagues": False,
        }  # fmt: skip
        made = await self.set(**given)
        self.assertEqual(made, Vacation(**given, modseq=made.modseq))
        self.assertEqual(await self.get(), made)
        self.assertEqual(self.changed, [ObjectsChanged(self.bob, "VacationResponse", made.modseq)])

    async def test_what_changes_nothing_says_nothing(self) -> None:
        made = await self.set(enabled=True)
        self.assertEqual(await self.set(enabled=True), made)
        self.assertEqual(len(self.changed), 1)
        again = await self.set(days=2)
        self.assertGreater(again.modseq, made.modseq)

    async def test_limits(self) -> None:
        bad: tuple[dict[str, Any], ...] = (
            {"subject": "x" * (SUBJECT_CHARS + 1)},
            {"subject": "a\r\nBcc: x@y"},
            {"subject": "a\u2028b"},
            {"text": "x" * (TEXT_CHARS + 1)},
            {"html": "\x00"},
            {"text": "\ud800"},
            {"days": 0},
            {"days": MAX_DAYS + 1},
            {"excluded": ("",)},
            {"excluded": ("a b",)},
            {"excluded": ("x" * 255,)},
            {"excluded": tuple(f"{n}@x" for n in range(EXCLUDED + 1))},
            {"modseq": 5},
            {"nonsense": 1},
        )
        for changes in bad:
            error = await self.failure(
                self.store.write(lambda tx, given=changes: tx.vacation.set(self.bob, **given)),  # type: ignore[misc]
                Invalid,
            )
            assert isinstance(error, Invalid)
            self.assertEqual(error.path, min(changes), changes)
        reverse = self.store.write(lambda tx: tx.vacation.set(self.bob, from_date=5, to_date=5))
        await self.failure(reverse, Invalid)
        self.assertEqual(await self.get(), Vacation())
        await self.failure(self.store.write(lambda tx: tx.vacation.set(99)), NotFound)

    async def test_it_goes_with_the_account(self) -> None:
        await self.set(enabled=True)
        await self.claim("a@x.test", 1)
        await self.store.write(lambda tx: tx.accounts.delete(self.bob))
        self.assertEqual(await self.get(), Vacation())
        self.assertEqual(await self.store.write(lambda tx: tx.vacation.forget(DAY, 9)), 0)


class CoversTests(StoreTestCase):
    def test_bounds(self) -> None:
        self.assertFalse(Vacation().covers(5))
        self.assertTrue(Vacation(enabled=True).covers(5))
        bounded = Vacation(enabled=True, from_date=5, to_date=9)
        self.assertEqual(
            [bounded.covers(time) for time in (4, 5, 8, 9)], [False, True, True, False]
        )


class ClaimTests(VacationCase):
    async def test_once_in_a_period(self) -> None:
        self.assertTrue(await self.claim("a@x.test", 10 * DAY))
        self.assertTrue(await self.claim("b@x.test", 10 * DAY))
        self.assertFalse(await self.claim("a@x.test", 10 * DAY))
        self.assertFalse(await self.claim("a@x.test", 11 * DAY - 1))
        self.assertTrue(await self.claim("a@x.test", 11 * DAY))

    async def test_a_time_to_come_silences_nobody(self) -> None:
        self.assertTrue(await self.claim("a@x.test", 999 * DAY))
        self.assertTrue(await self.claim("a@x.test", DAY))

    async def test_many_at_a_time_to_come_silence_nobody_either(self) -> None:
        for number in range(3):
            self.assertTrue(await self.claim(f"{number}@x.test", 999 * DAY, 3))
        self.assertTrue(await self.claim("new@x.test", DAY, 3))

    async def test_replies_made_side_by_side(self) -> None:
        """Who was made ready first may claim last: its time is before the other's claim."""
        self.assertTrue(await self.claim("a@x.test", DAY + 5))
        self.assertFalse(await self.claim("a@x.test", DAY))

    async def test_so_many_in_an_hour(self) -> None:
        for number in range(3):
            self.assertTrue(await self.claim(f"{number}@x.test", DAY + number, 3))
        self.assertFalse(await self.claim("new@x.test", DAY + HOUR - 1, 3))
        self.assertTrue(await self.claim("new@x.test", DAY + HOUR, 3))

    async def test_a_new_absence_is_new_to_all(self) -> None:
        await self.set(enabled=True)
        for changes in (
            {"text": "other"},
            {"subject": "other"},
            {"html": "other"},
            {"enabled": False},
            {"enabled": True},
        ):
            await self.claim("a@x.test", DAY)
            await self.set(**changes)
            expected = changes != {"enabled": False}
            self.assertEqual(await self.claim("a@x.test", DAY), expected, changes)
        await self.set(days=5, colleagues=False, excluded=("x@y",))
        self.assertFalse(await self.claim("a@x.test", DAY))

    async def test_old_ones_are_forgotten(self) -> None:
        for number in range(5):
            await self.claim(f"{number}@x.test", number)
        forget = lambda tx: tx.vacation.forget(4, 3)  # noqa: E731
        self.assertEqual(await self.store.write(forget), 3)
        self.assertEqual(await self.store.write(forget), 1)
        self.assertEqual(await self.store.write(forget), 0)
        self.assertFalse(await self.claim("4@x.test", 5))
