"""A stage with a whole server: actors are real connections, by TCP or WebSocket, inside TLS.

One server serves many plays: each has a domain of its own, which stands for example.test in
what is sent and received, and a day of its own, which stands for 2027-01-15. The server's time
stands still but where a play lets it pass. That nothing comes is known, not waited for: what
was sent is worked off, and the answer to a ping arrives behind all that came before it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mailim.accounts.passwords import CHAT
from mailim.composition.server import Server
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import RosterItem
from mailim.interfaces.store import ITransaction
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import AFTER_AUTH, Element, parse_document, serialise
from tests.dialogues.plays import DOMAIN, in_client_ns
from tests.dialogues.router_stage import PEOPLE
from tests.fakes import raw_websocket, raw_xmpp

reactor: Any = the_reactor
START: Final = 1_800_000_000  # 2027-01-15T08:00:00Z
_DAY: Final = 86_400
_SECONDS: Final = 60.0  # for an answer, however busy the machine is
_SUBPROTOCOL: Final = "xmpp"


class SteadyReactor:
    """The reactor with a time that passes only when told to."""

    def __init__(self) -> None:
        self.now = float(START)

    def seconds(self) -> float:
        """Give the time."""
        return self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class Watch:
    """Knows when a router has nothing under way."""

    def __init__(self, router: Any) -> None:
        self._busy = 0
        self._waiting: list[Deferred[None]] = []
        for name in ("route", "bound", "unbound"):
            setattr(router, name, self._watched(getattr(router, name)))

    def _watched(self, act: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def watched(*arguments: Any) -> None:
            self._busy += 1
            try:
                await act(*arguments)
            finally:
                self._busy -= 1
                if not self._busy:
                    waiting, self._waiting = self._waiting, []
                    for each in waiting:
                        each.callback(None)

        return watched

    async def idle(self) -> None:
        """Wait until all that was begun is done."""
        while self._busy:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting


class Actor:
    """One connection."""

    def __init__(self, client: Any, jid: JID) -> None:
        self.client = client
        self.jid = jid
        self.came: deque[Element] = deque()
        self.error = ""
        self.closed = False


class StreamStage:
    """Performs one play on a server that others use, too. `number`: of the play, from 1."""

    def __init__(
        self, server: Server, clock: SteadyReactor, watch: Watch, number: int, websocket: bool
    ) -> None:
        self._server = server
        self._clock = clock
        self._watch = watch
        self._websocket = websocket
        self._domain = f"p{number}.test"
        clock.now = float(START + number * _DAY)
        self._day = f"{datetime.fromtimestamp(clock.now, UTC):%Y-%m-%d}"
        self._actors: dict[str, Actor] = {}
        self._accounts: dict[str, Account] = {}
        self._pings = 0

    async def open(self) -> None:
        """Make the accounts; they are no colleagues unless the play says so."""
        self._server.im.colleagues.limit = 0

        def unit(tx: ITransaction) -> None:
            tx.accounts.add_domain(self._domain, 1)
            for name in PEOPLE:
                account = tx.accounts.add(f"{name}@{self._domain}", name.title(), False, 1)
                self._accounts[name] = account

        await self._server.core.store.write(unit)

    async def close(self) -> None:
        """End all connections."""
        for name in self._actors:
            await self.disconnect(name)

    # --- what a play asks for ----------------------------------------------------------------

    async def given(self, what: str) -> None:
        """Prepare: limits, relations, accounts."""
        if match := re.fullmatch(r"a limit of (\d+) colleagues", what):
            self._server.im.colleagues.limit = int(match[1])
        elif match := re.fullmatch(r"(\w+) and (\w+) see each other", what):
            await self._relate(match[1], match[2], "both", "both")
        elif match := re.fullmatch(r"(\w+) sees (\w+)", what):
            await self._relate(match[1], match[2], "to", "from")
        elif match := re.fullmatch(r"(\w+) is (published|unpublished|enabled|disabled)", what):
            await self._change(match[1], match[2])
        else:
            raise ValueError(f"what is given? {what}")

    async def connect(self, actor: str, name: str) -> None:
        """Sign in with a token, as the webmail does, and bind."""
        local, resource = actor.split("/")
        jid = JID.parse(f"{local}@{self._domain}/{resource}")
        token = self._server.core.tokens.issue(self._accounts[local], CHAT)
        client = await (self._by_websocket if self._websocket else self._by_tcp)(
            str(jid.bare), token
        )
        self._actors[name] = Actor(client, jid)
        bind = f"<bind xmlns='{ns.BIND}'><resource>{resource}</resource></bind>"
        self._write(self._actors[name], f"<iq type='set' id='bind'>{bind}</iq>")
        answer = await client.next(_SECONDS)
        assert answer.get("type") == "result", serialise(answer)
        await self._watch.idle()

    async def send(self, actor: str, xml: str) -> None:
        """Send a stanza, and wait until it is worked off."""
        await self.send_all(actor, [xml])

    async def send_all(self, actor: str, xml: Sequence[str]) -> None:
        """Send stanzas in one go."""
        for text in xml:
            self._write(self._actors[actor], text)
        await self._hear(self._actors[actor])
        await self._watch.idle()

    async def receive(self, actor: str) -> Element | None:
        """Give the next stanza."""
        one = self._actors[actor]
        if not one.came:
            await self._hear(one)
        return one.came.popleft() if one.came else None

    async def disconnect(self, actor: str) -> None:
        """Cut the connection."""
        one = self._actors[actor]
        if not one.closed:
            bound = self._server.im.sessions.get(one.jid)
            one.client.transport.abortConnection()
            one.closed = True
            while bound is not None and self._server.im.sessions.get(one.jid) is bound:
                await deferLater(reactor, 0.002)
        await self._watch.idle()

    async def ended(self, actor: str) -> str:
        """Give the stream error."""
        one = self._actors[actor]
        while not one.closed:
            self._take(one, await one.client.next(_SECONDS))
        return one.error

    async def wait(self, seconds: float) -> None:
        """Let time pass, and let people be told of changed colleagues."""
        self._clock.now += seconds
        changes = self._server.im.circle_changes
        while changes._soon is not None:
            await deferLater(reactor, 0.01)
        await changes.comparing

    # --- connections -------------------------------------------------------------------------

    async def _by_tcp(self, address: str, token: str) -> Any:
        port = self._server.listeners.port("xmpps")
        assert port is not None
        client = await raw_xmpp.connect(port, tls=True)
        await client.features(self._domain)
        answer = await client.plain(address.partition("@")[0], token)
        assert answer.name == "success", serialise(answer)
        client.restart()
        await client.features(self._domain)
        return client

    async def _by_websocket(self, address: str, token: str) -> Any:
        port = self._server.listeners.port("https")
        assert port is not None
        client = await raw_websocket.connect(port)
        await client.upgrade([_SUBPROTOCOL])
        await client.authenticate(address.partition("@")[0], token, self._domain)
        return client

    def _write(self, actor: Actor, xml: str) -> None:
        xml = (
            xml.replace(DOMAIN, self._domain)
            .replace("EXAMPLE.test", self._domain.upper())
            .replace("2027-01-15", self._day)
        )
        actor.client.send(in_client_ns(xml) if self._websocket else xml)

    async def _hear(self, actor: Actor) -> None:
        """Take all that has come, up to the answer to a ping, or the end."""
        if actor.closed:
            return
        self._pings += 1
        number = f"ping-{self._pings}"
        ping = f"<ping xmlns='{ns.PING}'/>"
        self._write(actor, f"<iq type='get' id='{number}' to='{DOMAIN}'>{ping}</iq>")
        while not actor.closed:
            event = await actor.client.next(_SECONDS)
            if isinstance(event, Element) and event.get("id") == number:
                return
            self._take(actor, event)

    def _take(self, actor: Actor, event: Any) -> None:
        if event == raw_xmpp.CLOSED:
            actor.closed = True
        elif not isinstance(event, Element) or event.ns == ns.FRAMING:
            pass  # the stream is being closed
        elif event.name == "error" and event.ns == ns.STREAM:
            actor.error = next(event.elements(ns=ns.STREAM_ERRORS)).name
        else:
            text = serialise(event, "").decode()
            text = text.replace(self._domain, DOMAIN).replace(self._day, "2027-01-15")
            actor.came.append(parse_document(text, AFTER_AUTH))

    # --- the server --------------------------------------------------------------------------

    async def _relate(self, one: str, other: str, forth: str, back: str) -> None:
        def unit(tx: ITransaction) -> None:
            for owner, contact, subscription in ((one, other, forth), (other, one, back)):
                item = RosterItem(jid=f"{contact}@{self._domain}", subscription=subscription)
                tx.im.set_roster_item(self._accounts[owner].id, item)

        await self._server.core.store.write(unit)

    async def _change(self, name: str, what: str) -> None:
        key = "published" if "published" in what else "enabled"
        change = {key: what == key}
        number = self._accounts[name].id
        await self._server.core.store.write(lambda tx: tx.accounts.update(number, **change))
        await self._server.im.router.checking
