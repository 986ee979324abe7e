"""A POP3 server on loopback that behaves, until a test makes it misbehave.

    server = Pop3Server(Mailbox([b"Subject: one\\r\\n\\r\\nHi\\r\\n"]))
    port = server.listen(case)
    server.acts["UIDL"] = lambda session, argument: session.say("-ERR what?")

The mailbox stands outside of the server and keeps its state whatever becomes of sessions:
messages marked with DELE go at QUIT only (RFC 1939 section 6). An act replaces what the
server does at a command, "greeting" being the first of them; it may be an `async def`.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from OpenSSL import crypto
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions, KeyPair, PrivateCertificate
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

Act = Callable[["Session", str], Awaitable[None] | None]
CAPABILITIES = ("TOP", "UIDL", "USER", "SASL PLAIN", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE")


@dataclass
class Mail:
    """A message in the mailbox; its UIDL, its octets, and what LIST says of its size."""

    uidl: str
    data: bytes
    size: int | None = None

    @property
    def announced(self) -> int:
        return len(self.data) if self.size is None else self.size


@dataclass
class Mailbox:
    """What is in a box, and what was done with it."""

    mails: list[Mail] = field(default_factory=list)
    logins: int = 0
    retrieved: Counter[str] = field(default_factory=Counter)  # whole RETRs, by UIDL
    deleted: list[str] = field(default_factory=list)
    open: int = 0
    most_open: int = 0  # sessions at once
    _next: int = 0

    def add(self, *messages: bytes) -> list[Mail]:
        """Put messages in; each gets a UIDL never used before."""
        added = []
        for data in messages:
            self._next += 1
            added.append(Mail(f"u{self._next:06d}", data))
        self.mails += added
        return added


def mailbox(*messages: bytes) -> Mailbox:
    """Give a mailbox with these messages."""
    box = Mailbox()
    box.add(*messages)
    return box


class Session(Protocol):
    """One connection."""

    def __init__(self, server: Pop3Server) -> None:
        self.server = server
        self.box = server.mailbox
        self.user = ""
        self.mails: list[Mail] = []  # as the session sees them
        self.marked: list[Mail] = []
        self.inside = False
        self.secure = server.tls
        self._buffer = b""
        self._turn: Deferred[None] | None = None
        self._sasl = False
        self.lost = False
        self._dropped = False

    @property
    def wire(self) -> Any:
        return self.transport

    # --- what acts use -------------------------------------------------------------------

    def say(self, *lines: str) -> None:
        """Send lines."""
        self.send("".join(f"{line}\r\n" for line in lines).encode())

    def send(self, data: bytes) -> None:
        """Send octets."""
        if not self.lost:
            self.wire.write(data)

    def listing(self, lines: Iterable[str], text: str = "+OK") -> None:
        """Send a reply of several lines."""
        self.say(text, *lines, ".")

    def body(self, data: bytes, text: str = "+OK") -> None:
        """Send a message."""
        self.send(f"{text}\r\n".encode() + stuffed(data))

    def mail(self, argument: str) -> Mail | None:
        """Give the message with a number."""
        number = int(argument) if argument.isdigit() else 0
        found = self.mails[number - 1] if 0 < number <= len(self.mails) else None
        return None if found in self.marked else found

    def drop(self) -> None:
        """Close the connection after what was sent; hear nothing more."""
        self._dropped = True
        self.wire.loseConnection()

    def cut(self) -> None:
        """Close it at once: RST, and nothing of TLS."""
        self.wire.abortConnection()

    async def trickle(self, data: bytes, seconds: float) -> None:
        """Send one octet after the other, until the client has enough."""
        for place in range(len(data)):
            if self.lost:
                return
            self.send(data[place : place + 1])
            await deferLater(reactor, seconds)

    # --- commands in order ---------------------------------------------------------------

    def connectionMade(self) -> None:
        self.server.sessions.append(self)
        self._act("greeting", "", lambda: self.say("+OK fake server <1.2@fake.example>"))

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while not (self._turn or self.lost or self._dropped) and b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            self._command(line.rstrip(b"\r").decode("utf-8", "replace"))

    def _command(self, line: str) -> None:
        if self._sasl:
            self._sasl = False
            words = base64.b64decode(line).decode().split("\0") if line != "*" else []
            self._log_in(*words[1:]) if len(words) == 3 else self.say("-ERR cancelled")
            return
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        self.server.heard.append(line)
        usual = getattr(self, f"do_{verb}", lambda _: self.say("-ERR unknown command"))
        self._act(verb, argument, lambda: usual(argument))

    def _act(self, verb: str, argument: str, usual: Callable[[], None]) -> None:
        act = self.server.acts.get(verb)
        if act is None:
            usual()
            return
        result = act(self, argument)
        if result is not None:
            self._turn = Deferred.fromCoroutine(result)  # type: ignore[arg-type]
            self._turn.addBoth(self._acted)

    def _acted(self, result: object) -> None:
        self._turn = None
        if isinstance(result, Failure) and not result.check(CancelledError):
            self.server.errors.append(result)
        self._go_on()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        if self._turn is not None:
            self._turn.cancel()
        self.server.ends.append(reason.check(ConnectionDone) is not None)
        if self.inside:
            self.inside = False
            self.box.open -= 1
        gone, self.server.gone = self.server.gone, []
        for each in gone:
            each.callback(None)

    # --- what a server does --------------------------------------------------------------

    def do_CAPA(self, _: str) -> None:
        stls = [] if self.secure or self.server.options is None else ["STLS"]
        self.listing([*self.server.capabilities, *stls])

    def do_STLS(self, _: str) -> None:
        if self.server.options is None or self.secure:
            self.say("-ERR no TLS here")
            return
        self.say("+OK begin TLS")
        self.start_tls()

    def start_tls(self) -> None:
        self.secure = True
        self.wire.startTLS(self.server.options)

    def do_USER(self, name: str) -> None:
        self.user = name
        self.say("+OK")

    def do_PASS(self, password: str) -> None:
        self._log_in(self.user, password)

    def do_AUTH(self, mechanism: str) -> None:
        self._sasl = True
        self.say("+ ")

    def _log_in(self, user: str, password: str) -> None:
        self.server.secure_logins.append(self.secure)
        if (user, password) != (self.server.user, self.server.password):
            self.say("-ERR [AUTH] wrong name or password")
            return
        self.enter()
        self.say("+OK welcome")

    def enter(self) -> None:
        """Take the mailbox as it is now."""
        self.inside = True
        self.mails = list(self.box.mails)
        self.box.logins += 1
        self.box.open += 1
        self.box.most_open = max(self.box.most_open, self.box.open)

    def do_STAT(self, _: str) -> None:
        self.say(f"+OK {len(self.mails)} {sum(mail.announced for mail in self.mails)}")

    def do_LIST(self, _: str) -> None:
        self.listing(f"{n} {mail.announced}" for n, mail in enumerate(self.mails, 1))

    def do_UIDL(self, _: str) -> None:
        self.listing(f"{n} {mail.uidl}" for n, mail in enumerate(self.mails, 1))

    def do_RETR(self, argument: str) -> None:
        mail = self.mail(argument)
        if mail is None:
            self.say("-ERR no such message")
            return
        self.box.retrieved[mail.uidl] += 1
        self.body(mail.data)

    def do_DELE(self, argument: str) -> None:
        mail = self.mail(argument)
        if mail is None:
            self.say("-ERR no such message")
            return
        self.marked.append(mail)
        self.say("+OK")

    def do_NOOP(self, _: str) -> None:
        self.say("+OK")

    def do_QUIT(self, _: str) -> None:
        self.update()
        self.say("+OK bye")
        self.drop()

    def update(self) -> None:
        """Delete what was marked (RFC 1939 6)."""
        for mail in self.marked:
            self.box.mails.remove(mail)
            self.box.deleted.append(mail.uidl)
        self.marked = []


class Pop3Server(Factory):
    """Serves one mailbox; `tls`: from the start, otherwise `certificate` allows STLS."""

    noisy = False

    def __init__(
        self,
        box: Mailbox,
        *,
        tls: bool = False,
        certificate: tuple[bytes, bytes] | None = None,
        user: str = "kate",
        password: str = "secret",
    ) -> None:
        self.mailbox = box
        self.tls = tls
        self.options = None if certificate is None else server_options(certificate)
        self.user = user
        self.password = password
        self.capabilities: tuple[str, ...] = CAPABILITIES
        self.acts: dict[str, Act] = {}
        self.sessions: list[Session] = []
        self.heard: list[str] = []  # commands
        self.secure_logins: list[bool] = []
        self.ends: list[bool] = []  # of connections: whether closed properly
        self.errors: list[Failure] = []  # of acts
        self.gone: list[Deferred[None]] = []
        self.port = 0

    def buildProtocol(self, addr: IAddress | None) -> Session:
        return Session(self)

    def listen(self, case: SynchronousTestCase) -> int:
        """Listen on a free port of 127.0.0.1 until the test is over."""
        options: Any = self.options
        factory: Any = TLSMemoryBIOFactory(options, False, self) if self.tls else self
        listener: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.port = listener.getHost().port
        case.addCleanup(self.stop, listener)
        return self.port

    async def stop(self, listener: Any) -> None:
        """Stop listening; end what is open."""
        await listener.stopListening()
        for session in self.sessions:
            while not session.lost:
                gone: Deferred[None] = Deferred()
                self.gone.append(gone)
                session.cut()
                await gone
        if self.errors:
            self.errors[0].raiseException()


def server_options(certificate: tuple[bytes, bytes]) -> Any:
    """Give what startTLS takes, from PEM."""
    pair = PrivateCertificate.loadPEM(certificate[1] + certificate[0])
    key = KeyPair.load(certificate[1], crypto.FILETYPE_PEM)
    return CertificateOptions(privateKey=key.original, certificate=pair.original)


def stuffed(data: bytes) -> bytes:
    """Give a message as RETR sends it (RFC 1939 3), its end included."""
    text = data if data.endswith(b"\r\n") or not data else data + b"\r\n"
    return (b"\r\n" + text).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
