"""From a file in the folder to a message: the service over a real folder and store, and crashes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from mailim.errors import StoreUnavailable
from mailim.im import notices as notices_module
from mailim.im.semaphore import SECONDS, TROUBLE_SECONDS, Semaphores
from mailim.im.semaphore_folder import SemaphoreFolder
from tests.fakes.crash_case import CrashCase
from tests.fakes.store import short_directory
from tests.im.crashing_semaphores import FILES, RANDOM_RUNS
from tests.im.test_notices import NoticesCase, details, text

HEAD = b"To: bob@example.test\nFrom: backup.test\n\n"


class SemaphoreTests(NoticesCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.path = short_directory(self) / "WorldClient"
        self.semaphores = self.make()

    def make(self, **more: Any) -> Semaphores:
        def threads(work: Callable[[], Any]) -> Deferred[Any]:
            return deferToThread(work)

        folder = SemaphoreFolder(self.path, **more)
        return Semaphores(self.stage.clock, self.notices, folder, threads)

    def start(self) -> None:
        super().start()
        self.semaphores.startService()

    async def stop(self) -> None:  # type: ignore[override]
        await self.semaphores.stopService()
        if self.notices.running:
            await self.notices.stopService()

    def put(self, name: str, data: bytes) -> None:
        place = self.path / name
        place.write_bytes(data)
        os.utime(place, (time.time() - 10,) * 2)

    async def looked(self, seconds: float = 0.0) -> None:
        """Wait until a look, and what it handed in, is over."""
        self.stage.clock.advance(seconds)
        while self.semaphores._looking:
            await deferToThread(lambda: None)
        await self.idle()

    def bad(self) -> dict[str, str]:
        """Give the refused files by their first names, and the reasons."""
        notes = (self.path / "bad").glob("*.txt")
        return {note.name.rsplit("-", 1)[0]: note.read_text() for note in notes}

    async def test_a_file_becomes_a_headline_and_vanishes(self) -> None:
        await self.stage.online("bob/phone")
        self.start()
        await self.looked()
        self.put("IM-0001.SEM", HEAD + "Grüße\nzwei".encode("cp1252"))
        await self.looked(SECONDS)
        (message,) = self.stage.drain("bob/phone")
        self.assertEqual((message.get("type"), message.get("from"), text(message)),
                         ("headline", "backup.test", "Grüße\nzwei"))  # fmt: skip
        (leaf,) = await self.stage.leaves("message")
        self.assertRegex(details(leaf)["claim"], r"\Asemaphore:[0-9a-f]{16} bob@example\.test\Z")
        self.assertEqual(details(leaf)["origin"], "semaphore")
        self.assertEqual({each.name for each in self.path.iterdir()}, {".claimed", "bad"})
        self.assertEqual(list((self.path / ".claimed").iterdir()), [])

    async def test_a_lock_for_several_looks_then_once(self) -> None:
        self.start()
        await self.looked()
        self.put("IM-1.LCK", b"")
        self.put("IM-1.SEM", HEAD + b"x")
        for _ in range(5):
            await self.looked(SECONDS)
        self.assertEqual(await self.stage.leaves("message"), [])
        (self.path / "IM-1.LCK").unlink()
        for _ in range(3):
            await self.looked(SECONDS)
        self.assertEqual(len(await self.stage.leaves("message")), 1)

    async def test_to_several_in_order(self) -> None:
        self.start()
        await self.looked()
        both = HEAD.replace(b"bob@", b"carol@example.test, bob@")
        for number in (10, 9, 11):
            self.put(f"IM-{number}.SEM", both + b"%d" % number)
        await self.looked(SECONDS)
        for name in ("bob", "carol"):
            kept = await self.kept(name)
            self.assertEqual([each.split("body>")[1][:-2] for each in kept], ["9", "10", "11"])

    async def test_whoever_is_reached_twice_gets_it_once(self) -> None:
        def unit(tx: Any) -> None:
            tx.accounts.add_alias("robert@example.test", "bob@example.test")

        await self.store.write(unit)
        self.start()
        await self.looked()
        self.put("IM-1.SEM", HEAD.replace(b"bob@", b"robert@example.test, bob+x@example.test, bob@")
                 + b"x")  # fmt: skip
        await self.looked(SECONDS)
        self.assertEqual(len(await self.kept()), 1)

    async def test_what_is_wrong_is_set_aside_with_the_reason(self) -> None:
        self.start()
        await self.looked()
        self.put("IM-1.SEM", b"nonsense")
        self.put("IM-2.SEM", HEAD.replace(b"bob@example.test", b"nobody@example.test") + b"x")
        self.put("IM-3.SEM", HEAD.replace(b"bob@example.test", b"bob@elsewhere.test") + b"x")
        self.put("IM-4.SEM", HEAD.replace(b"To: ", b"To: nobody@example.test,") + b"half")
        self.put("IM-5.SEM", HEAD + b"x" * 70_000)
        self.put("IM-6.SEM", HEAD + b"good")
        await self.looked(SECONDS)
        leaves = await self.stage.leaves("message")
        self.assertEqual([leaf.body for leaf in leaves], ["half", "good"])
        reasons = self.bad()
        for name, reason in (
            ("IM-1", "the empty line"),
            ("IM-2", "nothing was sent; nobody@example.test: nobody here has this address"),
            ("IM-3", "nobody here has this address"),
            ("IM-4", "it was sent to the other 1; nobody@example.test"),
            ("IM-5", "at most 65536 characters"),
        ):
            self.assertIn(reason, reasons.pop(name))
        self.assertEqual(reasons, {})

    async def test_a_store_in_trouble_loses_nothing(self) -> None:
        self.start()
        await self.looked()
        real = self.store.write

        def write(*_: Any) -> Any:
            raise StoreUnavailable("the disk is full")

        self.patch(self.store, "write", write)
        self.put("IM-1.SEM", HEAD + b"x")
        await self.looked(SECONDS)
        self.put("IM-2.SEM", HEAD + b"y")
        await self.looked(TROUBLE_SECONDS)
        self.assertEqual(len(list((self.path / ".claimed").iterdir())), 1)
        self.assertTrue((self.path / "IM-2.SEM").exists())
        self.patch(self.store, "write", real)
        await self.looked(TROUBLE_SECONDS)
        await self.looked(SECONDS)
        self.assertEqual([leaf.body for leaf in await self.stage.leaves("message")], ["x", "y"])

    async def test_while_too_many_wait_files_stay(self) -> None:
        self.patch(notices_module, "MAX_WAITING", 0)
        self.start()
        await self.looked()
        self.put("IM-1.SEM", HEAD + b"x")
        for _ in range(3):
            await self.looked(TROUBLE_SECONDS)
        self.assertEqual(await self.stage.leaves("message"), [])
        self.patch(notices_module, "MAX_WAITING", 10)
        await self.looked(TROUBLE_SECONDS)
        self.assertEqual(len(await self.stage.leaves("message")), 1)

    async def test_a_folder_that_is_taken_away_is_made_again(self) -> None:
        self.start()
        await self.looked()
        for name in (".claimed", "bad", ""):
            (self.path / name).rmdir()
        await self.looked(SECONDS)
        await self.looked(TROUBLE_SECONDS)
        self.put("IM-1.SEM", HEAD + b"x")
        await self.looked(SECONDS)
        self.assertEqual(len(await self.stage.leaves("message")), 1)

    async def test_many_files(self) -> None:
        self.patch(notices_module, "PER_SECOND", 1e9)
        self.start()
        await self.looked()
        for number in range(350):
            self.put(f"IM-{number}.SEM", HEAD + b"%d" % number)
        await self.looked(SECONDS)
        for _ in range(6):
            await self.looked(0.001)
        leaves = await self.stage.leaves("message")
        self.assertEqual([leaf.body for leaf in leaves], [str(n) for n in range(350)])


class CrashTests(CrashCase):
    async def test_killed_everywhere(self) -> None:
        """One leaf for each claim; kept once for bob; carol has seen each at least once."""
        clean, crashes = await self.crash("tests.im.crashing_semaphores")
        # The files; for four messages a leaf and what became of it; the group; the ends of two.
        self.assertGreaterEqual(clean["units"], 12)
        self.assertGreaterEqual(clean["steps"], 2 * len(FILES))
        self.assertEqual(len(crashes), 3 * clean["units"] + clean["steps"] + RANDOM_RUNS)
        for found in (clean, *crashes):
            point = found["point"]
            said = ["one to bob", "three to bob", "three to carol", "two to carol"]
            self.assertEqual((found["said"], found["claims"]), (said, 4), point)
            self.assertEqual((found["bob"], found["bad"]), (["one", "three"], 1), point)
            self.assertEqual(set(found["carol"]), {"two", "three"}, point)
            self.assertLessEqual(len(found["carol"]), 4, point)
