"""Structured MIME header values: Content-Type, Content-Disposition and their parameters.

RFC 2045 section 5.1, RFC 2183, RFC 2231 (continuations, charsets), with the tolerance real
mail needs: unquoted values with spaces, encoded words in quotes, missing semicolons' spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from mailim.wire.charsets import clean, decode, without_controls
from mailim.wire.encoded_words import decode_words

MAX_PARAMETERS: Final = 256
MAX_FILENAME: Final = 255  # characters

_TYPE: Final = re.compile(
    r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,127})\s*/\s*([!#$%&'*+.^_`|~\w-]{1,127})", re.ASCII
)
_TOKEN: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,127})")
_PARAMETER: Final = re.compile(
    r'([^\s=;"]{1,127}+)\s*+=\s*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"?|([^;]*+))', re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_SECTION: Final = re.compile(r"([^*]+)(?:\*([0-9]{1,4}))?(\*)?")


def content_type(value: str) -> tuple[str, dict[str, str]] | None:
    """Split an unfolded Content-Type into "type/subtype" and parameters, None if it is none."""
    found = _TYPE.match(value)
    if not found:
        return None
    return f"{found[1]}/{found[2]}".lower(), parameters(value, found.end())


def disposition(value: str) -> tuple[str | None, dict[str, str]]:
    """Split an unfolded Content-Disposition into its lower-case word and parameters."""
    found = _TOKEN.match(value)
    if not found:
        return None, parameters(value, 0)
    return found[1].lower(), parameters(value, found.end())


def token(value: str) -> str | None:
    """Give the first word of a value in lower case, as in Content-Transfer-Encoding."""
    found = _TOKEN.match(value)
    return found[1].lower() if found else None


def parameters(value: str, position: int) -> dict[str, str]:
    """Read `; name=value` from `position` on; RFC 2231 forms are joined and decoded."""
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bool, str]]] = {}
    for found in _each(value, position):
        if found[2] is not None:
            text = _ESCAPE.sub(r"\1", found[2])
        else:
            text = _without_comment(found[3].strip())
        name = found[1].lower()
        section = _SECTION.fullmatch(name) if "*" in name else None
        if section:
            number = int(section[2] or 0)
            sections.setdefault(section[1], {}).setdefault(number, (bool(section[3]), text))
        else:
            # A boundary is compared with octets of the body: nothing in it is decoded.
            plain.setdefault(
                name, text if name == "boundary" else without_controls(decode_words(text))
            )
    # Where both forms are given, the extended one is the truer (RFC 6266 section 4.3).
    return plain | {name: _join(parts) for name, parts in sections.items()}


def _each(value: str, position: int) -> Iterator[re.Match[str]]:
    for _ in range(MAX_PARAMETERS):
        position = value.find(";", position)
        if position < 0:
            return
        while position < len(value) and (value[position] == ";" or value[position].isspace()):
            position += 1
        found = _PARAMETER.match(value, position)
        if found:
            yield found
            position = found.end()


def _without_comment(text: str) -> str:
    opening = text.rfind("(") if text.endswith(")") else -1
    return text[:opening].rstrip() if opening > 0 and text[opening - 1].isspace() else text


def _join(parts: dict[int, tuple[bool, str]]) -> str:
    charset = None
    octets: list[bytes] = []
    for number in sorted(parts):
        encoded, text = parts[number]
        if encoded and number == min(parts) and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        raw = text.encode("utf-8", "surrogatepass")
        octets.append(unquote_to_bytes(raw) if encoded else raw)
    return without_controls(decode(b"".join(octets), charset or "utf-8")[0])


def safe_filename(name: str | None) -> str | None:
    """Give the last component of a name from a stranger, without control characters.

    None when nothing usable is left. Separators of every system count, so that the name
    never leads out of a directory; the caller still has to avoid existing files.
    """
    if not name:
        return None
    last = re.split(r"[/\\]", clean(name)[:4096])[-1]
    shown = "".join(char for char in last if char.isprintable()).strip()
    if not shown.strip(". "):
        return None
    if len(shown) > MAX_FILENAME:
        stem, dot, suffix = shown.rpartition(".")
        keep = f"{dot}{suffix}" if dot and len(suffix) <= 16 else ""
        shown = (stem if keep else shown)[: MAX_FILENAME - len(keep)] + keep
    return shown
