"""SASLprep (RFC 4013): the stringprep profile for user names and passwords."""

from __future__ import annotations

import stringprep
from typing import Final
from unicodedata import ucd_3_2_0

_PROHIBITED: Final = (  # RFC 4013 section 2.3
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class PreparationError(ValueError):
    """The text holds what SASLprep does not allow; says what kind, never which text."""


def saslprep(text: str, *, stored: bool) -> str:
    """Return `text` prepared; raises PreparationError.

    `stored` is true for what will be kept, such as a new password: code points that Unicode
    3.2 does not know are then refused (RFC 3454 section 7), because peers with other tables
    might prepare them differently.
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = [
        " " if stringprep.in_table_c12(char) else char
        for char in text
        if not stringprep.in_table_b1(char)
    ]
    prepared = ucd_3_2_0.normalize("NFKC", "".join(mapped))
    for char in prepared:
        if any(prohibits(char) for prohibits in _PROHIBITED):
            raise PreparationError("a control or other prohibited character is in it")
        if stored and stringprep.in_table_a1(char):
            raise PreparationError("a character unknown to Unicode 3.2 (RFC 4013) is in it")
    _check_direction(prepared)
    return prepared


def _check_direction(text: str) -> None:
    """Refuse text that mixes directions (RFC 3454 section 6)."""
    if not any(map(stringprep.in_table_d1, text)):
        return
    if any(map(stringprep.in_table_d2, text)):
        raise PreparationError("it mixes left-to-right and right-to-left characters")
    if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
        raise PreparationError("right-to-left text must begin and end with such characters")
