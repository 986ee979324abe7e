"""Checkpoints: when they are signed, what they state, and when signing is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.errors import Invalid, Unavailable
from mailim.record import checkpoints as checkpoints_module
from mailim.record.checkpoints import Checkpoints, load_signer
from mailim.record.record import Record
from mailim.wire.merkle import root_of
from mailim.wire.notes import split_notes
from tests.fakes.record import a_signer
from tests.fakes.store import short_directory
from tests.record.sites import RecordSite, message


class ThreadedClock(Clock):
    """A clock with the real reactor's threads."""

    def getThreadPool(self) -> ThreadPool:
        from twisted.internet import reactor

        pool: ThreadPool = reactor.getThreadPool()  # type: ignore[attr-defined]
        return pool

    def callFromThread(self, *args: Any, **kwargs: Any) -> None:
        from twisted.internet import reactor

        reactor.callFromThread(*args, **kwargs)  # type: ignore[attr-defined]


class CheckpointsCase(TestCase):
    def site(self, **options: Any) -> tuple[RecordSite, Checkpoints]:
        site = RecordSite(self)
        return site, self.joined(site, **options)

    def joined(self, site: RecordSite, **options: Any) -> Checkpoints:
        """Give a record its checkpoints, on a clock that stands still unless moved."""
        self.clock = ThreadedClock()
        made = Checkpoints(self.clock, site.store, site.signer, site.notes, **options)
        site.record = Record(site.store, site.signer, site.clock, checkpoints=made)
        return made

    async def stored(self, site: RecordSite) -> list[int]:
        rows = await site.store.read(lambda tx: tx.record.checkpoints())
        return [row.size for row in reversed(rows)]

    async def signed(self, site: RecordSite, count: int) -> None:
        """Wait until so many are stored and noted."""
        for _ in range(50_000):  # a loaded machine may take its time
            if len(self.noted(site)) >= count:
                return
            await site.store.read(lambda tx: None)
        raise AssertionError("not signed in time")

    def noted(self, site: RecordSite) -> list[str]:
        return split_notes(site.notes.read_text()) if site.notes.exists() else []


