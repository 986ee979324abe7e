"""The commands of an SMTP client, taken apart (RFC 5321 4.1.1 and the extensions).

`parse_command` gives a value of one of the classes below, or raises `CommandError` with the
reply such a command gets; a client that makes a mistake may go on. Nothing here knows what
is allowed when: that is the session's.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mailim.wire.future_release import hold_for, hold_until
from mailim.wire.smtp_paths import Path, PathError, parse_path, split_path

_NAME: Final = re.compile(r"[!-~\u0080-\U0010ffff]{1,255}")
_KEYWORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_VALUE: Final = re.compile(r"[!-<>-~\u0080-\U0010ffff]+")
_NUMBER: Final = re.compile(r"[0-9]{1,20}")
_MECHANISM: Final = re.compile(r"[A-Z0-9_-]{1,20}")
_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_MAX_PARAMETERS: Final = 20
_MAX_ENVID: Final = 100  # characters, RFC 3461 4.4
_MAX_ORCPT: Final = 500  # characters, RFC 3461 4.2


class CommandError(ValueError):
    """A command that is not as it should be, with the reply it gets.

    code: reply code; status: enhanced status code (RFC 3463); text: for the client.
    """

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Hello:
    """EHLO (`extended`) or HELO; `name` is what the client calls itself."""

    name: str
    extended: bool


@dataclass(frozen=True, slots=True)
class MailFrom:
    """MAIL FROM; `size` in octets (RFC 1870), `body` 7BIT or 8BITMIME (RFC 6152).

    utf8: SMTPUTF8 (RFC 6531). ret, envid: RFC 3461, "" if not given; ENVID is decoded.
    auth: AUTH= was given (RFC 4954 5); its value is nobody's proof and not kept.
    hold_for, hold_until: RFC 4865, in seconds and as a time in microseconds; at most one.
    """

    path: Path
    size: int | None = None
    body: str = ""
    utf8: bool = False
    ret: str = ""
    envid: str = ""
    auth: bool = False
    hold_for: int | None = None
    hold_until: int | None = None


@dataclass(frozen=True, slots=True)
class RcptTo:
    """RCPT TO; `notify` and `orcpt` as in RFC 3461, empty if not given."""

    path: Path
    notify: tuple[str, ...] = ()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Bdat:
    """BDAT (RFC 3030): so many octets follow at once."""

    octets: int
    last: bool


@dataclass(frozen=True, slots=True, repr=False)
class Auth:
    """AUTH (RFC 4954); `initial` is None without an initial response."""

    mechanism: str
    initial: bytes | None

    def __repr__(self) -> str:
        return f"<Auth {self.mechanism}>"


@dataclass(frozen=True, slots=True)
class Simple:
    """STARTTLS, DATA, RSET, NOOP, VRFY, EXPN, QUIT or HELP."""

    verb: str


Command = Hello | MailFrom | RcptTo | Bdat | Auth | Simple

_ALONE: Final = frozenset({"STARTTLS", "DATA", "RSET", "QUIT"})
_WITH_WORDS: Final = frozenset({"NOOP", "VRFY", "EXPN", "HELP"})


def parse_command(line: bytes) -> Command:
    """Take a command line apart, without its CRLF; raises `CommandError`."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise CommandError(500, "5.5.2", "The command is not UTF-8.") from None
    if any(char < " " or char == "\x7f" for char in text):
        raise CommandError(500, "5.5.2", "The command holds control characters.")
    verb, _, rest = text.rstrip(" ").partition(" ")
    verb = verb.upper()
    if verb in _ALONE:
        if rest.strip():
            raise CommandError(501, "5.5.4", f"{verb} takes no argument.")
        return Simple(verb)
    if verb in _WITH_WORDS:
        return Simple(verb)
    parse = _PARSERS.get(verb)
    if parse is None:
        raise CommandError(500, "5.5.1", "There is no such command here.")
    return parse(rest)


def from_base64(text: bytes | str) -> bytes:
    """Decode a SASL message (RFC 4954 4); "=" is the empty one. Raises `CommandError`."""
    if text in (b"=", "="):
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CommandError(501, "5.5.2", "This is not base64.") from None


def _ehlo(rest: str) -> Hello:
    return Hello(_name(rest), True)


def _helo(rest: str) -> Hello:
    return Hello(_name(rest), False)


def _name(rest: str) -> str:
    # Many clients know no proper name of theirs; what matters is that it is one word.
    if not _NAME.fullmatch(rest):
        raise CommandError(501, "5.5.4", "Say who you are in one word.")
    return rest


def _mail(rest: str) -> MailFrom:
    path, parameters = _path(rest, "FROM:")
    if not path.domain and not path.is_null:
        raise CommandError(501, "5.1.7", "The sender has no domain.")
    values: dict[str, object] = {}
    for keyword, value in parameters.items():
        parse = _MAIL_PARAMETERS.get(keyword)
        if parse is None:
            raise CommandError(555, "5.5.4", f"The parameter {keyword} is not known here.")
        values |= parse(value)
    if "hold_for" in values and "hold_until" in values:
        raise CommandError(501, "5.5.4", "Either HOLDFOR or HOLDUNTIL can be meant.")
    return MailFrom(path, **values)  # type: ignore[arg-type]


def _rcpt(rest: str) -> RcptTo:
    path, parameters = _path(rest, "TO:")
    if path.is_null:
        raise CommandError(501, "5.1.3", "The recipient is missing.")
    values: dict[str, object] = {}
    for keyword, value in parameters.items():
        parse = _RCPT_PARAMETERS.get(keyword)
        if parse is None:
            raise CommandError(555, "5.5.4", f"The parameter {keyword} is not known here.")
        values |= parse(value)
    return RcptTo(path, **values)  # type: ignore[arg-type]


