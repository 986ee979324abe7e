"""Paths of SMTP: what stands behind MAIL FROM: and RCPT TO: (RFC 5321 4.1.2, RFC 6531 3.3).

A path is taken apart, never repaired: blanks around the colon that some clients send are
refused, and so is everything that is no Mailbox. Source routes are parsed and dropped, as
RFC 5321 appendix C tells. A quoted local part that needs no quotes loses them, so that one
mailbox has one name (RFC 5321 4.1.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_PATH: Final = 256  # octets with the brackets, RFC 5321 4.5.3.1.3
MAX_LOCAL: Final = 64  # octets, RFC 5321 4.5.3.1.1
MAX_DOMAIN: Final = 255  # octets, RFC 5321 4.5.3.1.2

_WORD: Final = r"A-Za-z0-9_\u00a0-\U0010ffff"  # underscores stand in names people send from
_ATEXT: Final = rf"[{_WORD}!#$%&'*+\-/=?^`{{|}}~]"
_DOT_STRING: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED: Final = re.compile(
    r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e\u00a0-\U0010ffff]|\\[\x20-\x7e])*)"'
)
_LABEL: Final = rf"[{_WORD}](?:[{_WORD}-]*[{_WORD}])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL: Final = re.compile(r"\[[\x21-\x5a\x5e-\x7e]+\]")
_ROUTE: Final = re.compile(rf"@{_LABEL}(?:\.{_LABEL})*(?:,@{_LABEL}(?:\.{_LABEL})*)*:")
_ESCAPE: Final = re.compile(r"\\(.)")


class PathError(ValueError):
    """What was given is no path; `text` says why and shows nothing of it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Path:
    """A mailbox, or the null path (RFC 5321 4.5.5) with both parts empty.

    local: the local part, in quotes if it needs them; its case is the sender's.
    domain: as written; in brackets if `is_literal`; "" for the bare `<Postmaster>`.
    """

    local: str = ""
    domain: str = ""

    @property
    def is_null(self) -> bool:
        """Whether this is `<>`."""
        return not self.local

    @property
    def is_literal(self) -> bool:
        """Whether the domain is an address literal."""
        return self.domain.startswith("[")

    @property
    def is_ascii(self) -> bool:
        """Whether it needs no SMTPUTF8."""
        return self.local.isascii() and self.domain.isascii()

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local


NULL: Final = Path()


def split_path(text: str) -> tuple[str, str]:
    """Give the bracketed path at the beginning of a text, without brackets, and the rest.

    Raises `PathError` if there is none.
    """
    if not text.startswith("<"):
        raise PathError("The address must stand in angle brackets.")
    quoted = False
    place = 1
    while place < len(text):
        char = text[place]
        if quoted and char == "\\":
            place += 1
        elif char == '"':
            quoted = not quoted
        elif char == ">" and not quoted:
            return text[1:place], text[place + 1 :]
        place += 1
    raise PathError("The address has no closing bracket.")


def parse_path(inner: str) -> Path:
    """Take apart what stands between the brackets; raises `PathError`."""
    if not inner:
        return NULL
    if len(inner.encode("utf-8", "surrogatepass")) > MAX_PATH - 2:
        raise PathError("The address is too long.")
    route = _ROUTE.match(inner)
    mailbox = inner[route.end() :] if route else inner
    if mailbox.lower() == "postmaster":
        return Path("postmaster")
    local, at, domain = mailbox.rpartition("@")
    if mailbox.endswith("]") and "@[" in mailbox:
        local, at, domain = mailbox.rpartition("@[")
        domain = f"[{domain}"
    if not at:
        raise PathError("The address has no domain.")
    return Path(_local(local), _domain(domain))


def _local(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    if quoted is None and not _DOT_STRING.fullmatch(text):
        raise PathError("The part before the @ is malformed.")
    if len(text.encode()) > MAX_LOCAL:
        raise PathError("The part before the @ is too long.")
    if quoted is None:
        return text
    plain = _ESCAPE.sub(r"\1", quoted[1])
    if _DOT_STRING.fullmatch(plain):
        return plain
    return '"' + re.sub(r'(["\\])', r"\\\1", plain) + '"'


def _domain(text: str) -> str:
    if not (_DOMAIN.fullmatch(text) or _LITERAL.fullmatch(text)):
        raise PathError("The domain is malformed.")
    if len(text.encode()) > MAX_DOMAIN:
        raise PathError("The domain is too long.")
    return text