class CheckpointsTests(CheckpointsCase):
    async def test_states_size_and_root_of_all_leaves(self) -> None:
        site, checkpoints = self.site()
        await site.record.start()
        leaves = await site.say(*map(str, range(21)))
        self.clock.advance(5)
        made = await checkpoints.checkpoint()
        self.assertEqual((made.size, made.time), (21, 5_000_000))
        self.assertEqual(made.root, root_of(leaf.hash for leaf in leaves))
        head = site.signer.verifier.open_checkpoint(made.note)
        self.assertEqual((head.size, head.root), (made.size, made.root))
        self.assertEqual([*await site.store.read(lambda tx: tx.record.checkpoints())], [made])
        self.assertEqual(self.noted(site), [made.note])
        self.assertEqual(site.notes.stat().st_mode & 0o777, 0o600)
        await site.record.stop()

    async def test_nothing_new_no_note(self) -> None:
        site, checkpoints = self.site()
        await site.say("one")
        first = await checkpoints.checkpoint()
        self.assertEqual(await checkpoints.checkpoint(), first)
        await site.reopen()
        self.assertEqual(await self.joined(site).checkpoint(), first)
        self.assertEqual(len(self.noted(site)), 1)

    async def test_rebuilt_after_a_restart(self) -> None:
        self.patch(checkpoints_module, "_AT_ONCE", 7)
        site, checkpoints = self.site()
        leaves = await site.say(*map(str, range(20)))
        await site.record.start()
        leaves += await site.say("more")
        made = await checkpoints.checkpoint()
        self.assertEqual((made.size, made.root), (21, root_of(leaf.hash for leaf in leaves)))
        await site.record.stop()

    async def test_said_while_it_is_rebuilt(self) -> None:
        self.patch(checkpoints_module, "_AT_ONCE", 3)
        site, checkpoints = self.site()
        await site.say(*map(str, range(30)))
        starting = Deferred.fromCoroutine(site.record.start())
        await gatherResults([site.record.append(message(f"{number}")) for number in range(30)])
        await starting
        await site.say("last")
        made = await checkpoints.checkpoint()
        hashes = await site.store.read(lambda tx: tx.record.hashes(0, 1000))
        self.assertEqual((made.size, made.root), (61, root_of(hashes)))
        await site.record.stop()

    async def test_after_so_many_leaves(self) -> None:
        site, _ = self.site(every_leaves=10)
        await site.record.start()
        await site.say(*map(str, range(9)))
        self.clock.advance(0)
        await site.store.read(lambda tx: None)
        self.assertEqual(await self.stored(site), [])
        await site.say("the tenth", "and one more")
        self.clock.advance(0)
        await self.signed(site, 1)
        [size] = await self.stored(site)
        self.assertGreaterEqual(size, 10)
        await site.record.stop()
        self.assertEqual((await self.stored(site))[-1], 11)

    async def test_after_so_much_time(self) -> None:
        site, _ = self.site(every_seconds=600)
        await site.record.start()
        self.clock.advance(10_000)
        self.assertEqual(await self.stored(site), [])  # nothing was said
        await site.say("one")
        self.clock.advance(599)
        await site.store.read(lambda tx: None)
        self.assertEqual(await self.stored(site), [])
        self.clock.advance(1)
        await self.signed(site, 1)
        await site.say("two")
        self.clock.advance(600)
        await self.signed(site, 2)
        self.assertEqual(await self.stored(site), [1, 2])
        await site.record.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_at_stop(self) -> None:
        site, _ = self.site()
        await site.record.start()
        await site.say("one", "two")
        await site.record.stop()
        self.assertEqual(await self.stored(site), [2])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_what_was_left_unsigned_by_a_crash(self) -> None:
        site, _ = self.site(every_seconds=600)
        await site.say("one", "two")
        await site.reopen()
        self.joined(site, every_seconds=600)
        await site.record.start()
        self.clock.advance(600)
        await self.signed(site, 1)
        self.assertEqual(await self.stored(site), [2])
        await site.record.stop()

    async def test_at_once_by_several(self) -> None:
        site, checkpoints = self.site()
        await site.say("one")
        made = await gatherResults(
            [Deferred.fromCoroutine(checkpoints.checkpoint()) for _ in range(5)]
        )
        self.assertEqual(len(set(made)), 1)
        self.assertEqual(await self.stored(site), [1])

    async def test_signs_what_it_wrote_not_what_stands_there(self) -> None:
        site, checkpoints = self.site()
        await site.record.start()
        leaves = await site.say("one", "two")
        site.edit("UPDATE leaf SET hash = zeroblob(32) WHERE seq = 0")
        made = await checkpoints.checkpoint()
        self.assertEqual(made.root, root_of(leaf.hash for leaf in leaves))
        await site.record.stop()

    async def test_file_that_cannot_be_written(self) -> None:
        site, checkpoints = self.site()
        site.notes.mkdir(parents=True)
        await site.say("one")
        with capturedLogs() as events:
            await checkpoints.checkpoint()
        self.assertTrue(any("could not be written" in event["log_format"] for event in events))
        self.assertEqual(await self.stored(site), [1])
        site.notes.rmdir()
        await site.say("two")
        await checkpoints.checkpoint()
        self.assertEqual(len(self.noted(site)), 1)

    async def test_name_and_key_for_others(self) -> None:
        site, _ = self.site()
        await site.record.start()
        await site.record.stop()
        published = site.notes.with_name("record.pub").read_text()
        self.assertEqual(published, site.signer.verifier.vkey + "\n")

    async def test_server_with_a_new_name_goes_on_under_the_old_one(self) -> None:
        site, checkpoints = self.site()
        await site.say("one")
        await checkpoints.checkpoint()
        await site.reopen()
        site.signer = site.signer.renamed("new.test/record")
        again = self.joined(site)
        await site.record.start()
        await site.say("two")
        made = await again.checkpoint()
        self.assertEqual(made.note.split("\n")[0], "example.test/record")
        self.assertEqual(again.signer.verifier.open_checkpoint(made.note).size, 2)
        await site.record.stop()

    async def test_torn_note_is_left_and_the_next_stands_alone(self) -> None:
        site, checkpoints = self.site()
        await site.say("one")
        first = await checkpoints.checkpoint()
        os.truncate(site.notes, site.notes.stat().st_size - 20)
        await site.say("two")
        second = await checkpoints.checkpoint()
        self.assertEqual(self.noted(site)[-1], second.note)
        self.assertEqual(len(self.noted(site)), 2)
        self.assertNotIn(first.note, self.noted(site))


