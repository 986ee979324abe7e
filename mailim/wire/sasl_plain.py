"""SASL PLAIN (RFC 4616), the server's side without I/O."""

from __future__ import annotations

from typing import Final

from mailim.wire.scram import ScramError

_MESSAGE_BYTES: Final = 4096
_PART_BYTES: Final = 1023


class PlainError(ScramError):
    """The message is no PLAIN message; carries `sasl_condition` and `text` as ScramError."""


def parse_plain(data: bytes) -> tuple[str, str, str]:
    """Return authorization identity (may be empty), user name and password.

    Nothing is prepared (nodeprep, SASLprep): that is the caller's. Whether the first may be
    used by the second is the caller's too, and must be decided on prepared names.
    Raises PlainError: `malformed-request`.
    """
    if len(data) > _MESSAGE_BYTES:
        raise PlainError("malformed-request", "The message is too long.")
    try:
        parts = data.decode().split("\0")
    except UnicodeDecodeError:
        raise PlainError("malformed-request", "The message is not UTF-8.") from None
    if len(parts) != 3:
        raise PlainError("malformed-request", "PLAIN has three parts (RFC 4616 section 2).")
    authzid, authcid, password = parts
    if not authcid or not password:
        raise PlainError("malformed-request", "The user name or the password is empty.")
    if any(len(part.encode()) > _PART_BYTES for part in parts):
        raise PlainError("malformed-request", "A part is too long.")
    return authzid, authcid, password
