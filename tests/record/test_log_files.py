"""The text logs on disk: days, rotation, torn lines, going on after a crash."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.record import Leaf
from mailim.record.entries import Draft, Entry
from mailim.record.log_files import LogFiles
from tests.fakes.store import short_directory
from tests.record.sites import message
from tests.record.test_entries import SEAL

DAY = 86_400_000_000
NOON = 1_795_003_200_000_000  # 2026-11-18T12:00:00Z


def leaves(start: int, end: int, time: int = NOON) -> list[Leaf]:
    return [Draft(message(f"text {seq}"), time, SEAL).leaf(seq) for seq in range(start, end)]


class LogFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.top = short_directory(self)
        self.directory = self.top / "LOGS"
        self.state = self.top / "record" / "logs.json"
        self.files = self.fresh()

    def fresh(self, size: int = 0, max_bytes: int = 0) -> LogFiles:
        files = LogFiles(self.directory, self.state, max_bytes)
        files.open(size)
        self.addCleanup(files.close)
        return files

    def numbers(self, name: str = "InstantMessaging.log") -> list[int]:
        lines = (self.directory / name).read_text().splitlines()
        return [int(line.split("#")[1].split()[0]) for line in lines]

    @property
    def im(self) -> Path:
        return self.directory / "InstantMessaging.log"

    def test_both_logs(self) -> None:
        kinds = ("message", "presence", "login", "logout", "refusal", "disposition", "operation")
        entries = [
            Draft(Entry(kind, "a@x.test", ""), NOON, SEAL).leaf(seq)
            for seq, kind in enumerate(kinds)
        ]
        self.assertEqual(self.files.write(entries), 7)
        self.assertEqual(self.numbers(), [0, 1, 2, 3])
        self.assertEqual(self.numbers("XMPPServer-2026-11-18.log"), list(range(7)))
        self.assertEqual(self.im.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)

    def test_change_of_day_within_a_portion(self) -> None:
        self.files.write(leaves(0, 2) + leaves(2, 4, NOON + DAY) + leaves(4, 5, NOON))
        self.assertEqual(self.numbers("XMPPServer-2026-11-18.log"), [0, 1, 4])
        self.assertEqual(self.numbers("XMPPServer-2026-11-19.log"), [2, 3])
        self.assertEqual(self.numbers(), [0, 1, 2, 3, 4])

    def test_rotated_by_others(self) -> None:
        self.files.write(leaves(0, 2))
        self.im.rename(self.directory / "InstantMessaging.log.1")
        self.files.write(leaves(2, 3))
        self.assertEqual(self.numbers(), [2])
        self.im.unlink()
        self.files.write(leaves(3, 4))
        self.assertEqual(self.numbers(), [3])
        os.truncate(self.im, 0)
        self.files.write(leaves(4, 5))
        self.assertEqual(self.numbers(), [4])
        for path in self.directory.iterdir():
            path.unlink()
        self.directory.rmdir()
        self.files.write(leaves(5, 6))
        self.assertEqual(self.numbers(), [5])

    def test_set_aside_when_large(self) -> None:
        files = self.fresh(max_bytes=500)
        files._logs["InstantMessaging"]._keep = 3
        for seq in range(40):
            files.write(leaves(seq, seq + 1))
        aside = sorted(self.directory.glob("InstantMessaging-*.log"))
        self.assertEqual(len(aside), 3)
        kept = [number for path in aside for number in self.numbers(path.name)]
        if self.im.exists():
            kept += self.numbers()
        self.assertEqual(kept, list(range(40 - len(kept), 40)))
        self.assertEqual(len(self.numbers("XMPPServer-2026-11-18.log")), 40)

    def test_nonsense_in_a_row_does_not_stop_it(self) -> None:
        good = leaves(0, 3)
        nonsense: dict[str, Any] = {"body": b"x", "time": "y", "sender": 5}
        odd = replace(good[1], **nonsense)
        self.files.write([good[0], odd, good[2]])
        self.assertEqual(self.numbers(), [0, 1, 2])

    def test_goes_on_where_it_stopped(self) -> None:
        self.files.write(leaves(0, 3))
        again = self.fresh(10)
        self.assertEqual(again.position, 3)
        again.write(leaves(0, 5))
        self.assertEqual(self.numbers(), [0, 1, 2, 3, 4])
        self.assertEqual(self.numbers("XMPPServer-2026-11-18.log"), [0, 1, 2, 3, 4])

    def test_crash_between_log_and_state(self) -> None:
        self.files.write(leaves(0, 3))
        self.state.write_text('{"InstantMessaging": 1, "XMPPServer": 0}')
        self.assertEqual(self.fresh(10).position, 3)
        self.state.unlink()
        self.assertEqual(self.fresh(10).position, 3)
        for junk in ("", "[]", "{", '{"InstantMessaging": "x"}', '{"XMPPServer": -5}'):
            self.state.write_text(junk)
            self.assertEqual(self.fresh(10).position, 3)

    def test_crash_between_the_two_logs(self) -> None:
        self.files.write(leaves(0, 3))
        self.state.unlink()
        server = self.directory / "XMPPServer-2026-11-18.log"
        lines = server.read_text().splitlines(keepends=True)
        server.write_text("".join(lines[:1]))
        again = self.fresh(10)
        self.assertEqual(again.position, 1)
        again.write(leaves(1, 4))
        self.assertEqual(self.numbers(), [0, 1, 2, 3])
        self.assertEqual(self.numbers(server.name), [0, 1, 2, 3])

    def test_torn_last_line(self) -> None:
        self.files.write(leaves(0, 3))
        self.state.unlink()
        for path in self.directory.iterdir():
            os.truncate(path, path.stat().st_size - 30)
        again = self.fresh(10)
        self.assertEqual(again.position, 2)
        again.write(leaves(2, 4))
        for path in self.directory.iterdir():
            lines = path.read_text().splitlines()
            self.assertEqual(len(lines), 5)
            self.assertTrue(lines[3].endswith("text 2"))
            self.assertTrue(lines[4].endswith("text 3"))

    def test_moved_away_while_down(self) -> None:
        self.files.write(leaves(0, 3))
        for path in self.directory.iterdir():
            path.unlink()
        again = self.fresh(10)
        self.assertEqual(again.position, 3)

    def test_restored_from_an_older_copy(self) -> None:
        self.files.write(leaves(0, 9))
        again = self.fresh(4)
        self.assertEqual(again.position, 4)
        again.write(leaves(4, 5))
        self.assertEqual(self.numbers(), [*range(9), 4])

    def test_one_log_fails_the_other_goes_on(self) -> None:
        self.im.parent.mkdir(parents=True, exist_ok=True)
        self.im.mkdir()
        self.assertRaises(OSError, self.files.write, leaves(0, 2))
        self.assertEqual(self.files.position, 0)
        self.assertEqual(self.numbers("XMPPServer-2026-11-18.log"), [0, 1])
        self.im.rmdir()
        self.assertEqual(self.files.write(leaves(0, 3)), 3)
        self.assertEqual(self.numbers(), [0, 1, 2])
        self.assertEqual(self.numbers("XMPPServer-2026-11-18.log"), [0, 1, 2])

    def test_what_was_not_written_whole_is_taken_back(self) -> None:
        self.files.write(leaves(0, 2))
        size = self.im.stat().st_size
        real = os.write

        def half(descriptor: int, data: bytes) -> int:
            if len(data) <= 40:
                raise OSError(28, "No space left on device")
            return real(descriptor, data[: len(data) // 2])

        self.patch(os, "write", half)
        self.assertRaises(OSError, self.files.write, leaves(2, 5))
        self.assertEqual(self.im.stat().st_size, size)
        self.patch(os, "write", real)
        self.files.write(leaves(2, 5))
        self.assertEqual(self.numbers(), [0, 1, 2, 3, 4])
