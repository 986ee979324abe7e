"""The folder of semaphore files: locks, order, claims, and everything that is no message."""

from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Unavailable
from mailim.im import semaphore_folder as module
from mailim.im.semaphore_folder import Claimed, SemaphoreFolder

TEXT = b"To: bob@example.test\nFrom: backup.test\n\nHello\n"


class FolderCase(SynchronousTestCase):
    def setUp(self) -> None:
        base = FilePath(self.mktemp())
        base.makedirs()
        self.base = Path(base.path)
        self.path = self.base / "WorldClient"
        self.time = 100.0
        self.folder = SemaphoreFolder(self.path, steady=lambda: self.time)
        self.folder.prepare()

    def put(self, name: str, data: bytes = TEXT, age: float = 10.0) -> Path:
        path = self.path / name
        path.write_bytes(data)
        when = time.time() - age
        os.utime(path, (when, when))
        return path

    def scan(self, limit: int = 100) -> list[Claimed]:
        self.time += module.STEADY_SECONDS
        return self.folder.scan(limit)

    def names(self, limit: int = 100) -> list[str]:
        return [one.name for one in self.scan(limit)]

    def left(self) -> set[str]:
        return {p.name for p in self.path.iterdir()} - {".claimed", "bad"}

    def inside(self, name: str) -> list[str]:
        return sorted(p.name for p in (self.path / name).iterdir())

    def refused(self) -> str:
        """Claim the one file there is, and give why it is refused."""
        (one,) = [*self.scan(), *self.scan()]
        self.assertIsNone(one.message)
        self.folder.set_aside(one, one.reason)
        return one.reason


class NameTests(FolderCase):
    def test_which_files_are_taken(self) -> None:
        good = ("IM-1.SEM", "IM-0002.SEM", "im-3.sem", "Im-0.SeM", "IM-" + "9" * 100 + ".SEM")
        bad = ("X-1.SEM", "IM-a.SEM", "IM-.SEM", "IM-1.SEM.tmp", "IM-1.TXT", "IM-1 .SEM",
               "IM-1.LCK.SEM", "IM-٣.SEM", "xIM-1.SEM", "ALERT.SEM", "IM--1.SEM",
               "IM-" + "9" * 101 + ".SEM", "IM-1.SEM\n", "IM-5.SEM~")  # fmt: skip
        for name in (*good, *bad):
            self.put(name)
        self.assertEqual(set(self.names()), set(good))
        self.assertEqual(self.left(), set(bad))

    def test_in_the_order_of_their_numbers(self) -> None:
        for name in ("IM-10.SEM", "IM-9.SEM", "IM-0011.SEM", "IM-1.SEM", "IM-01.SEM"):
            self.put(name)
        self.assertEqual(self.names(2), ["IM-01.SEM", "IM-1.SEM"])
        self.assertEqual(self.names(), ["IM-9.SEM", "IM-10.SEM", "IM-0011.SEM"])

    def test_what_a_claim_says(self) -> None:
        self.put("IM-7.SEM")
        (one,) = self.scan()
        assert one.message is not None
        self.assertEqual((one.message.text, one.name), ("Hello", "IM-7.SEM"))
        self.assertEqual(self.left(), set())
        self.assertEqual(self.inside(".claimed"), [f"{one.claim}-IM-7.SEM"])
        self.assertEqual(self.folder.recover(), [one])
        self.folder.finish([one])
        self.folder.finish([one])  # after a crash it may be gone
        self.assertEqual(self.inside(".claimed"), [])

    def test_the_same_name_again_is_another_claim(self) -> None:
        claims = []
        for _ in range(3):
            self.put("IM-1.SEM")
            claims += [one.claim for one in self.scan()]
        self.assertEqual(len(set(claims)), 3)
        self.assertEqual(len(self.folder.recover()), 3)


