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
from mailim.im.errors import StanzaError, answerable, reply, result, stanza_error
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import IReceipt, IStanzaSink, Session, StreamInfo
from mailim.protocols.xmpp.carrier import ICarrier, IConversation
from mailim.protocols.xmpp.sasl import Sasl, SaslFailure, failure
from mailim.protocols.xmpp.services import StreamServices
from mailim.wire import ns
from mailim.wire.jid import JID, JIDError
from mailim.wire.xml import Element, XmlLimits

_BURST = 10  # seconds' worth of stanzas that may come at once
_STANZAS = frozenset({"message", "presence", "iq"})


class _End:
    """Stands in the queue for the peer's closing tag."""


_Event = Mapping[str, str] | Element | _End


class StreamBroken(Exception):
    """The stream has to end with this stream error (RFC 6120 4.9.3)."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text


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
        self._session: Session | None = None
        self._over = False
        self._waiting: deque[_Event] = deque()
        self._working: Deferred[None] | None = None
        self._routing = 0
        self._paused = False
        self._tokens = self._settings.stanzas_per_second * _BURST
        self._refilled = self._since
        self._rate_pause: IDelayedCall | None = None
        services.open.add(self)
        self._deadline: IDelayedCall | None = services.clock.callLater(
            self._settings.login_seconds,
            self._end,
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
        self._end(condition, text)

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        self._finish(reason)

    # --- what the router and the server tell ---------------------------------------------

    @property
    def account(self) -> Account | None:
        """Who this is, once that is proven."""
        return self._account

    def send(self, stanza: Element, receipt: IReceipt | None = None) -> None:
        """Write a stanza."""
        if not self._over:
            self._carrier.send(stanza)
            if receipt is not None:
                receipt.arrived()
        elif receipt is not None:
            self._services.begin(receipt.failed(), "sending a message elsewhere")

    def close(self, condition: str, text: str) -> None:
        """End the stream with a stream error."""
        self._end(condition, text)

    # --- the queue -------------------------------------------------------------------------

    def _take(self, event: _Event) -> None:
        if self._over:
            return
        self._waiting.append(event)
        if self._working is None:
            self._working = spawn(self._work(), f"stream {self.id}")
            if self._working.called:
                self._working = None
        self._balance()

    async def _work(self) -> None:
        try:
            while self._waiting and not self._over:
                await self._one(self._waiting.popleft())
                self._balance()
        except StreamBroken as error:
            self._end(error.condition, error.text)
        except CancelledError:
            raise
        except Exception:
            self._log.failure("stream {stream} of {peer}", stream=self.id, peer=self._peer)
            self._end("internal-server-error", "Something went wrong here.")
        finally:
            self._working = None

    def _balance(self) -> None:
        """Read only as fast as we work, and as the rate allows."""
        full = len(self._waiting) + self._routing >= self._settings.waiting
        stop = not self._over and (full or self._rate_pause is not None)
        if stop and not self._paused:
            self._carrier.pause()
        elif self._paused and not stop:
            self._carrier.resume()
        self._paused = stop

    def _count(self) -> None:
        """Take a token for a stanza; without one, pause until there are some again."""
        now = self._services.clock.seconds()
        rate = self._settings.stanzas_per_second
        self._tokens = min(rate * _BURST, self._tokens + (now - self._refilled) * rate)
        self._refilled = now
        self._tokens -= 1
        if self._tokens < 0 and self._rate_pause is None:
            self._rate_pause = self._services.clock.callLater(
                (1 - self._tokens) / rate, self._rate_over
            )

    def _rate_over(self) -> None:
        self._rate_pause = None
        self._balance()

    # --- negotiation -------------------------------------------------------------------------

    async def _one(self, event: _Event) -> None:
        if isinstance(event, _End):
            self._finish("closed by the client")
            self._carrier.close()
        elif not isinstance(event, Element):
            await self._open(event)
        elif not self._domain:
            raise StreamBroken("not-well-formed", "A stream begins with its header.")
        elif self._session is not None:
            self._stanza(self._session, event)
        elif event.ns == ns.TLS and event.name == "starttls":
            self._start_tls()
        elif event.ns == ns.SASL:
            await self._authenticate(event)
        elif self._account is not None and event.name in _STANZAS and event.ns == ns.CLIENT:
            await self._before_bind(self._account, event)
        elif event.name in _STANZAS or event.ns in (ns.BIND, ns.SESSION):
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
        if self._over:
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
        session = Element("session", ns.SESSION, None, Element("optional", ns.SESSION))
        more = (one for feature in self._services.features for one in feature.stream_features)
        return [Element("bind", ns.BIND), session, *more]

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
            answer, account = await self._sasl_step(self._sasl, element)
        except SaslFailure as error:
            self._failed(error)
            return
        if self._over:
            return
        self._carrier.send(answer)
        if account is not None:
            self._account = account
            self.web_session = self._sasl.web_session
            self._sasl = None
            self._restart(self._settings.after_auth)

    async def _sasl_step(self, sasl: Sasl, element: Element) -> tuple[Element, Account | None]:
        if element.name == "auth":
            return await sasl.auth(element)
        if element.name == "response":
            return await sasl.response(element)
        if element.name == "abort":
            raise SaslFailure("aborted", "The client gave up.")
        raise SaslFailure("malformed-request", "This is no SASL element of a client.")

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
        if self._over:
            return
        wanted = request.find("resource")
        info = StreamInfo(
            self._protocol, self._peer, int(self._since * 1e6), self._carrier.tls_description()
        )
        try:
            session = self._services.sessions.bind(
                current, wanted.text if wanted is not None else None, self, info
            )
        except StanzaError as error:
            self._carrier.send(reply(stanza, error))
            return
        self._session = session
        try:
            await self._services.router.bound(session)
        except MailimError as error:
            self._carrier.send(reply(stanza, stanza_error(error)))
            raise StreamBroken("resource-constraint", error.text) from None
        if self._over:
            return
        self._cancel_deadline()
        self._log.info(
            "{jid} signed in by {protocol}",
            jid=str(session.jid), protocol=self._protocol,
            peer=self._peer, stream=self.id, session=session.id,
        )  # fmt: skip
        name = Element("jid", ns.BIND, None, str(session.jid))
        self._carrier.send(result(stanza, [Element("bind", ns.BIND, None, name)]))

    # --- stanzas -----------------------------------------------------------------------------

    def _stanza(self, session: Session, stanza: Element) -> None:
        self._count()
        if stanza.ns != ns.CLIENT or stanza.name not in _STANZAS:
            raise StreamBroken("unsupported-stanza-type", "This is no stanza.")
        if stanza.name == "iq" and stanza.find("session", ns.SESSION) is not None:
            # RFC 3921's session is optional since RFC 6121 and answered for old clients.
            if answerable(stanza):
                self._carrier.send(result(stanza))
            return
        self._routing += 1
        routing = self._route(self._services.router.route(session, stanza))
        self._services.begin(routing, "routing a stanza")

    async def _route(self, work: Awaitable[None]) -> None:
        try:
            await work
        finally:
            self._routing -= 1
            self._balance()

    # --- the end -----------------------------------------------------------------------------

    def _end(self, condition: str, text: str) -> None:
        if self._over:
            return
        self._log.info(
            "stream ended with {condition}: {text}",
            condition=condition, text=text, peer=self._peer, stream=self.id,
        )  # fmt: skip
        self._finish(condition)
        if not self._header_sent:  # RFC 6120 4.9.1.2
            self._carrier.send_open({"id": token_hex(12), "version": "1.0", "xml:lang": "en"})
        told = Element("text", ns.STREAM_ERRORS, {"xml:lang": "en"}, text)
        error = Element("error", ns.STREAM, None, Element(condition, ns.STREAM_ERRORS), told)
        self._carrier.send(error)
        self._carrier.close()

    def _finish(self, reason: str) -> None:
        if self._over:
            return
        self._over = True
        self._services.open.discard(self)
        self._waiting.clear()
        self._cancel_deadline()
        if self._rate_pause is not None:
            self._rate_pause.cancel()
            self._rate_pause = None
        self._balance()
        session, self._session = self._session, None
        if session is not None:
            self._services.begin(self._services.router.unbound(session, reason), "ending a session")

    def _cancel_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
