"""A scripted SMTP server on 127.0.0.1: takes everything, unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import TestCase


@dataclass
class Taken:
    """A mail as it came."""

    mail: str  # arguments of MAIL
    rcpt: list[str] = field(default_factory=list)
    data: bytes = b""  # dots undone


class Session(LineReceiver):
    """One connection."""

    MAX_LENGTH = 200_000
    server: FakeSmtp

    def connectionMade(self) -> None:
        self.server.sessions.append(self)
        self.server.connections += 1
        self.mails = 0  # begun on this connection
        self.mail: Taken | None = None
        self.in_data = False
        self.answering: Callable[[bytes], str] | None = None
        self.said("CONNECT", "", f"220 {self.server.name} ESMTP")

    def connectionLost(self, reason: Any = None) -> None:
        self.server.sessions.remove(self)

    def lineReceived(self, line: bytes) -> None:
        if self.in_data:
            self.data_line(line)
            return
        if self.answering is not None:
            answering, self.answering = self.answering, None
            self.sendLine(answering(line).encode())
            return
        verb, _, arguments = line.decode().partition(" ")
        self.server.commands.append(line.decode())
        default = getattr(self, f"do_{verb.lower()}", lambda _: "500 5.5.1 what?")
        self.said(verb, arguments, default)

    def said(self, verb: str, arguments: str, default: Any) -> None:
        """Answer as the test wants it, or by default."""
        chosen = self.server.script(verb, arguments)
        if chosen is None:
            chosen = default(arguments) if callable(default) else default
        if chosen == "close":
            self.transport.abortConnection()  # type: ignore[union-attr]
        elif chosen != "silence":
            self.transport.write(chosen.encode() + b"\r\n")  # type: ignore[union-attr]
            if verb == "DATA" and chosen.startswith("354"):
                self.in_data = True
            if verb == "STARTTLS" and chosen.startswith("220"):
                self.transport.startTLS(self.server.tls)  # type: ignore[union-attr]
            if verb == "QUIT":
                self.transport.loseConnection()  # type: ignore[union-attr]

    def do_ehlo(self, arguments: str) -> str:
        offers = [self.server.name, *self.server.offers]
        return "\r\n".join(f"250{' ' if at == len(offers) - 1 else '-'}{each}"
                           for at, each in enumerate(offers))  # fmt: skip

    def do_helo(self, arguments: str) -> str:
        return f"250 {self.server.name}"

    def do_starttls(self, arguments: str) -> str:
        return "220 2.0.0 go ahead"

    def do_mail(self, arguments: str) -> str:
        if self.mail is not None:
            return "503 5.5.1 nested"
        self.mail = Taken(arguments)
        self.mails += 1
        return "250 2.1.0 fine"

    def do_rcpt(self, arguments: str) -> str:
        if self.mail is None:
            return "503 5.5.1 no MAIL"
        self.mail.rcpt.append(arguments.removeprefix("TO:"))
        return "250 2.1.5 fine"

    def do_data(self, arguments: str) -> str:
        return "354 go" if self.mail is not None and self.mail.rcpt else "503 5.5.1 no RCPT"

    def do_rset(self, arguments: str) -> str:
        self.mail = None
        return "250 2.0.0 forgotten"

    def do_quit(self, arguments: str) -> str:
        return "221 2.0.0 bye"

    def do_auth(self, arguments: str) -> str:
        def answer(line: bytes) -> str:
            self.server.commands.append(line.decode())
            return "235 2.7.0 welcome"

        self.answering = answer
        return "334 "

    def data_line(self, line: bytes) -> None:
        assert self.mail is not None
        if line != b".":
            self.mail.data += line.removeprefix(b".") + b"\r\n"
            self.said_in_data()
            return
        self.in_data = False
        mail, self.mail = self.mail, None
        chosen = self.server.script(".", "")
        if chosen is None or chosen.startswith(("2", "close after")):
            self.server.taken.append(mail)
        if chosen == "close after":
            self.transport.abortConnection()  # type: ignore[union-attr]
        elif chosen != "silence":
            self.sendLine((chosen or "250 2.0.0 taken").encode())
        if self.server.mails_each and self.mails >= self.server.mails_each:
            if self.server.farewell:
                self.sendLine(self.server.farewell.encode())
            self.transport.loseConnection()  # type: ignore[union-attr]

    def said_in_data(self) -> None:
        chosen = self.server.script("LINE", "")
        if chosen is not None:
            self.sendLine(chosen.encode())


class FakeSmtp:
    """`script(verb, arguments)` gives a reply, "close", "silence" or None for the default.

    Verbs beside SMTP's: CONNECT, "." for the end of a message, LINE for each line of it.
    """

    def __init__(self, name: str = "mx.example.org", *offers: str) -> None:
        self.name = name
        self.offers = list(offers or ("PIPELINING", "8BITMIME", "SIZE 1000000"))
        self.script: Callable[[str, str], str | None] = lambda verb, arguments: None
        self.tls: Any = None
        self.commands: list[str] = []
        self.taken: list[Taken] = []
        self.sessions: list[Session] = []
        self.connections = 0  # there ever were
        self.mails_each = 0  # behind which a connection is closed; 0: never
        self.farewell = ""  # a reply nobody asked for, said before

    def verbs(self) -> list[str]:
        """Give the verbs of all commands."""
        return [each.split(" ")[0] for each in self.commands]

    def serve(self, case: TestCase, address: str = "127.0.0.1", port: int = 0) -> int:
        """Listen until the end of the test; gives the port."""
        factory: Any = Factory.forProtocol(type("Session", (Session,), {"server": self}))
        factory.noisy = False
        listening: Any = reactor.listenTCP(port, factory, interface=address)
        case.addCleanup(listening.stopListening)
        case.addCleanup(self._close)
        return int(listening.getHost().port)

    def _close(self) -> None:
        for session in tuple(self.sessions):
            session.transport.abortConnection()  # type: ignore[union-attr]
