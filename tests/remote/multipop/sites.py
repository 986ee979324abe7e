"""A collector on a real store, and boxes on fake servers."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.task import Clock, deferLater
from twisted.logger import ILogObserver, LogLevel, globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailim.accounts.directory import Directory
from mailim.accounts.vault import Vault
from mailim.config_mail import Multipop as MultipopConfig
from mailim.events import Events
from mailim.interfaces.boxes import Box, SeenMessage
from mailim.interfaces.items import Item, ItemQuery
from mailim.interfaces.multipop import BoxState
from mailim.interfaces.store import ITransaction
from mailim.mail.delivery import LocalDelivery
from mailim.mail.intake import Intake
from mailim.mail.queue import Queue
from mailim.mail.routing import Routing
from mailim.remote.multipop.collector import Multipop
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.store import open_store

START = 1_700_000_000.0


def message(number: int, text: str = "Hello", size: int = 0) -> bytes:
    """Give a message of its own, of at least `size` octets."""
    head = (
        f"From: Mara <mara@example.org>\r\nTo: kate@example.org\r\nSubject: Number {number}\r\n"
        f"Message-ID: <{number}@example.org>\r\n\r\n{text} {number}\r\n"
    ).encode()
    line = b"x" * 76 + b"\r\n"
    return head + line * max(0, -(-(size - len(head)) // len(line)))


@implementer(IReactorPluggableNameResolver)
class ClockedReactor:
    """The real reactor's network, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.callLater = self.clock.callLater
        self.seconds = self.clock.seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class SiteTest(TestCase):
    """Base: accounts alice (1) and bob (2); `config` may be changed at any time."""

    timeout = 300
    clocked = False
    synchronous = "FULL"

    async def setUp(self) -> None:  # type: ignore[override]
        self.events = Events()
        self.store = open_store(self, self.events, self.synchronous)
        await self.store.write(_office)
        self.reactor: Any = reactor
        if self.clocked:
            self.reactor = ClockedReactor()
        self.config = settings()
        self.vault = Vault(Vault.new_key())
        self.intake = Intake(self.store, "mail.example.test", self.reactor)
        self.jitter = 0.0
        self.multipop = self.collector()
        self.log: list[str] = []
        observer = cast(ILogObserver, self._observe)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def collector(self, **other: Any) -> Multipop:
        """Make a collector that is stopped at the end."""
        made = Multipop(
            self.reactor,
            other.get("store", self.store),
            self.vault,
            other.get("intake", self.intake),
            lambda: self.config,
            lambda: self.jitter,
        )
        self.addCleanup(made.stopService)
        return made

    def _observe(self, event: Any) -> None:
        if event.get("log_namespace", "").startswith("mailim") and event["log_level"] >= (
            LogLevel.info
        ):
            self.log.append(event["log_format"].format_map(_Fields(event)))

    async def box(self, server: Pop3Server | int, account_id: int = 1, **values: Any) -> int:
        """Add a box on a fake server; gives its number."""
        port = server if isinstance(server, int) else server.port or server.listen(self)
        usual = {
            "host": "127.0.0.1",
            "port": port,
            "user": "kate",
            "password": "secret",
            "tls": "none",
            "leave": False,
        }
        state = await self.multipop.add(account_id, usual | values)
        return state.box.id

    async def collect(self, box_id: int | None = None) -> BoxState:
        """Collect by hand; gives the state of the box (the only one, if none is named)."""
        await self.multipop.run(None, box_id)
        if box_id is None:
            (state,) = await self.multipop.list()
            return state
        return await self.multipop.find(box_id)

    async def row(self, box_id: int = 1) -> Box:
        return (await self.multipop.find(box_id)).box

    async def seen(self, box_id: int = 1) -> dict[str, SeenMessage]:
        return dict(await self.store.read(lambda tx: tx.boxes.seen(box_id)))

    async def states(self, box_id: int = 1) -> dict[str, str]:
        return {uidl: one.state for uidl, one in (await self.seen(box_id)).items()}

    async def spooled(self) -> list[bytes]:
        """Give the bodies in the spool, in their order."""
        entries = await self.store.read(lambda tx: tx.spool.list(100_000))
        return [await self.store.bodies.read(entry.sha256) for entry in entries]

    def start_queue(self) -> Queue:
        """Begin to deliver."""
        directory = Directory(self.store, self.events)
        queue = Queue(
            self.reactor,
            self.store,
            self.events,
            [],
            Routing(directory),
            LocalDelivery(self.store),
        )
        queue.startService()
        self.addCleanup(queue.stopService)
        return queue

    async def delivered(self, queue: Queue, account_id: int = 1) -> list[tuple[Item, bytes]]:
        """Wait until all is delivered; gives the inbox with the bodies."""
        while queue.busy or await self.store.read(lambda tx: bool(tx.spool.list(1))):
            await pause()

        def unit(tx: ITransaction) -> list[Item]:
            folder = tx.folders.by_role(account_id, "inbox")
            assert folder is not None
            query = ItemQuery(account_id, {"inMailbox": folder.id}, limit=100_000)
            ids = tx.items.query(query).ids
            found: list[Item] = []
            for start in range(0, len(ids), 500):
                found += tx.items.get(account_id, ids[start : start + 500]).values()
            return found

        items = await self.store.read(unit)
        return [(item, await self.store.bodies.read(item.sha256)) for item in items]

    def logged(self, *words: str) -> bool:
        """Say whether a line of the log holds all these words."""
        return any(all(word in line for word in words) for line in self.log)


class _Fields(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def settings(**values: Any) -> MultipopConfig:
    """Give the configuration for tests, without its bounds."""
    usual = {"allow_plaintext": True, "timeout_seconds": 30}
    return MultipopConfig.model_construct(**(usual | values))


def _office(tx: ITransaction) -> None:
    tx.accounts.add_domain("example.test", 0)
    for name in ("alice", "bob"):
        account = tx.accounts.add(f"{name}@example.test", name, False, 0)
        tx.folders.create(account.id, "Inbox", role="inbox")


async def pause(seconds: float = 0.01) -> None:
    """Let the reactor work."""
    await deferLater(reactor, seconds)


class Gate:
    """Holds acts back until it is opened; `reached` fires when the first one stands there."""

    def __init__(self) -> None:
        self.reached: Deferred[None] = Deferred()
        self._open = False
        self._waiting: list[Deferred[None]] = []

    async def through(self) -> None:
        """Wait until it is open."""
        if not self.reached.called:
            self.reached.callback(None)
        if not self._open:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    def open(self) -> None:
        """Let all go on."""
        self._open = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
