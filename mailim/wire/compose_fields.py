"""Header fields written in the forms of RFC 8621 section 4.1.2, whole, with CRLF, folded.

What comes out is ASCII (RFC 2047 for text), but for addresses and identifiers that have no
other way to be written than UTF-8 (RFC 6532). No value can begin a field of its own: CR, LF
and NUL are refused with `ComposeError`, but for the folding of a raw value.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from mailim.wire.mailboxes import Group, Mailbox

LINE: Final = 76  # characters of a line, where there is a place to break it
LONGEST_WORD: Final = 900  # octets that cannot be broken; RFC 5322 2.1.1 allows lines of 998
_ENCODED: Final = 75  # characters of an encoded word, RFC 2047 section 2
_FRAME: Final = len("=?utf-8?q??=")
_ADDRESS_NAME: Final = len("Resent-Reply-To: ")

_FORBIDDEN: Final = re.compile("[\r\n\x00\ud800-\udfff]")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAME: Final = re.compile(r"[!-9;-~]{1,100}")
_WORDS: Final = re.compile(r" *[^ ]+")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ATOM: Final = r"[^\s\x00-\x20\x7f\"(),:;<>@\[\\\].]+"
_LOCAL: Final = re.compile(rf'{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\\r\n]|\\[^\r\n])*"')
_DOMAIN: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*|\[[^\s\[\]\\<>\"(),;]*\]")
_PLAIN_Q: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_RAW: Final = re.compile(r"(?:[\t\x20-\x7e]|\r\n(?=[\t ]+[!-~]))*")


class ComposeError(ValueError):
    """A value that cannot be written; the text says why, and may be shown."""


def text_field(name: str, text: str) -> bytes:
    """Write an unstructured field (Subject, Comments, …)."""
    check_text(text)
    if _needs_words(text):
        return _folded(name, encoded_words(text, LINE - len(name) - 2))
    return _folded(name, _spaced(text))


def addresses_field(name: str, mailboxes: Sequence[Mailbox]) -> bytes:
    """Write an address list; addresses are not validated, only kept from breaking the list."""
    return groups_field(name, [Group(None, tuple(mailboxes))])


def groups_field(name: str, groups: Sequence[Group]) -> bytes:
    """Write an address list with groups (RFC 5322 section 3.4); none for an empty list."""
    entries: list[list[str]] = []
    for group in groups:
        members = [each for each in map(_mailbox, group.mailboxes) if each]
        if group.name is None:
            entries.extend(members)
        else:
            inside = list(_listed(members)) or [""]
            inside[-1] += ";"
            title = _phrase(group.name) or ['""']
            # RFC 2047 section 5: an encoded word stands apart from what follows it.
            apart = title[-1].startswith("=?")
            entries.append([*([*title, ":"] if apart else _ended(title, ":")), *inside])
    return _folded(name, _listed(entries)) if entries else b""


def ids_field(name: str, ids: Sequence[str]) -> bytes:
    """Write Message-ID, In-Reply-To or References; `ids` stand without angle brackets."""
    return _folded(name, [f"<{_bracketed(each)}>" for each in ids])


def urls_field(name: str, urls: Sequence[str]) -> bytes:
    """Write a list field (RFC 2369)."""
    if not all(each.isascii() for each in urls):
        raise ComposeError("a URL has ASCII only")
    return _folded(name, _listed([[f"<{_bracketed(each)}>"] for each in urls]))


def date_field(name: str, date: datetime) -> bytes:
    """Write a date; its time zone is kept. RFC 5322 section 3.3 knows years from 1900 on."""
    if date.year < 1900:
        raise ComposeError("a year of four digits from 1900 on is needed")
    return _folded(name, [format_datetime(date)])


def raw_field(name: str, value: str) -> bytes:
    """Write what follows the colon as it is given; folding is the only line end allowed."""
    if not _RAW.fullmatch(value):
        raise ComposeError("a raw value is ASCII without controls and folded by CRLF and blanks")
    _check_name(name)
    field = f"{name}:{value}\r\n".encode("ascii")
    if max(map(len, field.split(b"\r\n"))) > 998:
        raise ComposeError("a line of the value is too long")
    return field


def word_field(name: str, words: Sequence[str]) -> bytes:
    """Write words that stand as they are, broken between them where the line gets long."""
    for word in words:
        if _CONTROL.search(word) or not word.isascii():
            raise ComposeError("ASCII without controls is needed")
    return _folded(name, words)


def check_text(text: str) -> None:
    """Raises `ComposeError` for what no header may have, encoded or not."""
    if _FORBIDDEN.search(text):
        raise ComposeError("line ends, NUL and lone surrogates are not allowed")


def encoded_words(text: str, first: int = LINE) -> list[str]:
    """Give text as encoded words (RFC 2047); `first`: room for the first one, in characters."""
    raw = text.encode("utf-8")
    in_q = sum(1 if octet in _PLAIN_Q or octet == 0x20 else 3 for octet in raw)
    in_base64 = in_q * 3 > len(raw) * 4
    room = first if first > _FRAME + 12 else _ENCODED
    words: list[str] = []
    piece, length = b"", 0
    for char in text:
        octets = char.encode("utf-8")
        cost = len(octets) if in_base64 else len(_q(octets))
        fits = (length + cost + 2) // 3 * 4 if in_base64 else length + cost
        if piece and fits > min(room, _ENCODED) - _FRAME:
            words.append(_word(piece, in_base64))
            piece, length, room = b"", 0, _ENCODED
        piece += octets
        length += cost
    return [*words, _word(piece, in_base64)] if piece else words


def _word(octets: bytes, in_base64: bool) -> str:
    if in_base64:
        return f"=?utf-8?b?{b2a_base64(octets, newline=False).decode('ascii')}?="
    return f"=?utf-8?q?{_q(octets)}?="


def _q(octets: bytes) -> str:
    return "".join(
        chr(each) if each in _PLAIN_Q else "_" if each == 0x20 else f"={each:02X}"
        for each in octets
    )


def _needs_words(text: str) -> bool:
    """Tell whether text cannot stand as it is: it would be read as something else."""
    plain = text.isascii() and text.isprintable() and "=?" not in text and text == text.strip()
    return not plain or max(map(len, text.split(" "))) > LONGEST_WORD


def _spaced(text: str) -> list[str]:
    """Cut text at its blanks; of several in a row all but the first stay with the next word."""
    first, *others = _WORDS.findall(text) or [""]
    return [first, *(each[1:] for each in others)]


def _mailbox(mailbox: Mailbox) -> list[str]:
    name = _phrase(mailbox.name or "")
    email, plain = _addr_spec(mailbox.email)
    if not name and not email:
        return []
    return [email] if plain and not name else [*name, f"<{email}>"]


def _phrase(name: str) -> list[str]:
    check_text(name)
    name = name.strip()
    if not name:
        return []
    if _needs_words(name):
        return encoded_words(name, LINE - _ADDRESS_NAME)
    if _ATOMS.fullmatch(name):
        return name.split(" ")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return _spaced(f'"{escaped}"')


def _addr_spec(email: str) -> tuple[str, bool]:
    """Give an address, and whether it may stand without angle brackets.

    What is no address (a draft may hold it, RFC 8621 section 4.6) is put in quotes.
    """
    email = email.strip()
    if _CONTROL.search(email):
        raise ComposeError("an address has no control characters")
    if len(email.encode()) > LONGEST_WORD:
        raise ComposeError("the address is too long")
    local, at, domain = email.rpartition("@")
    if not email or (email.startswith('"') and _LOCAL.fullmatch(email)):
        return email, False
    if not at and _LOCAL.fullmatch(email):
        return email, True
    if at and _DOMAIN.fullmatch(domain):
        plain = _LOCAL.fullmatch(local)
        return (email, True) if plain else (f"{_quoted(local)}@{domain}", True)
    return _quoted(email), False


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _bracketed(text: str) -> str:
    if not text or re.search(r"[\s<>]", text) or _CONTROL.search(text):
        raise ComposeError("no blanks, controls or angle brackets are allowed")
    if len(text.encode()) > LONGEST_WORD:
        raise ComposeError("it is too long")
    return text


def _listed(entries: Sequence[list[str]]) -> Iterator[str]:
    for place, words in enumerate(entries):
        yield from words if place == len(entries) - 1 else _ended(words, ",")


def _ended(words: list[str], mark: str) -> list[str]:
    return [*words[:-1], words[-1] + mark]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ComposeError("that is no name of a header field")


def _folded(name: str, words: Iterable[str]) -> bytes:
    """Put words with blanks between them into lines; a word is never cut."""
    _check_name(name)
    lines: list[str] = []
    line = f"{name}:"
    for word in words:
        if len(line) + 1 + len(word) > LINE and line.strip() and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    return "\r\n".join([*lines, ""]).encode("utf-8")
