"""IQs (RFC 6120 section 8.2.3, RFC 6121 section 8.5): answered here, or passed to a client.

The server answers for itself, for an account towards its own clients, and for an account
towards others; what it can answer is what features register. Everything else goes from
client to client, if the recipient shares its presence with the sender.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from mailim.im.errors import StanzaError, reply, result
from mailim.im.policy import Policy
from mailim.im.roster import Rosters
from mailim.im.sessions import Sessions
from mailim.im.turns import Turn
from mailim.interfaces.im import IFeature, IqAnswer, IqRoute, Session
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError
from mailim.wire.xml import Element


class Iqs:
    """Processes IQs.

    seconds: time a feature has to answer; until then later stanzas of the session wait.
    """

    def __init__(
        self,
        clock: IReactorTime,
        sessions: Sessions,
        policy: Policy,
        rosters: Rosters,
        *,
        seconds: float = 30.0,
    ) -> None:
        self._clock = clock
        self._sessions = sessions
        self._policy = policy
        self._rosters = rosters
        self._seconds = seconds
        self._answers: dict[IqRoute, IqAnswer] = {}
        self._known: set[tuple[str, str]] = set()

    def add(self, features: Iterable[IFeature]) -> None:
        """Answer what these features answer."""
        for feature in features:
            for route, answer in feature.routes().items():
                if route in self._answers:
                    raise ValueError(f"two features answer {route}")
                self._answers[route] = answer
                self._known.add((route.target, route.ns))

    async def handle(self, session: Session, iq: Element, to: JID | None, turn: Turn) -> None:
        """Process an IQ; raises `StanzaError`."""
        kind = iq.get("type")
        if not iq.get("id"):
            raise StanzaError.of("bad-request", "an IQ needs an id")
        payloads = tuple(iq.elements())
        stamped = iq.with_attrs({"from": str(session.jid)})
        await turn.ready()
        if kind in ("result", "error"):
            if to is not None and to.resource and (kind == "error" or len(payloads) <= 1):
                await self._pass_on(stamped, to)
            return
        if kind not in ("get", "set") or len(payloads) != 1:
            raise StanzaError.of("bad-request", "an IQ is a get or set of one thing")
        own = session.jid.bare
        if to is None or to == own:
            await self._answer(session, stamped, payloads[0], "account")
            return
        account = await self._policy.recipient(to)
        if not to.local and not to.resource:
            await self._answer(session, stamped, payloads[0], "server")
        elif account is None:
            raise StanzaError.of("service-unavailable")
        elif to.is_bare:
            if payloads[0].ns == ns.ROSTER:  # RFC 6121 section 2.3.3
                raise StanzaError.of("forbidden", "this is somebody else's roster")
            await self._answer(session, stamped, payloads[0], "contact")
        else:
            await self._request(session, stamped, to)

    async def _pass_on(self, iq: Element, to: JID) -> None:
        """Deliver a result or an error (RFC 6121 section 8.5.3.1)."""
        target = self._sessions.get(to)
        if target is not None:
            target.sink.send(iq.with_attrs({"to": str(to)}))

    async def _request(self, session: Session, iq: Element, to: JID) -> None:
        """Deliver a request to a client that may be known to be there (section 8.5.3.1)."""
        target = self._sessions.get(to)
        if target is None:
            raise StanzaError.of("service-unavailable")
        own = session.jid.bare
        if to.bare != own and session.jid not in target.directed and own not in target.directed:
            if not (await self._rosters.of(target.account)).sends_to(own):
                raise StanzaError.of("service-unavailable")
        target.sink.send(iq.with_attrs({"to": str(to)}))

    def undelivered(self, iq: Element) -> None:
        """A client went away without having had this: tell who asked (section 8.5.3.2.3)."""
        if iq.get("type") not in ("get", "set"):
            return
        try:
            sender = JID.parse(iq.get("from") or "")
        except JIDError:
            return  # the server itself
        session = self._sessions.get(sender) if sender.resource else None
        if session is not None:
            session.sink.send(reply(iq, StanzaError.of("service-unavailable")))

    async def _answer(self, session: Session, iq: Element, payload: Element, target: str) -> None:
        route = IqRoute(iq.attrs["type"], target, payload.name, payload.ns)
        answer = self._answers.get(route)
        if answer is None:
            # RFC 6120 section 8.3.3.3: we know the namespace, but not this in it
            known = (target, payload.ns) in self._known
            raise StanzaError.of("feature-not-implemented" if known else "service-unavailable")
        children = await self._in_time(answer, session, iq)
        if children is not None:
            session.sink.send(result(iq, children))

    async def _in_time(
        self, answer: IqAnswer, session: Session, iq: Element
    ) -> Sequence[Element] | None:
        async def run() -> Sequence[Element] | None:
            return await answer(session, iq)

        working = Deferred.fromCoroutine(run())
        if not working.called:
            working.addTimeout(self._seconds, self._clock)
        try:
            return await working
        except TimeoutError:
            raise StanzaError.of("resource-constraint", "the answer took too long") from None


def refuse(session: Session, stanza: Element, error: StanzaError) -> None:
    """Answer a stanza of a session with an error; the caller has asked `answerable`."""
    session.sink.send(reply(stanza.with_attrs({"from": str(session.jid)}), error))