class RefusalTests(CheckpointsCase):
    """A record that contradicts what was signed is signed no more; recording goes on."""

    async def refused(self, site: RecordSite, text: str) -> None:
        await site.reopen()
        checkpoints = self.joined(site, every_leaves=1)
        with capturedLogs() as events:
            await site.record.start()
        alarms = [event for event in events if "ALARM" in event["log_format"]]
        self.assertEqual(len(alarms), 1)
        self.assertIn(text, alarms[0]["text"])
        before = await self.stored(site)
        await site.say("still recorded")
        self.clock.advance(0)
        error: Any = await self.assertFailure(
            Deferred.fromCoroutine(checkpoints.checkpoint()), Unavailable
        )
        self.assertIn(text, error.text)
        await site.record.stop()
        self.assertEqual(await self.stored(site), before)

    async def begun(self) -> RecordSite:
        site, checkpoints = self.site()
        await site.say("one", "two", "three")
        await checkpoints.checkpoint()
        await site.say("four")
        return site

    async def test_changed(self) -> None:
        site = await self.begun()
        site.edit("UPDATE leaf SET hash = zeroblob(32) WHERE seq = 1")
        await self.refused(site, "contradicts its checkpoint of 3 leaves")

    async def test_cut(self) -> None:
        site = await self.begun()
        site.edit("DELETE FROM leaf WHERE seq > 1")
        await self.refused(site, "contradicts its checkpoint of 3 leaves")

    async def test_cut_with_the_stored_checkpoints(self) -> None:
        site = await self.begun()
        site.edit("DELETE FROM leaf WHERE seq > 1", "DELETE FROM checkpoint")
        await self.refused(site, "contradicts its checkpoint of 3 leaves")

    async def test_forged_checkpoint(self) -> None:
        site = await self.begun()
        site.edit("UPDATE checkpoint SET root = zeroblob(32)")
        await self.refused(site, "is not signed by its key")

    async def test_other_key(self) -> None:
        site = await self.begun()
        site.signer = a_signer(b"t" * 32)
        await self.refused(site, "is not signed by its key")

    async def test_unsigned_tail_may_be_missing(self) -> None:
        """What a crash lost was never durable: a shorter record than it was, but as signed."""
        site = await self.begun()
        site.edit("DELETE FROM leaf WHERE seq > 2")
        await site.reopen()
        checkpoints = self.joined(site)
        await site.record.start()
        await site.say("other")
        self.assertEqual((await checkpoints.checkpoint()).size, 4)
        await site.record.stop()


class KeyTests(SynchronousTestCase):
    def key(self, mode: int = 0o600, data: bytes | None = None) -> Path:
        path = short_directory(self) / "record.key"
        key = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem if data is None else data)
        path.chmod(mode)
        return path

    def test_loaded(self) -> None:
        signer = load_signer("example.test/record", self.key())
        self.assertEqual(signer.verifier.vkey, a_signer().verifier.vkey)

    def test_refused(self) -> None:
        for path, text in (
            (self.key(0o640), "chmod 600"),
            (self.key(0o604), "chmod 600"),
            (self.key(data=b"junk"), "PEM"),
            (self.key(data=b""), "PEM"),
            (short_directory(self) / "none", "No such file"),
        ):
            error = self.assertRaises(Invalid, load_signer, "example.test/record", path)
            self.assertIn(text, error.text)
            self.assertEqual(error.path, str(path))
