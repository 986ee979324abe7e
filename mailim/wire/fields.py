"""The header block of a message or part, split into fields (RFC 5322 section 2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# A line end that is not followed by white space ends a field.
_FIELD_END: Final = re.compile(rb"\r?\n(?![ \t])")
_NAME: Final = re.compile(rb"[!-9;-~]{1,998}+[ \t]*+:")
_NOT_FIELD: Final = re.compile(rb"^(?![ \t]|[!-9;-~]{1,998}+[ \t]*+:)", re.MULTILINE)
_MBOX: Final = re.compile(rb">?From ")


def raw_fields(block: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name, raw value) in order; lines that are no field are passed over.

    The name is as written; the value is what follows the colon, with its folding and
    without the line end of its last line.
    """
    for line in _FIELD_END.split(block):
        found = _NAME.match(line)
        if found:
            yield found[0][:-1].rstrip().decode("ascii"), line[found.end() :]


def header_without_end(data: bytes, position: int, end: int) -> int:
    """Give where a header ends that no blank line ends: at the first line that is no field.

    The header stands at `position`, a leading mbox line is allowed; the place given is at
    most `end`, and `position` itself if there is no header.
    """
    mbox = _MBOX.match(data, position, end)
    if mbox:
        position = data.find(b"\n", position, end) + 1 or end
    found = _NOT_FIELD.search(data, position, end)
    return found.start() if found else end


def begins_with_field(data: bytes, position: int) -> bool:
    """Tell whether a header stands at `position` (a leading mbox line is allowed)."""
    return bool(_NAME.match(data, position) or _MBOX.match(data, position))
