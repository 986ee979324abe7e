"""The rules in force: `etc/filters.toml`, read again when it changed.

When mail comes the file is looked at, at most once a second; a change needs neither reload
nor restart. A file that is broken leaves the last good rules in force, and is told of once. If
there were no good ones yet, mail waits: none gets past rules that nobody could read. No file
means no rules.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.errors import Unavailable
from mailim.mail.filters.limits import FILE_OCTETS
from mailim.mail.filters.rules import RuleProblem, RulesError, RuleSet, parse

LOOK_SECONDS: Final = 1.0
_SETTLED: Final = 2_000_000_000  # nanoseconds: a younger file may change without its time
_PAUSE: Final = 0.1  # seconds in which nobody writes to a file that is whole
_PAUSES: Final = 10

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Read:
    """What one look found."""

    signature: Signature | None  # None: look again whatever stat says
    data: bytes | None
    rules: RuleSet | None  # None: broken
    error: RulesError | None


class RuleFile:
    """Gives the rules in force. `threads` runs what blocks."""

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, path: Path, threads: Callable[[Callable[[], Any]], Any]
    ) -> None:
        self.path = path
        self._clock = clock
        self._threads = threads
        self._lock = DeferredLock()
        self._looked: float | None = None
        self._last = _Read(None, None, None, None)
        self._good: RuleSet | None = None

    @property
    def error(self) -> RulesError | None:
        """What is wrong in the file as it was last seen."""
        return self._last.error

    @property
    def in_force(self) -> RuleSet | None:
        """The last good rules; None if there never were any."""
        return self._good

    async def current(self) -> RuleSet:
        """Give the rules in force; raises `Unavailable` if there never were any to be read."""
        await self.look()
        if self._good is None:
            raise Unavailable("The rules for mail cannot be read.")
        return self._good

    async def look(self, now: bool = False) -> None:
        """Look at the file, unless it was done a moment ago and not asked for `now`."""
        await self._lock.acquire()
        try:
            seconds = self._clock.seconds()
            if not now and self._looked is not None and seconds - self._looked < LOOK_SECONDS:
                return
            last = self._last
            found: _Read = await self._threads(lambda: _look(self.path, last))
            self._looked = seconds
            if found is not last:
                self._take(found, last)
        finally:
            self._lock.release()

    def _take(self, found: _Read, last: _Read) -> None:
        self._last = found
        if found.rules is not None:
            self._good = found.rules
            if found.data != last.data or last.error is not None:
                self._log.info(
                    "{count} rules for mail are in force", count=len(found.rules.rules),
                    enabled=found.rules.enabled,
                )  # fmt: skip
        elif found.error is not None and (last.error is None or found.data != last.data):
            self._log.error(
                "the rules for mail are broken, {what}: {error}",
                what="mail waits" if self._good is None else "the last good ones stay in force",
                error=found.error.text,
            )


def _look(path: Path, last: _Read) -> _Read:
    """Read and check the file if it changed. Blocking.

    Somebody may be writing it at this moment: half a file can be good rules, and while one
    is replaced there may be none. So what changed just now is read until it stays.
    """
    found = _once(path, last)
    for _ in range(_PAUSES):
        if found is last or found.signature is not None or found.data == last.data:
            break
        time.sleep(_PAUSE)
        before, found = found, _once(path, last)
        if found.data == before.data:
            break
    return found


def _once(path: Path, last: _Read) -> _Read:
    try:
        with path.open("rb") as stream:
            status = _stat(stream.fileno())
            if last.signature is not None and status.signature == last.signature:
                return last
            data = stream.read(FILE_OCTETS + 1)
    except FileNotFoundError:
        return _Read(None, b"", RuleSet(), None)
    except OSError as error:
        told = (RuleProblem(0, "", "", f"cannot be read: {error.strerror}"),)
        return _Read(None, None, None, RulesError(path, told))
    signature = status.signature if status.settled else None
    if data == last.data:
        return _Read(signature, data, last.rules, last.error)
    try:
        return _Read(signature, data, parse(data, path), None)
    except RulesError as error:
        return _Read(signature, data, None, error)


@dataclass(frozen=True, slots=True)
class _Status:
    signature: Signature
    settled: bool


def _stat(file: int) -> _Status:
    status = os.fstat(file)
    age = time.time_ns() - status.st_mtime_ns
    return _Status((status.st_mtime_ns, status.st_size, status.st_ino), age > _SETTLED or age < 0)
