"""A stage right before the router: sessions in memory, a real record on a real store."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailim.accounts.directory import Directory
from mailim.events import Events
from mailim.im.service import ImLimits, InstantMessaging
from mailim.interfaces.im import IFeature, RosterItem, Session, StreamInfo
from mailim.interfaces.store import IStore, ITransaction
from mailim.record.record import Record
from mailim.wire.xml import AFTER_AUTH, Element, parse_document
from tests.dialogues.plays import DOMAIN, in_client_ns
from tests.fakes.record import open_record
from tests.fakes.sinks import Sink
from tests.fakes.store import open_store

PEOPLE = ("alice", "bob", "carol", "dave", "erin")


class RouterStage:
    """Performs plays on an `InstantMessaging` of its own.

    Its clock stands at 2027-01-15T08:00:00Z at first.
    """

    def __init__(
        self,
        case: TestCase,
        make_record: Callable[[IStore, IReactorTime], Record] = open_record,
    ) -> None:
        self.events = Events()
        self.store = open_store(case, self.events)
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.directory = Directory(self.store, self.events)
        self.record = make_record(self.store, self.clock)
        self.features: Callable[[InstantMessaging], Sequence[IFeature]] = lambda _: ()
        """Gives the features that are tested with it."""
        self._limits: dict[str, int] = {"colleagues": 0}
        self._im: InstantMessaging | None = None
        self._sinks: dict[str, Sink] = {}
        self._sessions: dict[str, Session] = {}
        self._peopled = False

    @property
    def im(self) -> InstantMessaging:
        """What is tested; made when first asked for, after the limits are known."""
        if self._im is None:
            self._im = InstantMessaging(
                self.clock,
                self.store,
                self.events,
                self.directory,
                self.record,
                ImLimits(**self._limits),
            )
            self._im.add_features(self.features(self._im))
        return self._im

    async def given(self, what: str) -> None:
        """Prepare: limits, relations, accounts."""
        await self.people()
        if match := re.fullmatch(r"a limit of (\d+) ([a-z_]+)", what):
            assert self._im is None, "limits come first"
            self._limits[match[2]] = int(match[1])
        elif match := re.fullmatch(r"(\w+) and (\w+) see each other", what):
            await self._relate(match[1], match[2], "both")
            await self._relate(match[2], match[1], "both")
        elif match := re.fullmatch(r"(\w+) sees (\w+)", what):
            await self._relate(match[1], match[2], "to")
            await self._relate(match[2], match[1], "from")
        elif match := re.fullmatch(r"(\w+) is (published|unpublished|enabled|disabled)", what):
            await self._change(match[1], match[2])
        else:
            raise ValueError(f"what is given? {what}")

    async def connect(self, actor: str, name: str) -> None:
        """Bind a session."""
        await self.people()
        local, resource = actor.split("/")
        account = await self.directory.find(f"{local}@{DOMAIN}")
        assert account is not None
        sink = Sink()
        info = StreamInfo("xmpp", "192.0.2.1", int(self.clock.seconds() * 1e6))
        session = self.im.sessions.bind(account, resource, sink, info)
        await self.im.router.bound(session)
        self._sinks[name], self._sessions[name] = sink, session

    async def send(self, actor: str, xml: str) -> None:
        """Route a stanza, and wait until it is done with."""
        stanza = parse_document(in_client_ns(xml), AFTER_AUTH)
        await self.im.router.route(self._sessions[actor], stanza)

    async def send_all(self, actor: str, xml: Sequence[str]) -> None:
        """Route stanzas as a stream does, none waiting for the one before."""
        session = self._sessions[actor]
        stanzas = [parse_document(in_client_ns(text), AFTER_AUTH) for text in xml]
        route = self.im.router.route
        await gatherResults([Deferred.fromCoroutine(route(session, one)) for one in stanzas])

    async def receive(self, actor: str) -> Element | None:
        """Give the next stanza."""
        stanzas = self._sinks[actor].stanzas
        return stanzas.popleft() if stanzas else None

    async def disconnect(self, actor: str) -> None:
        """End a session."""
        await self.im.router.unbound(self._sessions[actor], "connection lost")

    async def ended(self, actor: str) -> str:
        """Give the stream error."""
        return self._sinks[actor].closed[0]

    async def wait(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.advance(seconds)
        await self.im.circle_changes.comparing

    def session(self, actor: str) -> Session:
        """Give the session of an actor."""
        return self._sessions[actor]

    async def people(self) -> None:
        """Add the accounts of the plays, once."""
        if self._peopled:
            return
        self._peopled = True

        def unit(tx: ITransaction) -> None:
            tx.accounts.add_domain(DOMAIN, 1)
            for name in PEOPLE:
                tx.accounts.add(f"{name}@{DOMAIN}", name.title(), False, 1)

        await self.store.write(unit)

    async def account_id(self, name: str) -> int:
        """Give the id of an account."""
        account = await self.directory.find(f"{name}@{DOMAIN}")
        assert account is not None
        return account.id

    async def _relate(self, one: str, other: str, subscription: str) -> None:
        owner = await self.account_id(one)
        item = RosterItem(jid=f"{other}@{DOMAIN}", subscription=subscription)
        await self.store.write(lambda tx: tx.im.set_roster_item(owner, item))

    async def _change(self, name: str, what: str) -> None:
        account_id = await self.account_id(name)
        key = "published" if "published" in what else "enabled"
        value = what == key

        def unit(tx: ITransaction) -> None:
            tx.accounts.update(account_id, **{key: value})

        await self.store.write(unit)
        if self._im is not None:
            await self._im.router.checking
