"""The rules in force follow the file; a broken one changes nothing."""

from __future__ import annotations

import os
import time
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, globalLogPublisher
from twisted.trial.unittest import TestCase

from mailim.errors import Unavailable
from mailim.mail.filters.rule_file import LOOK_SECONDS, RuleFile
from tests.fakes.store import short_directory
from tests.mail.filters.kit import rule


class RuleFileTest(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.path = short_directory(self) / "filters.toml"
        self.clock = Clock()
        self.looks = 0
        self.file = RuleFile(self.clock, self.path, self.threads)

    def threads(self, work: Any) -> Any:
        self.looks += 1
        return succeed(work())

    def write(self, *names: str, text: str = "", age: float = 10) -> None:
        """Write rules of these names; `age` is in seconds."""
        rules = "".join(rule(more=f'name = "{name}"') for name in names)
        self.path.write_text(text or f"enabled = true\n{rules}")
        when = self.path.stat().st_mtime - age
        os.utime(self.path, (when, when))

    async def names(self) -> list[str]:
        return [each.name for each in (await self.file.current()).rules]

    async def test_a_change_takes_effect_within_a_second(self) -> None:
        self.write("one")
        self.assertEqual(await self.names(), ["one"])
        self.write("one", "two", age=9)
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(await self.names(), ["one", "two"])

    async def test_it_is_looked_at_once_a_second_at_most(self) -> None:
        self.write("one")
        for _ in range(100):
            await self.names()
        self.assertEqual(self.looks, 1)
        self.write("two", age=9)
        self.assertEqual(await self.names(), ["one"])
        await self.file.look(now=True)
        self.assertEqual(await self.names(), ["two"])

    async def test_a_broken_file_keeps_the_last_good_rules(self) -> None:
        self.write("one")
        await self.names()
        for text in ("enabled = ", rule('of = "bdy", is = "x"'), "\x00"):
            self.write(text=text, age=len(text))
            for _ in range(3):
                self.clock.advance(LOOK_SECONDS)
                self.assertEqual(await self.names(), ["one"])
            self.assertIsNotNone(self.file.error)
        self.write("two")
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual((await self.names(), self.file.error), (["two"], None))

    async def test_broken_from_the_beginning(self) -> None:
        """Mail waits: nothing gets past rules that cannot be read."""
        self.write(text="enabled = ")
        await self.assertFailure(self.deferred(), Unavailable)
        self.write("one", age=5)
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(await self.names(), ["one"])

    async def test_no_file_is_no_rules(self) -> None:
        self.assertEqual(await self.names(), [])
        self.write("one")
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(await self.names(), ["one"])
        self.path.unlink()
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(await self.names(), [])

    async def test_a_file_nobody_may_read(self) -> None:
        self.path.mkdir()
        await self.assertFailure(self.deferred(), Unavailable)
        self.assertIn("cannot be read", str(self.file.error))

    async def test_written_twice_in_a_moment(self) -> None:
        """The same time and size, other octets: a young file is read again."""
        self.write("one", age=0)
        when = self.path.stat().st_mtime_ns
        await self.names()
        self.write("two", age=0)
        os.utime(self.path, ns=(when, when))
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(await self.names(), ["two"])

    async def test_while_it_is_written(self) -> None:
        """Neither half a file nor one that is being replaced is taken for the rules."""
        self.write("one")
        await self.names()
        pauses: list[float] = []

        def write_on(seconds: float) -> None:
            pauses.append(seconds)
            self.write("one", "two", age=0)

        self.patch(time, "sleep", write_on)
        for begin in (lambda: self.write(text="enabled = true\n", age=0), self.path.unlink):
            begin()
            self.clock.advance(LOOK_SECONDS)
            self.assertEqual(await self.names(), ["one", "two"])
        self.assertGreaterEqual(len(pauses), 2)

    async def test_broken_is_told_once(self) -> None:
        told: list[Any] = []
        observer = cast(ILogObserver, told.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.write("one")
        await self.names()
        self.write(text="enabled = ", age=0)
        for _ in range(5):
            self.clock.advance(LOOK_SECONDS)
            await self.names()
        broken = [each for each in told if "broken" in (each.get("log_format") or "")]
        self.assertEqual(len(broken), 1)
        self.assertEqual(broken[0]["log_level"].name, "error")

    def deferred(self) -> Any:
        return Deferred.fromCoroutine(self.file.current())
