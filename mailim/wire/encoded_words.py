"""Header text: unfolding (RFC 5322 section 2.2.3) and encoded words (RFC 2047).

Linear in the length of the value, whatever stands in it. Like most readers, and against
the letter of RFC 2047, it decodes encoded words in quoted strings and without white space
around them, and joins neighbours of one charset before decoding, since many senders cut
characters in two.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from typing import Final

from mailim.wire.charsets import clean, codec_name, decode

_NFC_PIECE: Final = 1024
_WORD: Final = re.compile(r"=\?([^?*\s]{1,64})(?:\*[^?\s]{0,64})?\?([bBqQ])\?([^?]*+)\?=", re.ASCII)
_FOLD: Final = re.compile(r"[\r\n]+")
_FOLD_RAW: Final = re.compile(rb"[\r\n\x00]+")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]+")


def unfold(raw: bytes, hint: str | None = None) -> str:
    """Give a raw header value as one line of text, encoded words still in place.

    Octets outside ASCII are taken as UTF-8 (RFC 6532), else as `hint`, else guessed.
    """
    line = _FOLD_RAW.sub(b"", raw).strip(b" \t")
    if line.isascii() and b"\x1b" not in line:
        return line.decode("ascii")
    return decode(line, None, hint)[0]


def decode_words(text: str) -> str:
    """Decode the encoded words in unfolded text; unknown charsets stay as they stand.

    The result is in NFC and holds no NUL, no lone surrogate and no line break.
    """
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text
    if "=?" in text:
        text = _decode_words(text)
    text = _FOLD.sub(" ", clean(text))
    if text.isascii():
        return text
    # Ordering combining marks takes quadratic time: long text is normalised piecewise.
    pieces = (text[at : at + _NFC_PIECE] for at in range(0, len(text), _NFC_PIECE))
    return "".join(unicodedata.normalize("NFC", piece) for piece in pieces)


def _decode_words(text: str) -> str:
    pieces: list[str] = []
    pending: list[bytes] = []  # octets of neighbouring words in one charset
    charset = ""
    position = 0
    for word in _WORD.finditer(text):
        between = text[position : word.start()]
        octets = _octets(word[2], word[3]) if codec_name(word[1]) else None
        # White space between two encoded words is not shown (RFC 2047 section 6.2).
        joins = bool(pending) and octets is not None and not between.strip()
        if not (joins and word[1].lower() == charset):
            if pending:
                pieces.append(decode(b"".join(pending), charset)[0])
                pending = []
            if not joins:
                pieces.append(between)
        if octets is None:
            pieces.append(word[0])
        else:
            pending.append(octets)
            charset = word[1].lower()
        position = word.end()
    if pending:
        pieces.append(decode(b"".join(pending), charset)[0])
    pieces.append(text[position:])
    return "".join(pieces)


def _octets(encoding: str, payload: str) -> bytes | None:
    try:
        raw = payload.encode("ascii")
    except UnicodeEncodeError:
        return None
    if encoding in "qQ":
        return binascii.a2b_qp(_FOLD_RAW.sub(b"", raw), header=True)
    digits = _NOT_BASE64.sub(b"", raw)
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
