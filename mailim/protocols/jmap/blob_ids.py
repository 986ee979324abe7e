"""Blob ids: what octets an id stands for (RFC 8620 section 6, RFC 8621 section 4.1.4).

- 64 hexadecimal digits: a stored body, by its SHA-256 (an upload, a message as it came);
- the same, "-" and a part's path: what that part of the message holds, decoded;
- an Email's id: that message with the trace headers put before it. Only where there are
  none is a message's blob id the hash of its body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mailim.interfaces.items import Item
from mailim.wire.jmap_ids import EMAIL, read_id, write_id

_ID: Final = re.compile(r"([0-9a-f]{64})(?:-([0-9.]{1,180}))?")


@dataclass(frozen=True, slots=True)
class BlobId:
    """A blob id taken apart: an item's number, or a body's hash and perhaps a part's path."""

    item: int | None = None
    sha256: bytes = b""
    path: str | None = None


def parse_blob_id(text: str) -> BlobId | None:
    """Take a blob id apart, None if it is none."""
    found = _ID.fullmatch(text)
    if found:
        return BlobId(sha256=bytes.fromhex(found[1]), path=found[2])
    number = read_id(EMAIL, text)
    return None if number is None else BlobId(item=number)


def blob_of_message(item: Item) -> str:
    """Give the blob id of a whole message."""
    return write_id(EMAIL, item.id) if item.prefix else item.sha256.hex()


def blob_of_part(item: Item, path: str) -> str:
    """Give the blob id of what a part holds."""
    return f"{item.sha256.hex()}-{path}"
