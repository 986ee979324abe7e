"""The store: one SQLite database, one writer thread, a few reader threads, body files.

On disk, below the directory given (`var/`):

    mailim.db, mailim.db-wal, mailim.db-shm     everything, mode 0600
    bodies/ab/ab12…                             bodies over 128 KiB, named by SHA-256
    bodies/tmp/                                 bodies being written; emptied at start

One process owns a store at a time; who starts it takes care of that (`var/lock`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mailim.errors import Invalid
from mailim.events import Events
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.store.body_access import Bodies
from mailim.store.body_files import BodyFiles, sync_directory
from mailim.store.connection import Connection, connect
from mailim.store.migration import migrate
from mailim.store.readers import Readers
from mailim.store.transaction import Transaction
from mailim.store.units import shown
from mailim.store.writer import Writer

T = TypeVar("T")

DATABASE: Final = "mailim.db"
BODIES: Final = "bodies"
BODY_THREADS: Final = 2


@implementer(IStore)
class Store:
    """The one database of the server; `open` makes it."""

    def __init__(
        self,
        reactor: IReactorFromThreads,
        writer: Writer,
        readers: Readers,
        bodies: Bodies,
        pool: ThreadPool,
        connections: Sequence[Connection],
    ) -> None:
        """`connections`: the writer's first, then the readers'; all are closed by `close`."""
        self.bodies = bodies
        self._reactor = reactor
        self._writer = writer
        self._readers = readers
        self._pool = pool
        self._connections = connections
        self._closing: list[Deferred[None]] | None = None
        self._closed = False

    @classmethod
    def open(
        cls,
        reactor: IReactorFromThreads,
        directory: Path,
        events: Events,
        *,
        url: str = "sqlite",
        readers: int = 4,
        synchronous: str = "FULL",
        traces: bool = True,
    ) -> Store:
        """Open the store below `directory`, making or migrating the database if need be.

        Blocks: call it before the reactor runs or in a thread. Raises `Invalid` for a
        database newer than this code or an unknown `url`, `StoreUnavailable` if the
        database cannot be opened. `synchronous` other than FULL gives up durability: it
        is there so that tests can show the difference. Without `traces` nothing is
        written of what happens to mails.
        """
        if url != "sqlite":
            raise Invalid("The only store there is yet is sqlite.", path="store.url")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / DATABASE
        # SQLite gives its -wal and -shm files the mode of the database.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        sync_directory(directory)
        files = BodyFiles(directory / BODIES, time.monotonic)
        files.open()
        connections: list[Connection] = []
        try:
            migrate(path)
            connections.append(connect(path, synchronous=synchronous))
            connections.extend(connect(path, read_only=True) for _ in range(readers))
        except sqlite3.Error as error:
            for each in connections:
                each.driver.close()
            raise shown(error) from error
        return cls._started(reactor, files, connections, events, traces)

    @classmethod
    def _started(
        cls,
        reactor: IReactorFromThreads,
        files: BodyFiles,
        connections: Sequence[Connection],
        events: Events,
        traces: bool,
    ) -> Store:
        pool = ThreadPool(0, BODY_THREADS, "store bodies")
        pool.start()

        def discard(hashes: Sequence[bytes]) -> None:
            if not pool.joined:
                pool.callInThread(files.discard, hashes)

        transactions = [Transaction(each, files, discard, traces=traces) for each in connections]
        writer = Writer(reactor, connections[0], transactions[0], events)
        pairs = list(zip(connections, transactions, strict=True))
        readers = Readers(reactor, pairs[1:], events)
        bodies = Bodies(reactor, pool, files, readers)
        return cls(reactor, writer, readers, bodies, pool, connections)

    def write(
        self, unit: Callable[[ITransaction], T], priority: Priority = Priority.NORMAL
    ) -> Deferred[T]:
        """Run a unit in the writer thread; fires on the reactor thread once it is durable."""
        return self._writer.submit(unit, priority)

    def read(self, unit: Callable[[ITransaction], T]) -> Deferred[T]:
        """Run a unit on a read-only snapshot in a reader thread."""
        return self._readers.submit(unit)

    def close(self) -> Deferred[None]:
        """Finish waiting units, then close; later calls fail with `StoreUnavailable`."""
        if self._closed:
            return succeed(None)
        done: Deferred[None] = Deferred()
        if self._closing is not None:
            self._closing.append(done)
            return done
        self._closing = [done]
        self._writer.stop()
        self._readers.stop()
        self.bodies.close()
        threading.Thread(target=self._close, name="store closing", daemon=True).start()
        return done

    def _close(self) -> None:
        """Wait for all threads, then close the connections; in a thread of its own."""
        self._writer.join()
        self._readers.join()
        self._pool.stop()
        for connection in reversed(self._connections):
            connection.driver.close()  # the last one, the writer's, empties the WAL
        self._reactor.callFromThread(self._over)

    def _over(self) -> None:
        self._closed = True
        waiting, self._closing = self._closing or [], None
        for each in waiting:
            each.callback(None)
