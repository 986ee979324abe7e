"""Operations: what was begun is finished and on record, and said in the log without flooding it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import ILogObserver, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailim.admin.operations import Operations
from mailim.errors import RecordUnavailable, Unavailable


class OperationsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.done: list[tuple[str, str, Mapping[str, Any]]] = []
        self.under_way: Deferred[None] = Deferred()
        self.operations = Operations({"user.disable": self.act, "im.send": self.send}, self.note)
        self.events: list[Any] = []
        observer = cast(ILogObserver, self.events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    async def act(self, values: dict[str, Any], actor: str) -> Any:
        await self.under_way

    async def send(self, values: dict[str, Any], actor: str) -> Any:
        return {"id": "1"}

    async def note(self, name: str, actor: str, values: Mapping[str, Any]) -> None:
        self.done.append((name, actor, values))

    def call(self, name: str, **values: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.operations.call(name, values, "admin@x.test"))

    def test_who_hangs_up_does_not_stop_it_half_way_nor_keep_it_off_the_record(self) -> None:
        asked = self.call("user.disable", address="a@x.test")
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.done, [])
        self.under_way.callback(None)
        self.assertEqual(self.done, [("user.disable", "admin@x.test", {"address": "a@x.test"})])

    def test_a_failure_nobody_waits_for_is_logged(self) -> None:
        asked = self.call("user.disable", address="a@x.test")
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.under_way.errback(RuntimeError("broken"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_what_was_done_but_is_not_on_record_is_said_to_be_done(self) -> None:
        async def full(name: str, actor: str, values: Mapping[str, Any]) -> None:
            raise RecordUnavailable("the message cannot be recorded at the moment")

        self.operations = Operations({"im.send": self.send}, full)
        error = self.failureResultOf(self.call("im.send", to="a@x.test", body="hi"), Unavailable)
        self.assertIn("was done", error.value.text)
        self.assertIn("record", error.value.text)

    def test_a_long_text_does_not_flood_the_log(self) -> None:
        self.successResultOf(self.call("im.send", to="a@x.test", body="x" * 50_000))
        said = [event for event in self.events if event.get("name") == "im.send"]
        self.assertLess(len(str(said[0]["arguments"])), 1000)
        self.assertEqual(len(self.done[0][2]["body"]), 50_000)
