"""XMPP addresses (RFC 6122): `local@domain/resource`, prepared with stringprep.

RFC 7622 (PRECIS) is not used: on one network with stringprep peers the two disagree about
which addresses are equal. Plain ASCII takes a regular expression, anything else Twisted's
nodeprep, nameprep and resourceprep; a bounded cache stands before both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from encodings import idna
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from twisted.words.protocols.jabber.xmpp_stringprep import nameprep, nodeprep, resourceprep

# RFC 6122 sections 2.2 to 2.4: bytes of one part. More than three of them plus the two
# separators cannot be an address, whatever stringprep would make of it; what it removes
# (table B.1) is not worth the work.
PART_BYTES: Final = 1023
_TEXT_CHARACTERS: Final = 3 * PART_BYTES + 2
# A domain name has at most 253 octets as A-labels (RFC 1035 section 2.3.4), so no more
# characters either; a trailing dot is dropped.
_DOMAIN_CHARACTERS: Final = 253
_CACHED_ADDRESSES: Final = 2048
# Longer addresses are rare and would let strangers fill the cache with megabytes.
_CACHED_CHARACTERS: Final = 128

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# What all three profiles leave as it is.
_PLAIN = re.compile(
    r"(?:([a-z0-9!#$%()*+,\-.;=?\[\\\]^_`{|}~]{1,1023})@)?"
    rf"(?=[^/]{{1,253}}(?:/|\Z))({_LABEL}(?:\.{_LABEL})*)"
    r"(?:/([\x20-\x7e]{1,1023}))?"
)


class JIDError(ValueError):
    """The text is no XMPP address (stanza error `jid-malformed`, RFC 6120 section 8.3.3.8)."""


@dataclass(frozen=True, slots=True, order=True)
class JID:
    """An XMPP address whose parts are prepared; an absent part is the empty string.

    `JID.parse` makes one from text. The constructor takes parts that are prepared already
    (those of another JID, for instance) and checks nothing.
    """

    local: str
    domain: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> JID:
        """Parse and prepare an address; raises JIDError when it is none."""
        if len(text) <= _CACHED_CHARACTERS:
            return _parse_cached(text)
        return _parse(text)

    @classmethod
    def from_parts(cls, local: str, domain: str, resource: str = "") -> JID:
        """Make an address of parts that are still to be prepared; raises JIDError."""
        if max(len(local), len(domain), len(resource)) > PART_BYTES:
            raise JIDError("a part of the address is too long")
        return cls(
            _prepare_local(local) if local else "",
            _prepare_domain(domain),
            _prepare_resource(resource) if resource else "",
        )

    @property
    def bare(self) -> JID:
        """This address without its resource."""
        return JID(self.local, self.domain, "") if self.resource else self

    @property
    def is_bare(self) -> bool:
        """True when there is no resource."""
        return not self.resource

    @property
    def ascii_domain(self) -> str:
        """The domain as lower-case A-labels, as DNS, certificates and accounts have it."""
        if self.domain.isascii():
            return self.domain
        return b".".join(map(idna.ToASCII, self.domain.split("."))).decode("ascii")

    def with_resource(self, resource: str) -> JID:
        """Return this address with another resource, which is prepared; raises JIDError.

        The empty string gives the bare address.
        """
        if len(resource) > PART_BYTES:
            raise JIDError("the resource is too long")
        return JID(self.local, self.domain, _prepare_resource(resource) if resource else "")

    def __str__(self) -> str:
        text = f"{self.local}@{self.domain}" if self.local else self.domain
        return f"{text}/{self.resource}" if self.resource else text


def _parse(text: str) -> JID:
    plain = _PLAIN.fullmatch(text)
    if plain is None and text.isascii():
        # Both profiles of the bare address only change the case of ASCII.
        bare, slash, rest = text.partition("/")
        plain = _PLAIN.fullmatch(f"{bare.lower()}{slash}{rest}")
    if plain:
        local, domain, resource = plain.groups("")
        return JID(local, domain, resource)
    if len(text) > _TEXT_CHARACTERS:
        raise JIDError("the address is too long")
    # The resource may hold both separators, the local part neither (RFC 6122 section 2.1).
    rest, slash, resource = text.partition("/")
    local, at, domain = rest.rpartition("@")
    if (at and not local) or (slash and not resource):
        raise JIDError("a part of the address is empty")
    return JID.from_parts(local, domain, resource)


_parse_cached = lru_cache(_CACHED_ADDRESSES)(_parse)


def _prepare_local(text: str) -> str:
    try:
        local = nodeprep.prepare(text)
    except UnicodeError as error:
        raise JIDError("the local part holds a character it must not") from error
    return _bounded(local, "local part")


def _prepare_resource(text: str) -> str:
    try:
        resource = resourceprep.prepare(text)
    except UnicodeError as error:
        raise JIDError("the resource holds a character it must not") from error
    return _bounded(resource, "resource")


def _prepare_domain(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        if "%" in text:
            raise JIDError("the domain names a network interface")
        try:
            return f"[{IPv6Address(text[1:-1]).compressed}]"
        except AddressValueError as error:
            raise JIDError("the domain is no IPv6 address") from error
    if len(text.removesuffix(".")) > _DOMAIN_CHARACTERS:
        raise JIDError("the domain is too long")
    try:
        # IndexError: nameprep meets an empty label. It also refuses a label that becomes
        # several by normalisation (U+2024).
        domain = nameprep.prepare(text)
        domain = domain.removesuffix(".")
        # ToASCII: 1 to 63 octets as A-label, RFC 3490 section 4.1
        octets = sum(len(idna.ToASCII(label)) + 1 for label in domain.split("."))
    except (UnicodeError, IndexError) as error:
        raise JIDError("the domain is not a domain name") from error
    if octets - 1 > _DOMAIN_CHARACTERS:
        raise JIDError("the domain is too long")
    return str(domain)


def _bounded(part: str, name: str) -> str:
    if not part:
        raise JIDError(f"the {name} is empty")
    if len(part.encode()) > PART_BYTES:
        raise JIDError(f"the {name} is too long")
    return part
