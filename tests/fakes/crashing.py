"""Programs that are killed at named points and started again; what those of all tests share.

    python -m tests.….crashing_… DIRECTORY

Such a program forks for each run, so that a run can die by SIGKILL: first one without a
crash, which counts; then for each `Point` a run in a new directory that is killed there, and
one without a crash behind it. For each point it prints a line of JSON: where, how the first
run ended, and what the scenario found in the end. `tests.fakes.crash_case` runs
it and reads that.

What a program imports it imports before the forks, once for all; but no reactor, which all
runs would share then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred

MOMENTS = ("before", "inside", "committed")
RANDOM = "random"


class Point(NamedTuple):
    """Where a run dies: when something happens for the n-th time; `RANDOM`: after n µs."""

    moment: str = ""
    number: int = 0

    def __str__(self) -> str:
        return f"{self.moment} {self.number}" if self.moment else "clean"


CLEAN = Point()
Scenario = Callable[[Any, Path, Point], Coroutine[Any, Any, dict[str, Any]]]
"""Given the reactor, a directory and where to die: works until all is over; gives what there
is then, with "units" for how many were written."""


class Fate:
    """Kills the process at a point of one's own."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self.counts: Counter[str] = Counter()

    def at(self, moment: str) -> None:
        """Say that it came to this; maybe die."""
        self.counts[moment] += 1
        if self._point == (moment, self.counts[moment]):
            die()


class DyingStore:
    """A store whose process is killed around its n-th unit of writing.

    before: the unit was asked for, not begun; inside: it did all its work, not committed;
    committed: it is durable, and nobody was told. At other moments it lives.
    """

    def __init__(self, store: Any, point: Point) -> None:
        self._store = store
        self._unit = point.number if point.moment in MOMENTS else 0
        self._moment = point.moment
        self.bodies = store.bodies
        self.read = store.read
        self.written = 0

    def write(self, unit: Callable[[Any], Any], *priority: Any) -> Any:
        self.written += 1
        if self.written != self._unit:
            return self._store.write(unit, *priority)
        if self._moment == "before":
            die()

        def dying(tx: Any) -> Any:
            result = unit(tx)
            if self._moment == "inside":
                die()
            # The last moment before anybody hears of it, on the reactor thread.
            tx.after_commit(die)
            return result

        return self._store.write(dying, *priority)


def die() -> None:
    """End as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


def started(work: Callable[[Any], Coroutine[Any, Any, None]]) -> int:
    """Do work in a process of its own, on a reactor of its own; gives its id."""
    if "twisted.internet.reactor" in sys.modules:
        raise RuntimeError("There is a reactor already; the processes would share it.")
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            _on_a_reactor(work)
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    return pid


def ended(pid: int) -> str:
    """Wait for a process; gives how it ended: "done", "killed" or "failed"."""
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {0: "done", -signal.SIGKILL: "killed"}.get(status, "failed")


def _on_a_reactor(work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    failed: list[Any] = []

    def start() -> None:
        done = Deferred.fromCoroutine(work(reactor))
        done.addErrback(failed.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    if failed:
        failed[0].raiseException()


def around_units(clean: dict[str, Any]) -> Iterator[Point]:
    """Give every moment of every unit that the run without a crash wrote."""
    for number in range(1, clean["units"] + 1):
        for moment in MOMENTS:
            yield Point(moment, number)


def crash(
    scenario: Scenario, points: Callable[[dict[str, Any]], Iterator[Point]] = around_units
) -> None:
    """Run through all points; `points` is given what the run without a crash found."""
    base = Path(sys.argv[1])
    began = time.monotonic()
    clean = _report(base, scenario, CLEAN)
    for point in points({**clean, "seconds": time.monotonic() - began}):
        _report(base, scenario, point)


def _report(base: Path, scenario: Scenario, point: Point) -> dict[str, Any]:
    """Crash at one point, start again, print what came of it."""
    directory = base / str(point).replace(" ", "")
    directory.mkdir()
    result = Path(f"{directory}.json")
    pid = _run(scenario, directory, point, result)
    if point.moment == RANDOM:
        time.sleep(point.number / 1e6)
        os.kill(pid, signal.SIGKILL)  # until it is waited for, the id stays its own
    end = ended(pid)
    if point != CLEAN and ended(_run(scenario, directory, CLEAN, result)) != "done":
        end = "failed"
    found: dict[str, Any] = json.loads(result.read_text()) if result.exists() else {}
    print(json.dumps({"point": str(point), "end": end, **found}), flush=True)
    return found


def _run(scenario: Scenario, directory: Path, point: Point, result: Path) -> int:
    async def work(reactor: Any) -> None:
        result.write_text(json.dumps(await scenario(reactor, directory, point)))

    return started(work)
