"""From octets and a charset name to text that can be shown, stored and searched.

Names come from strangers, so only those in a closed table reach Python's codecs: a codec
look-up of an unknown name is remembered for ever, and some codecs are not character sets at
all ("idna" and "punycode" take quadratic time). Where a name is missing or untrue, the order is
UTF-8, a hint, a guess of charset-normalizer on at most 64 KB, windows-1252.

All text given out is free of NUL and of lone surrogates.
"""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases
from typing import Final

from charset_normalizer import from_bytes

GUESS_OCTETS: Final = 64 * 1024

_CODECS: Final = frozenset(
    """ascii utf_8 utf_7 utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le
    big5 big5hkscs cp037 cp273 cp437 cp500 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861
    cp862 cp863 cp864 cp865 cp866 cp869 cp874 cp932 cp949 cp950 cp1125 cp1140 cp1250 cp1251
    cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 euc_jp euc_jis_2004 euc_jisx0213 euc_kr
    gb18030 gb2312 gbk hz iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3
    iso2022_jp_ext iso2022_kr iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7
    iso8859_8 iso8859_9 iso8859_10 iso8859_11 iso8859_13 iso8859_14 iso8859_15 iso8859_16
    johab koi8_r koi8_t koi8_u kz1048 latin_1 mac_cyrillic mac_greek mac_iceland mac_latin2
    mac_roman mac_turkish ptcp154 shift_jis shift_jis_2004 shift_jisx0213 tis_620""".split()
)
# Supersets that senders really mean, as the WHATWG Encoding Standard has it.
_MEANT: Final = {
    "latin_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "iso2022_jp": "iso2022_jp_ext",
}
_MORE_NAMES: Final = {
    "unicode_1_1_utf_7": "utf_7",
    "x_unknown": "ascii",
    "unknown_8bit": "ascii",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "ks_c_5601_1987": "cp949",
    "x_sjis": "cp932",
    "windows_31j": "cp932",
    "x_euc_jp": "euc_jp",
    "x_gbk": "gb18030",
    "x_mac_cyrillic": "mac_cyrillic",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
    "ansi_x3_110_1983": "cp1252",
    "cp_850": "cp850",
    "windows_874": "cp874",
    "utf8mb4": "utf_8",
    "default": "ascii",
}
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_SURROGATES: Final = re.compile("[\x00\ud800-\udfff]")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_C1: Final = re.compile(rb"[\x80-\x9f]")


def _table() -> dict[str, str]:
    names = {name: name for name in _CODECS}
    names |= {alias: codec for alias, codec in aliases.items() if codec in _CODECS}
    names |= _MORE_NAMES
    # "iso-8859-15", "iso8859-15" and "iso_8859_15" are one name.
    return {name.replace("_", ""): _MEANT.get(codec, codec) for name, codec in names.items()}


_NAMES: Final = _table()


def without_controls(text: str) -> str:
    """Remove control characters too, for text that stands on one line."""
    return _CONTROLS.sub("", text)


def clean(text: str) -> str:
    """Remove NUL and lone surrogates, which neither databases nor JSON readers take."""
    return _SURROGATES.sub("", text)


def codec_name(charset: str) -> str | None:
    """Give the Python codec for a charset name found in mail, None when it is unknown."""
    return _NAMES.get(_SEPARATORS.sub("", charset[:64].lower()))


def decode(
    raw: bytes,
    charset: str | None,
    hint: str | None = None,
    *,
    cut: bool = False,
    guess: bool = False,
) -> tuple[str, bool]:
    """Decode octets labelled `charset`; the flag tells that the label did not fit.

    Never raises. `hint` is a second charset name to try where the label is of no use; `cut`
    says that the octets end anywhere, perhaps inside a character, which is then dropped.
    `guess` allows the slow guess (milliseconds): for bodies, not for each word of a header.
    """
    codec = codec_name(charset) if charset else "ascii"
    if codec == "ascii" and b"\x1b$" in raw:
        codec = "iso2022_jp_ext"  # COMPAT: Japanese senders without a charset parameter
    if codec is not None:
        try:
            return clean(_strictly(raw, codec, cut)), False
        except (UnicodeError, ValueError):
            pass
    return clean(_unlabelled(raw, codec, hint, cut, guess)), True


def _strictly(raw: bytes, codec: str, cut: bool) -> str:
    if codec == "cp1252" and not _C1.search(raw):
        return raw.decode("latin-1")
    if codec == "utf_8":
        codec = "utf_8_sig"
    if cut:
        return codecs.getincrementaldecoder(codec)().decode(raw)
    return raw.decode(codec)


def _unlabelled(raw: bytes, codec: str | None, hint: str | None, cut: bool, guess: bool) -> str:
    for candidate in ("utf_8", codec_name(hint) if hint else None):
        if candidate is not None and candidate != "ascii":
            try:
                return _strictly(raw, candidate, cut)
            except (UnicodeError, ValueError):
                continue
    if codec is not None and codec != "ascii":
        # The label is known and nearly right: a few octets are broken.
        text = raw.decode(codec, "replace")
        if not guess or text.count("\ufffd") <= 1 + len(text) // 50:
            return text
    guessed = _guess(raw[:GUESS_OCTETS]) if guess else None
    return raw.decode(guessed or "cp1252", "replace")


def _guess(sample: bytes) -> str | None:
    try:
        best = from_bytes(sample, cp_isolation=_GUESSES).best()
    except (UnicodeError, ValueError, LookupError, IndexError, KeyError):
        return None
    return best.encoding if best is not None else None


# What office mail without a true label turns out to be; a shorter list guesses better.
_GUESSES: Final = [
    "utf_8",
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "koi8_r",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
    "iso2022_jp",
]