class LockTests(FolderCase):
    def test_a_lock_keeps_its_file_alone(self) -> None:
        for name in ("IM-0001.SEM", "IM-1.SEM", "IM-2.SEM"):
            self.put(name)
        self.put("im-0001.lck", b"")
        self.assertEqual(self.names(), ["IM-1.SEM", "IM-2.SEM"])
        for _ in range(5):
            self.assertEqual(self.names(), [])
        (self.path / "im-0001.lck").unlink()
        self.assertEqual(self.names(), ["IM-0001.SEM"])

    def test_a_lock_without_a_file_is_nothing(self) -> None:
        self.put("IM-5.LCK", b"")
        self.assertEqual(self.names(), [])
        self.assertEqual(self.left(), {"IM-5.LCK"})

    def test_a_lock_is_seen_however_the_listing_falls(self) -> None:
        """Lock and file appear while the folder is listed: the lock counts."""
        real = os.listdir

        def listdir(folder: int) -> list[str]:
            names = real(folder)
            self.put("IM-1.LCK", b"")
            return names

        self.put("IM-1.SEM")
        self.patch(os, "listdir", listdir)
        self.assertEqual(self.names(), [])

    def test_locksems_stops_everything(self) -> None:
        self.put("IM-1.SEM")
        self.put("LockSems.sem", b"")
        self.assertEqual(self.names() + self.names(), [])
        (self.path / "LockSems.sem").unlink()
        self.assertEqual(self.names(), ["IM-1.SEM"])

    def test_locksems_stops_what_was_found_before(self) -> None:
        for number in range(5):
            self.put(f"IM-{number}.SEM")
        self.assertEqual(self.names(2), ["IM-0.SEM", "IM-1.SEM"])
        self.put("LOCKSEMS.SEM", b"")
        self.assertEqual(self.names(2), [])
        (self.path / "LOCKSEMS.SEM").unlink()
        self.assertEqual(self.names(), ["IM-2.SEM", "IM-3.SEM", "IM-4.SEM"])

    def test_a_young_file_must_stay_as_it_is(self) -> None:
        path = self.put("IM-1.SEM", b"To: bob", age=0)
        self.assertEqual(self.names(), [])
        for part in (b"@example.test\n", b"From: x.test\n", b"\nHello"):
            with path.open("ab") as stream:
                stream.write(part)
            os.utime(path, (time.time(), time.time()))
            self.assertEqual(self.names(), [])
        self.assertEqual(self.folder.scan(), [], "seen twice, but at once")
        self.assertEqual(self.names(), ["IM-1.SEM"])

    def test_an_empty_file_gets_its_time(self) -> None:
        self.put("IM-1.SEM", b"", age=30)
        self.assertEqual([*self.names(), *self.names(), *self.names()], [])
        self.put("IM-1.SEM", b"", age=61)
        self.assertEqual(self.refused(), "To is missing")

    def test_a_time_to_come_is_no_hindrance(self) -> None:
        self.put("IM-1.SEM", age=-10_000)
        self.assertEqual([*self.names(), *self.names()], ["IM-1.SEM"])


