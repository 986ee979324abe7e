"""The text logs behind a running record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import TestCase

from mailim.record import text_logs
from mailim.record.record import Record
from mailim.record.text_logs import TextLogs
from tests.record.sites import RecordSite


class TextLogsTests(TestCase):
    def site(self, **options: Any) -> RecordSite:
        site = RecordSite(self)
        self.restart(site, **options)
        return site

    def restart(self, site: RecordSite, **options: Any) -> None:
        self.logs = TextLogs(
            reactor,
            site.store,
            site.directory / "LOGS",
            site.directory / "record" / "logs.json",
            **{"delay": 0.01, "retry": 0.02, **options},
        )
        site.record = Record(site.store, site.signer, site.clock, logs=self.logs)

    def numbers(self, site: RecordSite, name: str = "InstantMessaging.log") -> list[int]:
        lines = (site.directory / "LOGS" / name).read_text().splitlines()
        return [int(line.split("#")[1].split()[0]) for line in lines]

    async def test_written_soon(self) -> None:
        site = self.site()
        await site.record.start()
        await site.say("one", "two")
        while not (site.directory / "LOGS" / "InstantMessaging.log").exists():
            await site.store.read(lambda tx: None)
        await self.logs.flush()
        self.assertEqual(self.numbers(site), [0, 1])
        self.assertEqual(self.numbers(site, "XMPPServer-2026-11-18.log"), [0, 1])
        await site.say("three")
        await site.record.stop()
        self.assertEqual(self.numbers(site), [0, 1, 2])

    async def test_caught_up_after_a_crash(self) -> None:
        site = self.site()
        await site.record.start()
        await site.say("one", "two")
        await self.logs.flush()
        site.record = Record(site.store, site.signer, site.clock)  # committed, never logged
        await site.say(*map(str, range(1200)))
        self.restart(site)
        with capturedLogs() as events:
            await site.record.start()
        self.assertTrue(any(event.get("count") == 1200 for event in events))
        await site.say("last")
        await site.record.stop()
        self.assertEqual(self.numbers(site), list(range(1203)))
        self.assertEqual(self.numbers(site, "XMPPServer-2026-11-18.log"), list(range(1203)))

    async def test_said_while_starting(self) -> None:
        site = self.site()
        await site.say("before the start")
        await site.record.start()
        await site.record.stop()
        self.assertEqual(self.numbers(site), [0])

    async def test_a_failing_log_raises_one_alarm_and_holds_up_nothing(self) -> None:
        site = self.site()
        await site.record.start()
        blocked = site.directory / "LOGS" / "InstantMessaging.log"
        blocked.mkdir(parents=True)
        with capturedLogs() as events:
            for number in range(5):
                await site.say(f"text {number}")
                await self.logs.flush()
            alarms = [event for event in events if event["log_level"] is LogLevel.critical]
            self.assertEqual(len(alarms), 1)
            clock: Any = reactor
            await deferLater(clock, 0.1)  # several tries, each in vain
            self.assertFalse(any("written again" in event["log_format"] for event in events))
            blocked.rmdir()
            while not blocked.exists():
                await site.store.read(lambda tx: None)
            await self.logs.flush()
            self.assertTrue(any("can be written again" in e["log_format"] for e in events))
        self.assertEqual(self.numbers(site), [0, 1, 2, 3, 4])
        await site.record.stop()

    async def test_more_than_is_kept_in_memory(self) -> None:
        self.patch(text_logs, "_GATHERED", 5)
        self.patch(text_logs, "_AT_ONCE", 7)
        site = self.site(delay=60)
        await site.record.start()
        await site.say(*map(str, range(33)))
        await self.logs.flush()
        self.assertEqual(self.numbers(site), list(range(33)))
        await site.record.stop()

    async def test_flushes_at_once_do_not_write_twice(self) -> None:
        site = self.site(delay=60)
        await site.record.start()
        await site.say(*map(str, range(10)))
        for each in [Deferred.fromCoroutine(self.logs.flush()) for _ in range(5)]:
            await each
        self.assertEqual(self.numbers(site), list(range(10)))
        await site.record.stop()

    async def test_stopped_without_start(self) -> None:
        site = self.site()
        await site.record.stop()
        self.assertFalse(Path(site.directory / "LOGS").exists())
