"""Mail addresses: checking and normalising.

One account has one address, which is its mail address (RFC 5321 4.1.2) and its bare JID
(RFC 6122). Domains are kept as lower-case A-labels (IDNA 2008), local parts in lower case:
two accounts never differ by case alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import idna

from mailim.errors import Invalid

MAX_ADDRESS = 254  # octets, RFC 5321 4.5.3.1.3 less the angle brackets
MAX_LOCAL = 64  # octets, RFC 5321 4.5.3.1.1

_DOT_ATOM = re.compile(
    r"[^\s\x00-\x20\x7f\"(),:;<>@\[\\\].]+(\.[^\s\x00-\x20\x7f\"(),:;<>@\[\\\].]+)*"
)
# RFC 6122 appendix A.5 forbids these in a JID's local part; an account is also a JID.
_NOT_IN_JID = re.compile(r"[\"&'/:<>@]")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """`local@domain`, both normalised."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def normal_domain(text: str) -> str:
    """A domain name as lower-case A-labels without a trailing dot; raises `Invalid`."""
    name = text.strip().rstrip(".").lower()
    if not name or len(name) > 253:
        raise Invalid("not a domain name", "domain")
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise Invalid(f"not a domain name: {text[:80]!r}", "domain") from None


def parse_address(text: str) -> Address:
    """Split and normalise `local@domain`; raises `Invalid` with a text fit for users.

    Quoted local parts and address literals are refused: no account has one.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or not _DOT_ATOM.fullmatch(local):
        raise Invalid(f"not an address: {text[:80]!r}", "address")
    local = local.lower()
    if len(local.encode()) > MAX_LOCAL or len(text.encode()) > MAX_ADDRESS:
        raise Invalid("the address is too long", "address")
    return Address(local, normal_domain(domain))


def parse_account_address(text: str) -> Address:
    """Like `parse_address`, for an address that is to be an account: also a valid JID."""
    address = parse_address(text)
    if _NOT_IN_JID.search(address.local):
        raise Invalid("an account's name may not contain \" & ' / : < > @", "address")
    return address
