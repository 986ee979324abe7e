"""MIME entities written (RFC 2045, 2046, 2183, 2231): a tree in, octets and gaps out.

The gaps are where blobs belong: `Gap` names one and how it is to be encoded, so that a large
attachment streams into its place and never stands in memory.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from mailim.wire.compose_encoders import Base64Encoder
from mailim.wire.compose_fields import LONGEST_WORD, check_text, word_field

QUOTED_LINE: Final = 76  # octets of a line of quoted-printable, RFC 2045 6.7
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}")
_PLAIN: Final = re.compile(r"[ -~]{0,60}")
_SECTION: Final = 50  # characters of one RFC 2231 section's value
_ATTRIBUTE: Final = "!#$&+-.^_`|~"  # attribute-char of RFC 2231 section 7


@dataclass(frozen=True, slots=True)
class Gap:
    """Where the octets of a blob belong; `encoding` as `encoder` of compose_encoders takes it."""

    blob: Any
    encoding: str


@dataclass(slots=True)
class Entity:
    """A part to be written: a multipart with `children`, a text, or a blob.

    `fields`: whole header fields besides Content-Type, Content-Disposition and
    Content-Transfer-Encoding. `encoding` is for a blob only.
    """

    content_type: str
    params: Mapping[str, str] = field(default_factory=dict)
    disposition: str | None = None
    disposition_params: Mapping[str, str] = field(default_factory=dict)
    fields: Sequence[bytes] = ()
    children: Sequence[Entity] = ()
    text: str | None = None
    blob: Any = None
    encoding: str = "base64"


def compose(
    fields: Sequence[bytes], entity: Entity, boundary: Callable[[], str]
) -> Iterator[bytes | Gap]:
    """Write a message: its fields, then the entity; gives octets and gaps in order.

    `boundary` gives a new token each time, one that occurs in no part.
    """
    yield b"".join(fields) + b"MIME-Version: 1.0\r\n"
    yield from _written(entity, boundary, top=True)


def _written(entity: Entity, boundary: Callable[[], str], top: bool) -> Iterator[bytes | Gap]:
    if entity.children:
        token = boundary()
        yield _header(entity, {"boundary": token}, "")
        for child in entity.children:
            yield f"\r\n--{token}\r\n".encode("ascii")
            yield from _written(child, boundary, top=False)
        yield f"\r\n--{token}--\r\n".encode("ascii")
    elif entity.text is not None:
        octets, encoding = encoded_text(entity.text, ended=top)
        yield _header(entity, {}, encoding)
        yield octets
    else:
        yield _header(entity, {}, entity.encoding)
        yield Gap(entity.blob, entity.encoding)
        if top:
            yield b"\r\n"


def encoded_text(text: str, ended: bool = False) -> tuple[bytes, str]:
    """Encode text as UTF-8 that needs seven bits only; gives octets and their encoding.

    `ended`: the last line gets a line end if it has none (a message ends with one).
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if ended and not text.endswith("\n"):
        text += "\n"
    raw = text.encode("utf-8")
    longest = max(map(len, raw.split(b"\n")))
    if raw.isascii() and b"\0" not in raw and longest <= LONGEST_WORD:
        return raw.replace(b"\n", b"\r\n"), "7bit"
    quoted = b2a_qp(raw, quotetabs=False, istext=True).replace(b"\n", b"\r\n")
    # RFC 2045 6.7: 76 characters; b2a_qp makes 77 where white space ends a line of that length.
    fits = max(map(len, quoted.split(b"\r\n"))) <= QUOTED_LINE
    if fits and len(quoted) <= len(raw) * 4 // 3 + 100:
        return quoted, "quoted-printable"
    base64 = Base64Encoder()
    octets = base64.feed(raw.replace(b"\n", b"\r\n")) + base64.finish()
    return octets + b"\r\n" * ended, "base64"


def _header(entity: Entity, extra: Mapping[str, str], encoding: str) -> bytes:
    """Write the Content-* fields and the empty line behind them."""
    kind = {**entity.params, **extra}
    fields = [word_field("Content-Type", _with_parameters(entity.content_type, kind))]
    if entity.disposition is not None:
        words = _with_parameters(entity.disposition, entity.disposition_params)
        fields.append(word_field("Content-Disposition", words))
    if encoding:
        fields.append(word_field("Content-Transfer-Encoding", [encoding]))
    return b"".join([*fields, *entity.fields, b"\r\n"])


def _with_parameters(word: str, parameters: Mapping[str, str]) -> list[str]:
    words = [word]
    for name, value in parameters.items():
        words.extend(parameter(name, value))
    return [*(f"{each};" for each in words[:-1]), words[-1]]


def parameter(name: str, value: str) -> list[str]:
    """Write a parameter; a long one, or one beyond ASCII, in sections (RFC 2231)."""
    check_text(value)
    if _TOKEN.fullmatch(value):
        return [f"{name}={value}"]
    # Many readers decode encoded words in quotes: those are written so that none is read there.
    if _PLAIN.fullmatch(value) and "=?" not in value:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return [f'{name}="{escaped}"']
    sections, current = [], "utf-8''"
    for char in value:
        octets = quote(char, safe=_ATTRIBUTE)
        if len(current) + len(octets) > _SECTION:
            sections.append(current)
            current = ""
        current += octets
    sections.append(current)
    if len(sections) == 1:
        return [f"{name}*={current}"]
    return [f"{name}*{place}*={each}" for place, each in enumerate(sections)]
