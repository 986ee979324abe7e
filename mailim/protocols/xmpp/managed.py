"""A session whose client acknowledges what it is sent, and may come back (XEP-0198).

It stands between the router and the stream, and outlives that: what is sent while no stream
carries it waits with what the client has not acknowledged. The client is asked what it has
after some stanzas or a short silence; one that does not answer is dead, and its connection
is ended. `ManagedSessions` decides how long a session without a stream may wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from twisted.internet.defer import Deferred, TimeoutError, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from mailim.im.offline import delay
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import IReceipt, IStanzaSink, Session
from mailim.protocols.xmpp.settings import StreamSettings
from mailim.wire import ns
from mailim.wire.stream_management import Handled, Stanza, Unacknowledged
from mailim.wire.xml import Element, serialise

ASK_EVERY: Final = 5  # stanzas
ASK_SECONDS: Final = 1.0  # after the last stanza
ASK_AGAIN_SECONDS: Final = 10.0  # after an answer that acknowledged nothing
CLOSING_SECONDS: Final = 5.0  # for what was sent before the closing tag


@dataclass(frozen=True, slots=True)
class Sent:
    """A stanza the client was sent; `time` in µs."""

    stanza: Element
    receipt: IReceipt | None
    time: int


class _Waiting(NamedTuple):
    """Somebody waits until so many of the client's stanzas are done with."""

    begun: int
    told: Deferred[None]


class Carrying(Protocol):
    """What carries a managed session: a client's stream."""

    web_session: bytes

    @property
    def paused(self) -> bool:
        """Nothing is read from the client, so it cannot answer."""

    def write(self, element: Element) -> int:
        """Send an element; gives its octets."""

    def close(self, condition: str, text: str) -> None:
        """End stream and session with a stream error."""

    def supersede(self) -> None:
        """End the stream with <conflict/>, and leave the session to another one."""

    def cut(self, reason: str) -> None:
        """The client is dead: end the connection as if it were lost."""


