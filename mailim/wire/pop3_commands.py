"""The commands a POP3 client can give, and the form of their answers.

RFC 1939, 2449 (CAPA), 2595 (STLS), 5034 (AUTH), 6856 (UTF8).
"""

from __future__ import annotations

import base64
import enum
from dataclasses import dataclass


class Form(enum.Enum):
    """The form of a command's positive answer."""

    SINGLE = enum.auto()
    LISTING = enum.auto()
    BODY = enum.auto()
    SASL = enum.auto()


@dataclass(frozen=True, slots=True, repr=False)
class Command:
    """One command; make it with the class methods below. Its `repr` shows no secret."""

    verb: str
    arguments: tuple[str, ...] = ()
    form: Form = Form.SINGLE

    def __repr__(self) -> str:
        hidden = self.verb in ("PASS", "APOP", "AUTH", "USER") and self.arguments
        shown = "…" if hidden else " ".join(self.arguments)
        return f"<{self.verb} {shown}>" if shown else f"<{self.verb}>"

    @classmethod
    def capa(cls) -> Command:
        """List the capabilities (RFC 2449 section 5)."""
        return cls("CAPA", form=Form.LISTING)

    @classmethod
    def stls(cls) -> Command:
        """Begin TLS (RFC 2595 section 4); after its +OK call `Pop3Client.expect_tls`."""
        return cls("STLS")

    @classmethod
    def user(cls, name: str) -> Command:
        """Name the mailbox."""
        return cls("USER", (name,))

    @classmethod
    def password(cls, password: str) -> Command:
        """Give the password (PASS); it may hold spaces."""
        return cls("PASS", (password,))

    @classmethod
    def apop(cls, name: str, digest: str) -> Command:
        """Log in with the MD5 digest of timestamp and password (RFC 1939 section 7)."""
        return cls("APOP", (name, digest))

    @classmethod
    def auth(cls, mechanism: str, initial: bytes | None = None) -> Command:
        """Log in by SASL (RFC 5034), with or without an initial response (raw octets).

        Keep long responses for `Pop3Client.answer`: a command line has 255 octets.
        """
        if initial is None:
            return cls("AUTH", (mechanism,), Form.SASL)
        encoded = base64.b64encode(initial).decode() or "="
        return cls("AUTH", (mechanism, encoded), Form.SASL)

    @classmethod
    def stat(cls) -> Command:
        """Count the messages."""
        return cls("STAT")

    @classmethod
    def list(cls, number: int | None = None) -> Command:
        """Sizes of all messages, or of one (then the reply's text holds the line)."""
        return cls._listing("LIST", number)

    @classmethod
    def uidl(cls, number: int | None = None) -> Command:
        """Unique-ids of all messages, or of one (then the reply's text holds the line)."""
        return cls._listing("UIDL", number)

    @classmethod
    def _listing(cls, verb: str, number: int | None) -> Command:
        if number is None:
            return cls(verb, form=Form.LISTING)
        return cls(verb, (str(number),))

    @classmethod
    def retr(cls, number: int) -> Command:
        """Fetch a message."""
        return cls("RETR", (str(number),), Form.BODY)

    @classmethod
    def top(cls, number: int, lines: int) -> Command:
        """Fetch a message's header and its first lines."""
        return cls("TOP", (str(number), str(lines)), Form.BODY)

    @classmethod
    def dele(cls, number: int) -> Command:
        """Mark a message for deletion; it happens at QUIT."""
        return cls("DELE", (str(number),))

    @classmethod
    def noop(cls) -> Command:
        """Do nothing."""
        return cls("NOOP")

    @classmethod
    def rset(cls) -> Command:
        """Take all deletion marks back."""
        return cls("RSET")

    @classmethod
    def utf8(cls) -> Command:
        """Switch to UTF-8 (RFC 6856)."""
        return cls("UTF8")

    @classmethod
    def quit(cls) -> Command:
        """End the session; only its +OK says that the deletions were done."""
        return cls("QUIT")
