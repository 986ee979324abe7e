"""A client's stream from its header to its end, whatever carries it (RFC 6120 4 to 7).

The order is fixed: TLS, SASL, bind, stanzas. Until a resource is bound the limits are
tight and the clock runs. What arrives is worked off in order by one coroutine; once bound,
stanzas are handed to the router, which keeps their order and answers for the rest. When
more is waiting than allowed, or a client is faster than its rate, reading pauses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Mapping
from secrets import token_hex

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from zope.interface import implementer

from mailim.background import spawn
from mailim.errors import MailimError
from mailim.im.errors import StanzaError, reply, result, stanza_error
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import IReceipt, IStanzaSink, Session, StreamInfo
from mailim.protocols.xmpp.carrier import ICarrier, IConversation, StreamBroken
from mailim.protocols.xmpp.early import EarlySink
from mailim.protocols.xmpp.managed import ManagedSession
from mailim.protocols.xmpp.pace import Pace
from mailim.protocols.xmpp.sasl import Sasl, SaslFailure, failure
from mailim.protocols.xmpp.services import StreamServices
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError
from mailim.wire.xml import Element, XmlLimits

_SIGNED_IN = frozenset({ns.BIND, ns.SESSION, ns.STREAM_MANAGEMENT})
_STANZAS = frozenset({"message", "presence", "iq"})


class _End:
    """Stands in the queue for the peer's closing tag."""


_Event = Mapping[str, str] | Element | _End