class OddTests(FolderCase):
    """Nothing that is no regular file is opened or followed."""

    def aside(self, reason: str) -> None:
        self.assertIn(reason, self.refused())
        self.assertEqual((self.left(), self.inside(".claimed")), (set(), []))
        note, thing = sorted(self.inside("bad"), key=lambda name: name.endswith(".SEM"))
        self.assertEqual(note[:-4], thing[:-4])
        self.assertIn(reason, (self.path / "bad" / note).read_text())

    def test_symlinks(self) -> None:
        secret = self.base / "secret"
        secret.write_bytes(TEXT)
        (self.path / "IM-1.SEM").symlink_to(secret)
        self.aside("no regular file")
        self.assertEqual(secret.read_bytes(), TEXT)

    def test_dangling_symlinks(self) -> None:
        (self.path / "IM-1.SEM").symlink_to("nowhere")
        self.aside("no regular file")

    def test_folders(self) -> None:
        (self.path / "IM-1.SEM").mkdir()
        (self.path / "IM-1.SEM" / "file").touch()
        self.aside("no regular file")

    def test_pipes(self) -> None:
        os.mkfifo(self.path / "IM-1.SEM")
        self.aside("no regular file")

    def test_sockets(self) -> None:
        before = os.getcwd()
        os.chdir(self.path)  # a socket's path is short
        try:
            listening = socket.socket(socket.AF_UNIX)
            listening.bind("IM-1.SEM")
            listening.close()
        finally:
            os.chdir(before)
        self.aside("no regular file")

    def test_devices(self) -> None:
        try:
            os.mknod(self.path / "IM-1.SEM", stat.S_IFCHR | 0o600, os.makedev(1, 5))
        except PermissionError:
            self.skipTest("only root makes devices")
        self.aside("no regular file")

    def test_hard_links(self) -> None:
        other = self.base / "other"
        other.write_bytes(TEXT)
        os.link(other, self.path / "IM-1.SEM")
        self.aside("more than one name")
        self.assertEqual(other.read_bytes(), TEXT)

    def test_a_file_published_by_link_and_unlink(self) -> None:
        path = self.put("temporary")
        os.link(path, self.path / "IM-1.SEM")
        self.assertEqual(self.folder.scan(), [])
        path.unlink()
        self.assertEqual(self.names(), ["IM-1.SEM"])

    def test_huge_files(self) -> None:
        with self.put("IM-1.SEM").open("ab") as stream:
            stream.truncate(10 * 2**30)
        self.aside("more than")

    def test_a_link_put_in_place_of_a_claimed_file(self) -> None:
        self.put("IM-1.SEM")
        (one,) = self.scan()
        place = self.path / ".claimed" / one.file
        place.unlink()
        place.symlink_to("/etc/passwd")
        (found,) = self.folder.recover()
        self.assertEqual((found.message, found.reason), (None, "it is no regular file"))

    def test_unreadable_files(self) -> None:
        self.put("IM-1.SEM").chmod(0)
        if os.geteuid() == 0:  # who may read everything
            real = os.open

            def refuse(name: str, *given: int, **more: int) -> int:
                if str(name).endswith("IM-1.SEM"):
                    raise PermissionError(13, "Permission denied")
                return real(name, *given, **more)

            self.patch(os, "open", refuse)
        self.aside("cannot be read")

    def test_what_cannot_be_moved_is_left_and_told_once(self) -> None:
        self.put("IM-1.SEM")
        self.put("IM-2.SEM")
        real = os.rename

        def rename(name: str, *given: object, **more: int) -> None:
            if name == "IM-1.SEM":
                raise PermissionError(13, "no")
            real(name, *given, **more)  # type: ignore[arg-type]

        self.patch(os, "rename", rename)
        self.assertEqual((self.names(), self.folder.left), (["IM-2.SEM"], ["IM-1.SEM"]))
        self.assertEqual((self.names(), self.folder.left), ([], []))
        self.put("IM-1.SEM", TEXT + b"changed")
        self.names()
        self.assertEqual(self.folder.left, ["IM-1.SEM"])

    def test_foreign_things_in_the_claims_are_left(self) -> None:
        (self.path / ".claimed" / "notes.txt").touch()
        self.assertEqual(self.folder.recover(), [])


class BoundsTests(FolderCase):
    def test_bad_is_bounded(self) -> None:
        self.patch(module, "BAD_FILES", 3)
        for number in range(6):
            self.put(f"IM-{number}.SEM", b"x")
            for one in self.scan():
                self.folder.set_aside(one, one.reason)
            time.sleep(0.05)  # the order is that of the disk's clock
        kept = [name for name in self.inside("bad") if name.endswith(".SEM")]
        self.assertEqual([name[:4] for name in kept], ["IM-3", "IM-4", "IM-5"])
        self.assertEqual(len(self.inside("bad")), 6)

    def test_by_octets_too_but_the_newest_stays(self) -> None:
        self.patch(module, "BAD_OCTETS", 1000)
        for number in range(3):
            self.put(f"IM-{number}.SEM", b"x" * 2000)
            for one in self.scan():
                self.folder.set_aside(one, one.reason)
            time.sleep(0.05)
        self.assertEqual([name[:4] for name in self.inside("bad")], ["IM-2", "IM-2"])

    def test_ten_thousand_files(self) -> None:
        for number in range(10_000):
            (self.path / f"IM-{number}.SEM").write_bytes(TEXT)
        began, taken = time.monotonic(), self.names()  # the disk may be slow: some are old
        while some := self.names():
            self.assertLessEqual(len(some), 100)
            taken += some
        self.assertEqual(taken, [f"IM-{n}.SEM" for n in range(10_000)])
        self.assertLess((time.monotonic() - began) / 100, 1.0, "seconds of one look")


class PreparingTests(FolderCase):
    def test_who_may_do_what(self) -> None:
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o1770)
        self.assertEqual(stat.S_IMODE((self.path / ".claimed").stat().st_mode), 0o700)

    def test_an_administrators_modes_stay(self) -> None:
        self.path.chmod(0o1777)
        self.folder.prepare()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o1777)

    def test_a_place_that_is_not_ours(self) -> None:
        (self.path / ".claimed").rmdir()
        (self.path / ".claimed").symlink_to(self.base)
        with self.assertRaises(Unavailable):
            self.folder.prepare()
        with self.assertRaises(OSError):
            self.folder.scan()

    def test_a_folder_that_is_a_file(self) -> None:
        folder = SemaphoreFolder(self.put("file") / "x")
        with self.assertRaises(Unavailable):
            folder.prepare()
