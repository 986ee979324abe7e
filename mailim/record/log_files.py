"""The text logs on disk: what stands in them, where to go on, and who may move them away.

All of this blocks and belongs in a thread (see `text_logs`).

A log is only appended to. It may be renamed, cut or removed at any time (logrotate, an
administrator): the next lines go into a fresh file. What could not be written whole is taken
back, so that no half line stays. Where each log goes on is known twice: from the number in
its last line, and from the small state file, which is needed when the log was moved away. So
a crash loses nothing and writes nothing twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from mailim.interfaces.record import Leaf
from mailim.record.log_lines import (
    IM_KINDS,
    damaged_line_of,
    date_of,
    line_of,
    number_of,
    stamp,
)

_TAIL: Final = 1 << 20  # octets looked at for the last whole line
_MODE: Final = 0o600  # what people wrote to each other


class LogFile:
    """One log; `position` is the number of the first leaf not written into it.

    stem: the file is `STEM.log`, or `STEM-YYYY-MM-DD.log` by the day of a leaf if `daily`.
    wants: tells whether a leaf belongs here.
    max_bytes: a file that reached this size is renamed, with the time in its name; 0: never.
    keep: how many renamed ones stay.
    """

    def __init__(
        self,
        directory: Path,
        stem: str,
        wants: Callable[[Leaf], bool],
        *,
        daily: bool = False,
        max_bytes: int = 0,
        keep: int = 20,
    ) -> None:
        self._directory = directory
        self._stem = stem
        self._wants = wants
        self._daily = daily
        self._max_bytes = max_bytes
        self._keep = keep
        self._descriptor = -1
        self._path = directory
        self.position = 0

    def find_position(self, state: int) -> None:
        """Find out where to go on: behind the last line, but not before the state's number."""
        number = _last_number(self._newest())
        self.position = max(state, 0 if number is None else number + 1)

    def write(self, lines: Sequence[tuple[Leaf, str]]) -> None:
        """Append the lines of those leaves not written yet; raises OSError."""
        mine: list[str] = []
        name = ""
        for leaf, line in lines:
            if leaf.seq < self.position or not self._wants(leaf):
                continue
            wanted = self._file_name(leaf)
            if wanted != name and mine:
                self._append(name, mine)
                mine = []
                self.position = leaf.seq
            name = wanted
            mine.append(line)
        if mine:
            self._append(name, mine)
        if lines:
            self.position = max(self.position, lines[-1][0].seq + 1)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, name: str, lines: list[str]) -> None:
        self._reopen(self._directory / name)
        size = os.fstat(self._descriptor).st_size
        data = memoryview("".join(lines).encode("utf-8", "backslashreplace"))
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")  # a line torn by a crash
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, size)
            raise
        if self._max_bytes and os.fstat(self._descriptor).st_size >= self._max_bytes:
            self._set_aside()

    def _reopen(self, path: Path) -> None:
        """Have the file of that path open, which may be another one than a moment ago."""
        if self._descriptor >= 0 and path == self._path:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), os.fstat(self._descriptor)):
                    return
        self.close()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, _MODE)
        self._path = path

    def _set_aside(self) -> None:
        """Rename a full file, and remove the oldest ones renamed before."""
        micros = time.time_ns() // 1000
        while (target := self._directory / f"{self._path.stem}-{stamp(micros)}.log").exists():
            micros += 1
        os.rename(self._path, target)
        self.close()
        aside = sorted(self._directory.glob(f"{self._stem}-[0-9]*T[0-9]*.[0-9]*.log"))
        for old in aside[: -self._keep]:
            old.unlink(missing_ok=True)

    def _newest(self) -> Path:
        """Give the file of this log that was written last."""
        found = list(self._directory.glob(f"{self._stem}*.log"))
        return max(found, key=_changed, default=self._directory / f"{self._stem}.log")

    def _file_name(self, leaf: Leaf) -> str:
        if not self._daily:
            return f"{self._stem}.log"
        return f"{self._stem}-{date_of(leaf.time if type(leaf.time) is int else 0)}.log"


class LogFiles:
    """Both logs of the record below a directory, and their state file."""

    def __init__(self, directory: Path, state: Path, max_bytes: int = 64 << 20) -> None:
        self._state = state
        self._logs: Mapping[str, LogFile] = {
            "InstantMessaging": LogFile(
                directory,
                "InstantMessaging",
                lambda leaf: leaf.kind in IM_KINDS,
                max_bytes=max_bytes,
            ),
            "XMPPServer": LogFile(directory, "XMPPServer", lambda leaf: True, daily=True),
        }

    @property
    def position(self) -> int:
        """The number of the first leaf that is missing in one of them."""
        return min(log.position for log in self._logs.values())

    def open(self, size: int) -> int:
        """Find out where to go on in a record of `size` leaves; gives `position`.

        Numbers beyond the record (it was restored from an older copy) count as its end.
        """
        state = self._read_state()
        for name, log in self._logs.items():
            log.find_position(state.get(name, 0))
            log.position = min(log.position, size)
        return self.position

    def write(self, leaves: Sequence[Leaf]) -> int:
        """Append leaves to both; gives `position`. Raises OSError after having tried both."""
        lines = [(leaf, _line(leaf)) for leaf in leaves]
        failed: OSError | None = None
        for log in self._logs.values():
            try:
                log.write(lines)
            except OSError as error:
                failed = failed or error
        self._write_state()
        if failed is not None:
            raise failed
        return self.position

    def close(self) -> None:
        """Close the files."""
        for log in self._logs.values():
            log.close()

    def _read_state(self) -> dict[str, int]:
        try:
            state = json.loads(self._state.read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(state, dict):
            return {}
        return {str(k): v for k, v in state.items() if type(v) is int and v >= 0}

    def _write_state(self) -> None:
        """Remember where each log goes on, best effort: the logs themselves know too."""
        positions = {name: log.position for name, log in self._logs.items()}
        with contextlib.suppress(OSError):
            self._state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = self._state.with_suffix(".new")
            new.write_text(json.dumps(positions), "utf-8")
            os.replace(new, self._state)


def _line(leaf: Leaf) -> str:
    try:
        return line_of(leaf)
    except Exception:  # somebody wrote nonsense into the row; the log must go on
        return damaged_line_of(leaf.seq)


def _last_number(path: Path) -> int | None:
    """Give the number in the last whole line of a log; None if there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return None
    for line in reversed(lines[:-1]):
        number = number_of(line)
        if number is not None:
            return number
    return None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
