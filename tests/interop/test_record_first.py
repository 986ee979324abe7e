"""Nothing is delivered before it is on record, and nothing if it cannot be.

The record cannot be written on a full disk: once a small file system is filled for that
(which only root can mount), and once the process may not make its files longer.
"""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.fakes.site import RunningSite
from tests.interop.xmpp_office import PASSWORD, Person, XmppCase, played

_ROOM = 24  # megabytes of the small file system


def leaves(site: RunningSite, sender: str) -> list[str]:
    """Read the recorded texts of a sender from the database file, past the server."""
    path = f"file:{site.var / 'mailim.db'}?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as database:
        rows = database.execute(
            "SELECT body FROM leaf WHERE kind = 'message' AND sender = ? ORDER BY seq", (sender,)
        )
        return [str(row[0]) for row in rows]


class RecordFirstTests(XmppCase):
    @played
    async def test_a_text_is_on_disk_when_its_recipient_gets_it(self) -> None:
        alice, bob = await self.pair()
        seen: list[list[str]] = []
        sender = alice.boundjid.bare
        # In the event handler: nothing else runs between the arrival and this look.
        bob.add_event_handler("message", lambda _: seen.append(leaves(self.site, sender)))
        for number in range(50):
            alice.say(bob.boundjid.bare, f"number {number}")
        for _ in range(50):
            await bob.next("message")
        self.assertEqual(len(seen), 50)
        for number, found in enumerate(seen):
            self.assertEqual(found[: number + 1], [f"number {n}" for n in range(number + 1)])

    @played
    async def test_it_is_in_the_log_of_messages_soon(self) -> None:
        alice, bob = await self.pair()
        alice.say(bob.boundjid.bare, "for the log\nsecond line")
        await bob.next("message")
        log = self.site.var / "LOGS" / "InstantMessaging.log"  # made with its first line

        def written() -> list[str]:
            lines = log.read_text().splitlines() if log.exists() else []
            return [line for line in lines if "for the log" in line]

        line = await self.until(written)
        self.assertEqual(len(line), 1)
        self.assertIn(alice.boundjid.bare, line[0])
        self.assertIn(bob.boundjid.bare, line[0])
        self.assertIn("second line", line[0])


class _NoRoom(XmppCase):
    """What happens when the record cannot be written, whatever keeps it from that."""

    def fill(self) -> None:
        raise NotImplementedError

    def make_room(self) -> None:
        raise NotImplementedError

    async def _play(self) -> None:
        alice, bob = await self.pair()
        self.assertTrue(await self._arrives(alice, bob, "before"))
        self.fill()
        refused: list[str] = []
        arrived: list[str] = []
        for number in range(400):
            text = f"number {number} " + "x" * 50_000
            (arrived if await self._arrives(alice, bob, text) else refused).append(text)
            if refused:
                self.fill()  # nothing that became free meanwhile counts
            if len(refused) == 5:
                break
        self.assertEqual(len(refused), 5)
        await bob.settle()  # what needs no record still works
        self.assertEqual(leaves(self.site, alice.boundjid.bare), ["before", *arrived])
        self.assertIn("ALARM: the record cannot be written", self.site.log())
        pid = self.site.pid
        self.make_room()
        self.assertTrue(await self._arrives(alice, bob, "after"))
        self.assertTrue(self.site.alive and self.site.pid == pid)
        self.assertEqual(leaves(self.site, alice.boundjid.bare), ["before", *arrived, "after"])
        self.assertEqual(self.site.command("record", "verify").returncode, 0)

    async def _arrives(self, alice: Person, bob: Person, text: str) -> bool:
        """Send a text: it arrives, or its sender is told and nobody gets it."""
        alice.say(bob.boundjid.bare, text)
        await alice.settle()
        if alice.nothing("message_error"):
            self.assertEqual((await bob.next("message"))["body"], text)
            return True
        error = (await alice.next("message_error"))["error"]
        self.assertEqual((error["condition"], error["type"]), ("resource-constraint", "wait"))
        await bob.settle()
        self.assertTrue(bob.nothing("message"))
        return False


def on_small_disk() -> SmallDisk:
    """Start a site whose var is on a small file system."""
    return SmallDisk()


class SmallDisk(RunningSite):
    """A site whose var is a tmpfs of `_ROOM` megabytes."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            text = "only root can mount a small file system"
            if os.environ.get("MAILIM_REQUIRE_PEERS"):
                raise AssertionError(text)
            raise SkipTest(text)
        self.disk = Path(tempfile.mkdtemp(prefix="md"))
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}m", "mailim", self.disk], check=True
        )
        try:
            super().__init__({"admin": PASSWORD}, {"server.var": self.disk / "var"})
        except BaseException:
            self._remove()
            raise

    def _remove(self) -> None:
        subprocess.run(["umount", self.disk], check=True)
        self.disk.rmdir()

    def stop(self) -> None:
        super().stop()
        self._remove()


class FullDiskTests(_NoRoom):
    make_site = staticmethod(on_small_disk)
    site: SmallDisk

    def fill(self) -> None:
        """Write zeros until the disk is full."""
        with (self.site.disk / "filler").open("ab", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError as error:
                self.assertEqual(error.errno, errno.ENOSPC)

    def make_room(self) -> None:
        (self.site.disk / "filler").unlink()

    @played
    async def test_a_full_disk(self) -> None:
        await self._play()


def of_its_own() -> RunningSite:
    """Start a site for one test."""
    return RunningSite({"admin": PASSWORD})


class FileSizeTests(_NoRoom):
    make_site = staticmethod(of_its_own)

    def fill(self) -> None:
        limit, _ = resource.prlimit(self.site.pid, resource.RLIMIT_FSIZE)
        if limit != resource.RLIM_INFINITY:
            return
        sizes = [path.stat().st_size for path in self.site.var.glob("mailim.db*")]
        limit = max(sizes) + 400_000
        resource.prlimit(self.site.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def make_room(self) -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.site.pid, resource.RLIMIT_FSIZE, unlimited)

    @played
    async def test_files_that_cannot_grow(self) -> None:
        await self._play()