def _path(rest: str, prefix: str) -> tuple[Path, Mapping[str, str]]:
    status = "5.1.7" if prefix == "FROM:" else "5.1.3"
    if rest[: len(prefix)].upper() != prefix:
        raise CommandError(501, "5.5.4", f"{prefix} must follow.")
    try:
        inner, tail = split_path(rest[len(prefix) :])
        path = parse_path(inner)
    except PathError as error:
        raise CommandError(501, status, error.text) from None
    if tail and not tail.startswith(" "):
        raise CommandError(501, "5.5.4", "A blank must stand before the parameters.")
    return path, _parameters(tail)


def _parameters(text: str) -> Mapping[str, str]:
    words = text.split()
    if len(words) > _MAX_PARAMETERS:
        raise CommandError(501, "5.5.4", "Too many parameters.")
    found: dict[str, str] = {}
    for word in words:
        keyword, equals, value = word.partition("=")
        keyword = keyword.upper()
        if not _KEYWORD.fullmatch(keyword) or (equals and not _VALUE.fullmatch(value)):
            raise CommandError(501, "5.5.4", "A parameter is malformed.")
        if keyword in found:
            raise CommandError(501, "5.5.4", f"{keyword} is given twice.")
        found[keyword] = value
    return found


def _size(value: str) -> dict[str, object]:
    if not _NUMBER.fullmatch(value):
        raise CommandError(501, "5.5.4", "SIZE must be a number.")
    return {"size": int(value)}


def _body(value: str) -> dict[str, object]:
    if value.upper() not in ("7BIT", "8BITMIME"):
        raise CommandError(501, "5.5.4", "BODY must be 7BIT or 8BITMIME.")
    return {"body": value.upper()}


def _smtputf8(value: str) -> dict[str, object]:
    if value:
        raise CommandError(501, "5.5.4", "SMTPUTF8 takes no value.")
    return {"utf8": True}


def _ret(value: str) -> dict[str, object]:
    if value.upper() not in ("FULL", "HDRS"):
        raise CommandError(501, "5.5.4", "RET must be FULL or HDRS.")
    return {"ret": value.upper()}


def _envid(value: str) -> dict[str, object]:
    if not value or len(value) > _MAX_ENVID:
        raise CommandError(501, "5.5.4", "ENVID must have 1 to 100 characters.")
    return {"envid": _xtext(value)}


def _auth_parameter(value: str) -> dict[str, object]:
    _xtext(value)
    return {"auth": True}


def _hold_for(value: str) -> dict[str, object]:
    seconds = hold_for(value)
    if seconds is None:
        raise CommandError(501, "5.5.4", "HOLDFOR must be a number of seconds.")
    return {"hold_for": seconds}


def _hold_until(value: str) -> dict[str, object]:
    moment = hold_until(value)
    if moment is None:
        raise CommandError(501, "5.5.4", "HOLDUNTIL must be a date-time of RFC 3339.")
    return {"hold_until": moment}


def _notify(value: str) -> dict[str, object]:
    words = tuple(value.upper().split(","))
    known = {"SUCCESS", "FAILURE", "DELAY"}
    if words != ("NEVER",) and (not set(words) <= known or len(set(words)) != len(words)):
        raise CommandError(501, "5.5.4", "NOTIFY must be NEVER, or SUCCESS, FAILURE, DELAY.")
    return {"notify": words}


def _orcpt(value: str) -> dict[str, object]:
    kind, semicolon, address = value.partition(";")
    if not semicolon or not _KEYWORD.fullmatch(kind) or len(value) > _MAX_ORCPT or not address:
        raise CommandError(501, "5.5.4", "ORCPT must be a type, a semicolon and an address.")
    return {"orcpt": f"{kind.lower()};{_xtext(address)}"}


def _xtext(value: str) -> str:
    """Decode xtext (RFC 3461 4); only printable ASCII may come of it."""
    if not _XTEXT.fullmatch(value):
        raise CommandError(501, "5.5.4", "A parameter is not xtext.")
    decoded = re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), value)
    if any(not " " <= char <= "~" for char in decoded):
        raise CommandError(501, "5.5.4", "A parameter holds what is not printable.")
    return decoded


def _bdat(rest: str) -> Bdat:
    words = rest.split()
    last = len(words) == 2 and words[1].upper() == "LAST"
    if not words or not _NUMBER.fullmatch(words[0]) or len(words) != 1 + last:
        raise CommandError(501, "5.5.4", "BDAT takes a number of octets, and LAST.")
    return Bdat(int(words[0]), last)


def _auth(rest: str) -> Auth:
    words = rest.split(" ")
    mechanism = words[0].upper()
    if not _MECHANISM.fullmatch(mechanism) or len(words) > 2:
        raise CommandError(501, "5.5.4", "AUTH takes a mechanism and an initial response.")
    return Auth(mechanism, from_base64(words[1]) if len(words) == 2 else None)


_Parameter = Callable[[str], dict[str, object]]
_PARSERS: Final[Mapping[str, Callable[[str], Command]]] = {
    "EHLO": _ehlo,
    "HELO": _helo,
    "MAIL": _mail,
    "RCPT": _rcpt,
    "BDAT": _bdat,
    "AUTH": _auth,
}
_MAIL_PARAMETERS: Final[Mapping[str, _Parameter]] = {
    "SIZE": _size,
    "BODY": _body,
    "SMTPUTF8": _smtputf8,
    "RET": _ret,
    "ENVID": _envid,
    "AUTH": _auth_parameter,
    "HOLDFOR": _hold_for,
    "HOLDUNTIL": _hold_until,
}
_RCPT_PARAMETERS: Final[Mapping[str, _Parameter]] = {"NOTIFY": _notify, "ORCPT": _orcpt}
