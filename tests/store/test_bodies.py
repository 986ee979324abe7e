"""Contract tests of IBodies and IBodyRows: both sides of the 128 KiB border."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailim.errors import LimitExceeded, NotFound, StoreUnavailable, Unavailable
from mailim.events import Events
from mailim.interfaces.bodies import IBodyRows, PreparedBody
from mailim.interfaces.store import ITransaction
from mailim.store import body_files
from mailim.store.bodies import INLINE_OCTETS
from mailim.store.body_access import PIECE_OCTETS
from mailim.store.body_files import BodyFiles
from mailim.store.engine import BODIES, Store
from tests.fakes.store import open_transaction, short_directory

LARGE = bytes(range(256)) * 1000  # 256,000 octets
EDGE = b"e" * INLINE_OCTETS


def prepared(data: bytes) -> PreparedBody:
    return PreparedBody(hashlib.sha256(data).digest(), len(data), data)


class BodyRowsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.rows = self.tx.bodies

    def test_interface(self) -> None:
        verifyObject(IBodyRows, self.rows)

    def test_add_and_find(self) -> None:
        body = prepared(b"hello")
        self.assertIsNone(self.rows.find(body.sha256))
        body_id = self.rows.add(body)
        self.assertEqual(self.rows.find(body.sha256), (body_id, 5))
        self.assertEqual(self.rows.get(body_id), (body.sha256, 5))
        self.assertEqual(self.rows.read(body_id), b"hello")
        self.assertEqual(self.rows.add(body), body_id)
        self.assertNotEqual(self.rows.add(prepared(b"other")), body_id)

    def test_empty(self) -> None:
        body_id = self.rows.add(prepared(b""))
        self.assertEqual(self.rows.read(body_id), b"")

    def test_unknown(self) -> None:
        self.assertRaises(NotFound, self.rows.get, 7)
        self.assertRaises(NotFound, self.rows.read, 7)
        self.assertRaises(NotFound, self.rows.hold, 7)
        self.assertRaises(NotFound, self.rows.release, 7)

    def test_holding(self) -> None:
        held = self.rows.add(prepared(b"held"))
        twice = self.rows.add(prepared(b"twice"))
        self.rows.hold(held)
        self.rows.hold(twice)
        self.rows.hold(twice)
        self.assertEqual(self.rows.sweep(10), 0)
        self.rows.release(twice)
        self.assertEqual(self.rows.sweep(10), 0)
        self.rows.release(twice)
        self.assertRaises(NotFound, self.rows.release, twice)
        self.assertEqual(self.rows.sweep(10), 1)
        self.assertRaises(NotFound, self.rows.read, twice)
        self.assertEqual(self.rows.read(held), b"held")
        # The bytes are gone too, not only the row that names them.
        data = self.rows._db.driver.execute("SELECT count(*) FROM body_data").fetchone()
        self.assertEqual(data, (1,))

    def test_sweep_is_bounded(self) -> None:
        for number in range(5):
            self.rows.add(prepared(b"%d" % number))
        self.assertEqual([self.rows.sweep(2) for _ in range(4)], [2, 2, 1, 0])

    def test_file_that_is_not_there(self) -> None:
        gone = PreparedBody(b"x" * 32, 500_000, None)
        self.assertRaises(Unavailable, self.rows.add, gone)
        self.assertIsNone(self.rows.find(gone.sha256))

    def test_sweep_looks_at_an_index(self) -> None:
        plan = self.rows._db.driver.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM body WHERE holds = 0 ORDER BY id LIMIT 5"
        ).fetchall()
        self.assertIn("ix_body_unheld", plan[0][3])


class BodyFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.directory = short_directory(self) / "bodies"
        self.files = BodyFiles(self.directory, lambda: self.now)
        self.files.open()

    def keep(self, data: bytes) -> bytes:
        path, file = self.files.create()
        file.write(data)
        sha256 = hashlib.sha256(data).digest()
        self.files.keep(path, file, sha256)
        return sha256

    def test_path_comes_from_the_hash_alone(self) -> None:
        self.assertEqual(self.files.path(b"\xab" * 32), self.directory / "ab" / ("ab" * 32))
        for wrong in (b"", b"../../etc/passwd", b"x" * 31, b"x" * 33):
            self.assertRaises(ValueError, self.files.path, wrong)

    def test_pinned_until_the_pin_ends(self) -> None:
        sha256 = self.keep(b"data")
        self.files.discard([sha256])
        self.assertEqual(self.files.path(sha256).read_bytes(), b"data")
        self.now = body_files.PIN_SECONDS - 1
        self.files.require(sha256)  # a transaction pins it again
        self.now = body_files.PIN_SECONDS + 1
        self.files.discard([sha256])
        self.assertTrue(self.files.path(sha256).exists())
        self.now = 2 * body_files.PIN_SECONDS
        self.files.discard([sha256])
        self.assertFalse(self.files.path(sha256).exists())
        self.files.discard([sha256])
        self.assertRaises(Unavailable, self.files.require, sha256)

    def test_same_body_twice(self) -> None:
        self.assertEqual(self.keep(b"data"), self.keep(b"data"))

    def test_everything_is_synced_in_order(self) -> None:
        done: list[str] = []
        fsync, replace = os.fsync, os.replace

        def tell_fsync(descriptor: int) -> None:
            fsync(descriptor)
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            done.append(f"fsync {path.relative_to(self.directory).parts[:1]}")

        def tell_replace(source: Path, target: Path) -> None:
            replace(source, target)
            done.append("rename")

        self.patch(os, "fsync", tell_fsync)
        self.patch(os, "replace", tell_replace)
        shard = self.keep(b"data").hex()[:2]
        self.assertEqual(done, ["fsync ('tmp',)", "fsync ()", "rename", f"fsync ('{shard}',)"])

    def test_open_empties_tmp_only(self) -> None:
        sha256 = self.keep(b"data")
        self.files.create()[1].close()
        BodyFiles(self.directory, lambda: 0.0).open()
        self.assertEqual(list((self.directory / "tmp").iterdir()), [])
        self.assertTrue(self.files.path(sha256).exists())


class BodiesTests(TestCase):
    def setUp(self) -> None:
        self.directory = short_directory(self)
        threads = cast(IReactorFromThreads, reactor)
        self.store = Store.open(threads, self.directory, Events(), readers=1)
        self.addCleanup(self.store.close)
        self.bodies = self.store.bodies

    def files(self) -> list[str]:
        """Give the names of the body files, those under way as "tmp"."""
        found = (self.directory / BODIES).rglob("*")
        return sorted(
            "tmp" if path.parent.name == "tmp" else path.name for path in found if path.is_file()
        )

    async def stored(self, body: PreparedBody, hold: bool = True) -> int:
        def unit(tx: ITransaction) -> int:
            body_id = tx.bodies.add(body)
            if hold:
                tx.bodies.hold(body_id)
            return body_id

        return await self.store.write(unit)

    async def written(self, data: bytes, piece: int, limit: int = 10_000_000) -> PreparedBody:
        writer = self.bodies.writer(limit)
        for at in range(0, len(data), piece):
            await writer.write(data[at : at + piece])
        return await writer.finish()

    async def test_small_stays_in_memory(self) -> None:
        for data in (b"", b"small", b"y" * 20_000, EDGE):
            body = await self.bodies.prepare(data)
            self.assertEqual(body, prepared(data))
            self.assertEqual(await self.written(data, 5000), body)
        self.assertEqual(self.files(), [])

    async def test_large_goes_to_a_file(self) -> None:
        body = await self.bodies.prepare(LARGE)
        self.assertEqual(body, PreparedBody(hashlib.sha256(LARGE).digest(), len(LARGE), None))
        self.assertEqual(self.files(), [body.sha256.hex()])
        self.assertEqual(await self.written(LARGE, 5000), body)
        self.assertEqual((await self.bodies.prepare(EDGE + b"1")).data, None)
        self.assertEqual(len(self.files()), 2)

    async def test_read_back(self) -> None:
        for data in (b"", b"small", EDGE, EDGE + b"1", LARGE):
            body = await self.bodies.prepare(data)
            body_id = await self.stored(body)
            read = await self.store.read(lambda tx, id=body_id: tx.bodies.read(id))  # type: ignore[misc]
            self.assertEqual(read, data)
            size = len(data)
            for start, end in (
                (0, None), (0, 0), (1, 4), (size, None), (size + 9, None), (3, 2),
                (max(0, size - 2), size + 5), (100, 140_000),
            ):  # fmt: skip
                wanted = data[start:end]
                self.assertEqual(await self.bodies.read(body.sha256, start, end), wanted)
                pieces = [each async for each in self.bodies.stream(body.sha256, start, end)]
                self.assertEqual(b"".join(pieces), wanted)
                self.assertLessEqual(max(map(len, pieces), default=0), PIECE_OCTETS)

    async def test_unknown(self) -> None:
        await self.assertFailure(self.bodies.read(b"x" * 32), NotFound)
        with self.assertRaises(NotFound):
            async for _ in self.bodies.stream(b"x" * 32):
                pass

    async def test_prepared_is_not_stored(self) -> None:
        body = await self.bodies.prepare(LARGE)
        await self.assertFailure(self.bodies.read(body.sha256), NotFound)

    async def test_limit(self) -> None:
        for limit, size in ((10, 11), (150_000, 150_001)):
            writer = self.bodies.writer(limit)
            await writer.write(b"x" * (size - 1))
            await self.assertFailure(writer.write(b"x"), LimitExceeded)
            await self.assertFailure(writer.write(b"x"), RuntimeError)
            await writer.abort()
            self.assertEqual(self.files(), [])
        self.assertEqual((await self.written(b"x" * 10, 3, limit=10)).size, 10)

    async def test_abort(self) -> None:
        writer = self.bodies.writer(1_000_000)
        await writer.write(LARGE)
        self.assertEqual(self.files(), ["tmp"])
        await writer.abort()
        self.assertEqual(self.files(), [])
        await writer.abort()
        await self.assertFailure(writer.finish(), RuntimeError)

    async def test_full_disk(self) -> None:
        def full(self: BodyFiles) -> Any:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch = self.patch(BodyFiles, "create", full)
        await self.assertFailure(self.bodies.prepare(LARGE), StoreUnavailable)
        writer = self.bodies.writer(1_000_000)
        await self.assertFailure(writer.write(LARGE), StoreUnavailable)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 2)
        patch.restore()
        await self.bodies.prepare(LARGE)

    async def test_sweep_removes_the_file_after_the_commit(self) -> None:
        body = await self.bodies.prepare(LARGE)
        body_id = await self.stored(body)
        self.assertEqual(await self.store.write(lambda tx: tx.bodies.sweep(10)), 0)
        await self.store.write(lambda tx: tx.bodies.release(body_id))
        self.end_pins()

        def rolled_back(tx: ITransaction) -> None:
            self.assertEqual(tx.bodies.sweep(10), 1)
            raise ZeroDivisionError

        await self.assertFailure(self.store.write(rolled_back), ZeroDivisionError)
        self.assertEqual(await self.bodies.read(body.sha256), LARGE)
        await self.store.write(lambda tx: tx.bodies.sweep(10))
        await self.discarded()
        self.assertEqual(self.files(), [])
        await self.assertFailure(self.bodies.read(body.sha256), NotFound)

    async def test_prepared_again_while_being_swept(self) -> None:
        body_id = await self.stored(await self.bodies.prepare(LARGE))
        await self.store.write(lambda tx: tx.bodies.release(body_id))
        self.end_pins()
        again = await self.bodies.prepare(LARGE)
        self.assertEqual(await self.store.write(lambda tx: tx.bodies.sweep(10)), 1)
        await self.discarded()
        await self.stored(again)
        self.assertEqual(await self.bodies.read(again.sha256), LARGE)

    async def test_file_nobody_names_is_swept(self) -> None:
        kept = await self.bodies.prepare(LARGE)
        await self.stored(kept)
        lost = await self.bodies.prepare(LARGE + b"lost in a crash")
        self.end_pins()
        for _ in range(body_files.SHARDS):
            self.store.write(lambda tx: tx.bodies.sweep(10))
        await self.store.write(lambda tx: None)
        await self.discarded()
        self.assertNotEqual(lost, kept)
        self.assertEqual(self.files(), [kept.sha256.hex()])

    async def test_stream_survives_a_sweep(self) -> None:
        body_id = await self.stored(await self.bodies.prepare(LARGE))
        sha256 = hashlib.sha256(LARGE).digest()
        pieces: list[bytes] = []
        async for piece in self.bodies.stream(sha256):
            if not pieces:
                self.end_pins()
                await self.store.write(lambda tx: tx.bodies.release(body_id))
                await self.store.write(lambda tx: tx.bodies.sweep(10))
                await self.discarded()
                self.assertEqual(self.files(), [])
            pieces.append(piece)
        self.assertEqual(b"".join(pieces), LARGE)

    async def test_damaged_file(self) -> None:
        body = await self.bodies.prepare(LARGE)
        await self.stored(body)
        path = self.bodies._files.path(body.sha256)
        path.write_bytes(LARGE[:-1])
        await self.assertFailure(self.bodies.read(body.sha256), StoreUnavailable)
        with self.assertRaises(StoreUnavailable):
            async for _ in self.bodies.stream(body.sha256):
                pass
        path.unlink()
        await self.assertFailure(self.bodies.read(body.sha256), NotFound)

    def end_pins(self) -> None:
        self.bodies._files._pins.clear()

    def discarded(self) -> Deferred[Any]:
        """Wait for the body threads to have done what was asked of them."""
        done: Deferred[None] = Deferred()
        threads = cast(IReactorFromThreads, reactor)
        self.store._pool.adjustPoolsize(0, 1)  # one thread: in order
        self.store._pool.callInThread(threads.callFromThread, done.callback, None)
        return done
