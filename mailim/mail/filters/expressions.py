"""Regular expressions that cannot hang: RE2, linear in the text whatever the pattern."""

from __future__ import annotations

from typing import Any

import re2

from mailim.mail.filters.limits import PATTERN_OCTETS


class Expression:
    """A pattern that ignores case and is looked for anywhere in a text."""

    def __init__(self, pattern: str) -> None:
        """Raise ValueError for what is no pattern, or none that can be matched in linear time."""
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        options.never_capture = True
        options.max_mem = PATTERN_OCTETS
        try:
            self._compiled: Any = re2.compile(pattern.encode(), options)
        except UnicodeEncodeError:
            raise ValueError("is not valid UTF-8") from None
        except re2.error as error:
            told = error.args[0] if error.args else b""
            text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
            raise ValueError(f"is no regular expression: {text}") from None

    def found_in(self, text: str) -> bool:
        """Tell whether the pattern stands somewhere in the text."""
        return self._compiled.search(text.encode("utf-8", "replace")) is not None


def quoted(text: str) -> str:
    """Give a pattern that stands for this text."""
    escaped: str = re2.escape(text.encode("utf-8", "replace").decode())
    return escaped