@implementer(IConversation, IStanzaSink)
class ClientStream:
    """One client's stream."""

    _log = Logger()

    def __init__(
        self, services: StreamServices, carrier: ICarrier, protocol: str, peer: str
    ) -> None:
        self.id = token_hex(6)
        self._services = services
        self._settings = services.settings()
        self._carrier = carrier
        self._protocol = protocol
        self._peer = peer
        self._since = services.clock.seconds()
        self._domain = ""
        self._header_sent = False
        self._attempts = 0
        self._sasl: Sasl | None = None
        self.web_session = b""  # the browser session whose token opened this, if one did
        self._account: Account | None = None
        self.session: Session | None = None
        self.managed: ManagedSession | None = None
        self.over = False
        self._closing = False
        self._waiting: deque[_Event] = deque()
        self._working: Deferred[None] | None = None
        self._routing = 0
        self.paused = False
        self._pace = Pace(services.clock, self._settings.stanzas_per_second, self._balance)
        services.open.add(self)
        self._deadline: IDelayedCall = services.clock.callLater(
            self._settings.login_seconds,
            self.close,
            "connection-timeout",
            "Signing in took too long.",
        )

    # --- what the carrier tells --------------------------------------------------------

    def opened(self, attrs: Mapping[str, str]) -> None:
        """A stream header arrived."""
        self._take(attrs)

    def received(self, element: Element) -> None:
        """A top-level element arrived."""
        self._take(element)

    def ended(self) -> None:
        """The peer closed its stream: do what it sent before, then close ours (4.4)."""
        self._take(_End())

    def broken(self, condition: str, text: str) -> None:
        """The peer broke the rules."""
        self.close(condition, text)

    def lost(self, reason: str) -> None:
        """The connection is gone; the session may outlive it, unless the peer closed it."""
        self._finish(reason, may_resume=not self._closing)

    @property
    def account(self) -> Account | None:
        """Who this is, once that is proven."""
        return self._account

    def send(self, stanza: Element, receipt: IReceipt | None = None) -> None:
        """Write a stanza."""
        if not self.over:
            self._carrier.send(stanza)
            if receipt is not None:
                receipt.arrived()
        elif receipt is not None:
            self._services.begin(receipt.failed(), "sending a message elsewhere")

    # --- what its managed session tells --------------------------------------------------

    def write(self, element: Element) -> int:
        """Send an element."""
        return 0 if self.over else self._carrier.send(element)

    def supersede(self) -> None:
        """Another stream has the session now."""
        self.session = self.managed = None
        self.close("conflict", "The session was resumed by another stream.")

    def cut(self, reason: str) -> None:
        """The client is dead."""
        self._log.info("{reason}", reason=reason, peer=self._peer, stream=self.id)
        self._finish(reason, may_resume=True)
        self._carrier.abort()

    def info(self) -> StreamInfo:
        """Where it comes from."""
        since = int(self._since * 1e6)
        return StreamInfo(self._protocol, self._peer, since, self._carrier.tls_description())

    def resumed(self, managed: ManagedSession) -> None:
        """Carry this session from now on."""
        self.session, self.managed = managed.session, managed
        self._signed_in(managed.session)

    # --- the queue -------------------------------------------------------------------------

    def _take(self, event: _Event) -> None:
        if self.over:
            return
        self._waiting.append(event)
        if self._working is None:
            self._working = spawn(self._work(), f"stream {self.id}")
            if self._working.called:
                self._working = None
        self._balance()

    async def _work(self) -> None:
        try:
            while self._waiting and not self.over:
                await self._one(self._waiting.popleft())
                self._balance()
        except StreamBroken as error:
            self.close(error.condition, error.text, error.extra)
        except CancelledError:
            raise
        except Exception:
            self._log.failure("stream {stream} of {peer}", stream=self.id, peer=self._peer)
            self.close("internal-server-error", "Something went wrong here.")
        finally:
            self._working = None

    def _balance(self) -> None:
        """Read only as fast as we work, and as the rate allows."""
        full = len(self._waiting) + self._routing >= self._settings.waiting
        stop = not self.over and (full or self._pace.exceeded)
        if stop and not self.paused:
            self._carrier.pause()
        elif self.paused and not stop:
            self._carrier.resume()
        self.paused = stop

    # --- negotiation -------------------------------------------------------------------------

    async def _one(self, event: _Event) -> None:
        if isinstance(event, _End):
            self._closing = True
            if self.managed is not None:
                await self.managed.last_words()
            if not self.over:  # the connection may be gone by now
                self._finish("closed by the client")
                self._carrier.close()
        elif not isinstance(event, Element):
            await self._open(event)
        elif not self._domain:
            raise StreamBroken("not-well-formed", "A stream begins with its header.")
        else:
            await self._element(event)

    async def _element(self, event: Element) -> None:
        if event.ns == ns.STREAM_MANAGEMENT and self._account and self._services.management:
            self._pace.count()
            await self._services.management.take(self, event, self._account)
        elif self.session is not None:
            self._stanza(self.session, event)
        elif event.ns == ns.TLS and event.name == "starttls":
            self._start_tls()
        elif event.ns == ns.SASL:
            await self._authenticate(event)
        elif self._account is not None and event.name in _STANZAS and event.ns == ns.CLIENT:
            await self._before_bind(self._account, event)
        elif event.name in _STANZAS or (event.ns in _SIGNED_IN and self._account is None):
            raise StreamBroken("not-authorized", "Sign in first.")  # RFC 6120 4.9.3.12
        else:
            raise StreamBroken("unsupported-stanza-type", "This is not understood here.")

    async def _open(self, attrs: Mapping[str, str]) -> None:
        if self._domain:
            raise StreamBroken("policy-violation", "The stream is open already.")
        try:
            domain = JID.parse(attrs.get("to", "")).ascii_domain
        except JIDError:
            domain = ""
        local = bool(domain) and await self._services.directory.is_local(domain)
        if self.over:
            return
        header = {"id": token_hex(12), "version": "1.0", "xml:lang": "en"}
        if domain:
            header["from"] = domain
        self._carrier.send_open(header)
        self._header_sent = True
        if not local:
            raise StreamBroken("host-unknown", "This server does not serve that domain.")
        if attrs.get("version", "").partition(".")[0] != "1":
            raise StreamBroken("unsupported-version", "Version 1.0 is spoken here.")
        self._domain = domain
        self._carrier.send(Element("features", ns.STREAM, None, *self._features()))

    def _features(self) -> list[Element]:
        """What may be negotiated now (RFC 6120 4.3.2)."""
        if not self._carrier.secure:
            return [Element("starttls", ns.TLS, None, Element("required", ns.TLS))]
        if self._account is None:
            self._sasl = Sasl(
                self._services.passwords,
                self._services.directory,
                self._domain,
                self._peer,
                self._carrier.channel_bindings(),
            )
            return list(self._sasl.feature())
        more = (one for feature in self._services.features for one in feature.stream_features)
        return [Element("bind", ns.BIND), *more]

    def _start_tls(self) -> None:
        if self._carrier.secure or not self._carrier.can_start_tls or self._waiting:
            raise StreamBroken("policy-violation", "TLS cannot be started here.")
        self._carrier.send(Element("proceed", ns.TLS))
        self._carrier.start_tls()
        self._restart(self._settings.before_auth)

    def _restart(self, limits: XmlLimits) -> None:
        """Expect a new stream on the same connection (RFC 6120 4.3.3)."""
        self._domain = ""
        self._header_sent = False
        self._carrier.restart(limits)

    async def _authenticate(self, element: Element) -> None:
        if self._sasl is None or self._account is not None:
            raise StreamBroken("policy-violation", "Signing in is not possible now.")
        try:
            answer, account = await self._sasl.step(element)
        except SaslFailure as error:
            self._failed(error)
            return
        if self.over:
            return
        self._carrier.send(answer)
        if account is not None:
            self._account = account
            self.web_session = self._sasl.web_session
            self._sasl = None
            self._restart(self._settings.after_auth)

    def _failed(self, error: SaslFailure) -> None:
        self._log.info(
            "login of {address} failed: {condition}",
            address=error.address, condition=error.condition,
            peer=self._peer, stream=self.id,
        )  # fmt: skip
        self._carrier.send(failure(error))
        self._attempts += 1
        if self._attempts >= self._settings.sasl_attempts:
            raise StreamBroken("policy-violation", "Too many failed attempts.")

    async def _before_bind(self, account: Account, stanza: Element) -> None:
        request = stanza.find("bind", ns.BIND)
        if stanza.name != "iq" or stanza.get("type") != "set" or request is None:
            raise StreamBroken("not-authorized", "Bind a resource first.")  # RFC 6120 7.1
        # The account may have changed since its password was checked.
        current = await self._services.directory.get(account.id)
        if current is None or not current.enabled:
            raise StreamBroken("not-authorized", "The account is gone or disabled.")
        if self.over:
            return
        wanted = request.find("resource")
        name = wanted.text if wanted is not None else None
        self._services.managed.make_room(current)
        early = EarlySink(self)
        try:
            session = self._services.sessions.bind(current, name, early, self.info())
        except StanzaError as error:
            self._carrier.send(reply(stanza, error))
            return
        self.session = session
        await self._bound(session, stanza)
        session.sink = self
        early.release()

    async def _bound(self, session: Session, request: Element) -> None:
        try:
            await self._services.router.bound(session)
        except MailimError as error:
            self.write(reply(request, stanza_error(error)))
            self.close("resource-constraint", error.text)
        if not self.over:
            self._signed_in(session)
            name = Element("jid", ns.BIND, None, str(session.jid))
            self._carrier.send(result(request, [Element("bind", ns.BIND, None, name)]))

    def _signed_in(self, session: Session) -> None:
        self._cancel_deadline()
        self._log.info(
            "{jid} signed in by {protocol}", jid=str(session.jid), protocol=self._protocol,
            peer=self._peer, stream=self.id, session=session.id, resumed=bool(self.managed),
        )  # fmt: skip

    # --- stanzas -----------------------------------------------------------------------------

    def _stanza(self, session: Session, stanza: Element) -> None:
        self._pace.count()
        if stanza.ns != ns.CLIENT or stanza.name not in _STANZAS:
            raise StreamBroken("unsupported-stanza-type", "This is no stanza.")
        self._routing += 1
        routing = self._route(self._services.router.route(session, stanza))
        self._services.begin(routing, "routing a stanza")

    async def _route(self, work: Awaitable[None]) -> None:
        managed = self.managed
        counted = managed.incoming.begin() if managed is not None else None
        try:
            await work
        finally:
            if managed is not None and counted is not None:
                managed.done(counted)
            self._routing -= 1
            self._balance()

    # --- the end -----------------------------------------------------------------------------

    def close(self, condition: str, text: str, extra: Element | None = None) -> None:
        """End the stream with a stream error (RFC 6120 4.9)."""
        if self.over:
            return
        self._log.info(
            "stream ended with {condition}: {text}",
            condition=condition, text=text, peer=self._peer, stream=self.id,
        )  # fmt: skip
        self._finish(condition)
        if not self._header_sent:  # RFC 6120 4.9.1.2
            self._carrier.send_open({"id": token_hex(12), "version": "1.0", "xml:lang": "en"})
        told = Element("text", ns.STREAM_ERRORS, {"xml:lang": "en"}, text)
        below = (told,) if extra is None else (told, extra)
        error = Element("error", ns.STREAM, None, Element(condition, ns.STREAM_ERRORS), *below)
        self._carrier.send(error)
        self._carrier.close()

    def _finish(self, reason: str, *, may_resume: bool = False) -> None:
        if self.over:
            return
        self.over = True
        self._services.open.discard(self)
        self._waiting.clear()
        self._cancel_deadline()
        self._pace.stop()
        self._balance()
        session, self.session = self.session, None
        managed, self.managed = self.managed, None
        if managed is not None and may_resume:
            managed.lost(self, reason)
        elif managed is not None:
            managed.end(reason)
        elif session is not None:
            self._services.begin(self._services.router.unbound(session, reason), "ending a session")

    def _cancel_deadline(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()