class Books(Protocol):
    """What a managed session tells `ManagedSessions`."""

    def weigh(self, octets: int) -> None:
        """So many octets more, or fewer, are not acknowledged."""

    def asleep(self, managed: ManagedSession) -> None:
        """It has no stream any more."""

    def awake(self, managed: ManagedSession) -> None:
        """It has a stream again."""

    def over(self, managed: ManagedSession, reason: str) -> None:
        """It has ended; what is left in it has to go elsewhere."""

    def begin(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """Start work that outlives it."""


@implementer(IStanzaSink)
class ManagedSession:
    """The sink of a session with stream management.

    id: what the client names to resume it; "" if it may not. seconds: how long it waits for that.
    """

    def __init__(
        self,
        session: Session,
        clock: IReactorTime,
        settings: StreamSettings,
        books: Books,
        id: str,
        seconds: float,
    ) -> None:
        self.session = session
        self.id = id
        self.seconds = seconds
        self.web_session = b""
        self.incoming = Handled()
        self.outgoing: Unacknowledged[Sent] = Unacknowledged(
            settings.unacknowledged_stanzas, settings.unacknowledged_octets
        )
        self._clock = clock
        self._patience = settings.acknowledgement_seconds
        self._books = books
        self._stream: Carrying | None = None
        self._over = False
        self._asked = False
        self._since_asked = 0
        self._timer: IDelayedCall | None = None  # asks, gives up on the answer, or on the client
        self._questions: deque[int] = deque()  # of `incoming.finished`: when to answer them
        self._waiting: deque[_Waiting] = deque()

    @property
    def account(self) -> Account | None:
        """Whose it is."""
        return self.session.account

    # --- to the client ----------------------------------------------------------------------

    def send(self, stanza: Element, receipt: IReceipt | None = None) -> None:
        """Write a stanza, or keep it until there is a stream; count it."""
        if self._over:
            if receipt is not None:
                self._books.begin(receipt.failed(), "sending a message elsewhere")
            return
        stream = self._stream
        octets = stream.write(stanza) if stream is not None else len(serialise(stanza))
        sent = Sent(stanza, receipt, int(self._clock.seconds() * 1_000_000))
        fits = self.outgoing.add(sent, octets)
        self._books.weigh(octets)
        if not fits:
            self.close("resource-constraint", "Too much waits to be acknowledged.")
        elif self._stream is not None:
            self._since_asked += 1
            self._ask_soon()

    def acknowledge(self, h: int) -> None:
        """The client says what it has; raises `CountTooHigh`."""
        if self._over:
            return
        before = self.outgoing.octets
        taken = self.outgoing.acknowledge(h)
        self._books.weigh(self.outgoing.octets - before)
        # Without a stream the timer is that of `_sleep`, and goes on: who asks to resume may
        # be gone again before that is granted.
        if self._stream is not None and (taken or self._asked):
            self._asked = False
            self._stop_timer()
            if len(self.outgoing) and not taken:
                # Asking at once again would go on for ever.
                self._timer = self._clock.callLater(ASK_AGAIN_SECONDS, self._ask)
            elif len(self.outgoing):
                self._ask_soon()
        for sent in taken:
            if sent.receipt is not None:
                sent.receipt.arrived()

    def _ask_soon(self) -> None:
        if self._asked:
            return
        if self._since_asked >= ASK_EVERY:
            self._stop_timer()
            self._ask()
        elif self._timer is None:
            self._timer = self._clock.callLater(ASK_SECONDS, self._ask)

    def _ask(self) -> None:
        self._timer = None
        if self._stream is None:
            return
        self._asked, self._since_asked = True, 0
        self._stream.write(Element("r", ns.STREAM_MANAGEMENT))
        self._timer = self._clock.callLater(self._patience, self._unanswered)

    def _unanswered(self) -> None:
        self._timer = None
        if self._stream is None:
            return
        if self._stream.paused:
            self._timer = self._clock.callLater(self._patience, self._unanswered)
        else:
            self._stream.cut("the client does not acknowledge what it was sent")

    # --- from the client --------------------------------------------------------------------

    def done(self, stanza: Stanza) -> None:
        """One of its stanzas, of `incoming`, is done with."""
        self.incoming.done(stanza)
        finished = self.incoming.finished
        asked = len(self._questions)
        while self._questions and self._questions[0] <= finished:
            self._questions.popleft()
        if len(self._questions) < asked:
            self._acknowledge()
        while self._waiting and self._waiting[0].begun <= finished:
            self._waiting.popleft().told.callback(None)

    def handled(self) -> Deferred[None]:
        """Fires when all that has come from the client so far is done with."""
        begun = self.incoming.begun
        if begun <= self.incoming.finished:
            return succeed(None)
        waiting = _Waiting(begun, Deferred())
        self._waiting.append(waiting)
        return waiting.told

    def answer(self) -> None:
        """Tell the client what was handled, when all before its question is."""
        begun = self.incoming.begun
        if begun <= self.incoming.finished:
            self._acknowledge()
        elif not self._questions or self._questions[-1] < begun:
            # Each is kept: who asks behind every stanza must not wait for the last of them.
            self._questions.append(begun)

    async def last_words(self) -> None:
        """Tell a client that closes its stream what was handled: it need not send that again."""
        try:
            await self.handled().addTimeout(CLOSING_SECONDS, self._clock)
        except TimeoutError:
            pass  # what is under way goes on; the client may send it again
        self._acknowledge()

    def _acknowledge(self) -> None:
        if self._stream is not None:
            attrs = {"h": str(self.incoming.h)}
            self._stream.write(Element("a", ns.STREAM_MANAGEMENT, attrs))

    # --- streams come and go ----------------------------------------------------------------

    @property
    def over(self) -> bool:
        """It has ended."""
        return self._over

    def attach(self, stream: Carrying) -> None:
        """A stream carries it from now on."""
        self._stream, self.web_session = stream, stream.web_session
        self.session.waits_since = 0
        self._stop_timer()
        self._asked, self._since_asked = False, 0
        self._books.awake(self)

    def resend(self) -> None:
        """Send what is not acknowledged again, marked with the time it was sent first."""
        stream = self._stream
        if stream is None:
            return
        domain = self.session.jid.domain
        for sent in self.outgoing:
            stream.write(_delayed(sent, domain))
        if len(self.outgoing):
            self._since_asked = ASK_EVERY
            self._ask_soon()

    def yield_up(self) -> None:
        """Another stream of the client wants it: let go of the one that carries it."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.supersede()
            self._sleep()

    def lost(self, stream: Carrying, reason: str) -> None:
        """The connection is gone: wait for another, if it may."""
        if self._over or self._stream is not stream:
            return
        self._stream = None
        if self.id and self.seconds > 0:
            self._sleep()
        else:
            self.end(reason)

    def _sleep(self) -> None:
        self._stop_timer()
        self._asked = False
        reason = "connection lost, not resumed in time"
        self._timer = self._clock.callLater(self.seconds, self.end, reason)
        self.session.waits_since = int(self._clock.seconds() * 1_000_000)
        self._books.asleep(self)

    def close(self, condition: str, text: str) -> None:
        """End stream and session."""
        if self._stream is not None:
            self._stream.close(condition, text)  # which ends the session, too
        else:
            self.end(condition)

    def end(self, reason: str) -> None:
        """End the session; it cannot be resumed."""
        if self._over:
            return
        self._over, self._stream = True, None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        self._books.weigh(-self.outgoing.octets)
        self._books.over(self, reason)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _delayed(sent: Sent, domain: str) -> Element:
    """Mark a message or presence with its time (XEP-0198 section 5, XEP-0203)."""
    stanza = sent.stanza
    if stanza.name == "iq" or stanza.find("delay", ns.DELAY) is not None:
        return stanza
    copy = stanza.with_attrs()
    copy.add(delay(domain, sent.time))
    return copy
