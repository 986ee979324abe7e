"""Addresses as they stand in MAIL and RCPT (RFC 5321 4.1.2, RFC 6531 3.3)."""

from __future__ import annotations

import re
from typing import Final

from mailim.address import MAX_ADDRESS, normal_domain
from mailim.errors import Invalid
from mailim.remote.relay.words import Refused

_LOCAL: Final = re.compile(
    r"""[^\s\x00-\x20\x7f"(),:;<>@\[\\\]]+|"(?:[^"\\\x00-\x1f\x7f\u2028\u2029\x85]|\\[\x20-\x7e])*\""""
)


def domain_of(address: str) -> str:
    """Give the domain of an address as A-labels; raises `Refused` if it has none."""
    try:
        return normal_domain(address.rpartition("@")[2])
    except Invalid:
        raise Refused(f"{address[:80]!r} is not an address.") from None


def path(address: str) -> str:
    """Give "<local@domain>", "<>" for no address; the local part stays as it is.

    Raises `Refused` for what could not stand there, CR and LF above all.
    """
    if not address:
        return "<>"
    local, at, _ = address.rpartition("@")
    if (
        not at
        or not _LOCAL.fullmatch(local)
        or len(address.encode("utf-8", "replace")) > MAX_ADDRESS
    ):
        raise Refused(f"{address[:80]!r} is not an address.")
    return f"<{local}@{domain_of(address)}>"
