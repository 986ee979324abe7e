"""A stage for tests of the router: plays' actors, a gated record, and what it recorded."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.interfaces.record import Leaf
from mailim.interfaces.store import Priority
from mailim.wire.xml import AFTER_AUTH, Element, parse_document
from tests.dialogues.plays import in_client_ns
from tests.dialogues.router_stage import RouterStage
from tests.fakes.gated_record import GatedRecord
from tests.fakes.sinks import SlowSink

GET_ROSTER = "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"


class Stage(RouterStage):
    """A router stage whose record has a gate."""

    record: GatedRecord

    def __init__(self, case: TestCase) -> None:
        super().__init__(case, GatedRecord)

    async def online(self, actor: str, presence: str = "<presence/>") -> None:
        """Connect, ask for the roster, become available, forget what came of it."""
        await self.connect(actor, actor)
        await self.send(actor, GET_ROSTER)
        await self.send(actor, presence)
        self.drain(actor)

    async def slow(self, actor: str, presence: str = "<presence/>") -> SlowSink:
        """Connect a client that acknowledges (XEP-0198) when told to, as `online` does."""
        await self.online(actor, presence)
        sink = self._sinks[actor] = self.session(actor).sink = SlowSink()
        return sink

    def start(self, actor: str, xml: str) -> Deferred[None]:
        """Route a stanza without waiting for it."""
        stanza = parse_document(in_client_ns(xml), AFTER_AUTH)
        return Deferred.fromCoroutine(self.im.router.route(self.session(actor), stanza))

    async def hold(self, actor: str, xml: str) -> Deferred[None]:
        """Route a stanza up to the record, which holds it until `let_go`; others pass."""
        self.record.closed = True
        working = self.start(actor, xml)
        for _ in range(100):
            if self.record.held:
                break
            await self.store.read(lambda tx: None)
        self._kept, self.record.held, self.record.closed = self.record.held, [], False
        assert self._kept, "it has not come to the record"
        return working

    def let_go(self) -> None:
        """Let the record write what was held."""
        self.record.held = self._kept
        self.record.release()

    def drain(self, actor: str) -> list[Element]:
        """Take everything an actor has received."""
        stanzas = list(self._sinks[actor].stanzas)
        self._sinks[actor].stanzas.clear()
        return stanzas

    def condition(self, actor: str) -> str:
        """Take the next stanza, an error; give "type condition"."""
        stanza = self._sinks[actor].stanzas.popleft()
        error = stanza.find("error")
        assert stanza.get("type") == "error" and error is not None, stanza.get("type")
        return f"{error.get('type')} {next(error.elements()).name}"

    async def leaves(self, *kinds: str) -> Sequence[Leaf]:
        """Give the leaves of some kinds (all if none is named), in order."""
        await self.store.write(lambda tx: None, Priority.BACKGROUND)
        leaves = await self.store.read(lambda tx: tx.record.leaves(0, 1000))
        return [leaf for leaf in leaves if not kinds or leaf.kind in kinds]
