"""Which hosts take mail for a domain (RFC 5321 5.1, RFC 7505), and where they are."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import TimeoutError
from twisted.names import dns
from twisted.names.error import DNSNameError, DomainError

from mailim.remote.relay.words import Delayed, HostFailed, Refused

MOST_HOSTS: Final = 10  # of one domain that are tried (RFC 5321 5.1 asks for two at least)
MOST_ADDRESSES: Final = 6  # of one host
_PATIENCE: Final = (2, 5, 10)  # seconds for the first question, the second, the third


class Exchangers:
    """Asks the DNS.

    resolver: an `IResolver`; own_name: how we call ourselves; random: numbers in [0, 1).
    """

    def __init__(self, resolver: Any, own_name: str, random: Callable[[], float]) -> None:
        self._resolver = resolver
        self._own_name = own_name.lower().rstrip(".")
        self._random = random

    async def hosts(self, domain: str) -> tuple[str, ...]:
        """Give the hosts that take a domain's mail, the preferred first.

        Raises `Refused` (no such domain, no mail wanted, we would be sending to ourselves),
        `Delayed` (the DNS does not answer).
        """
        records = await self._ask(self._resolver.lookupMailExchange, domain, dns.MX)
        if records is None:
            raise Refused(f"There is no domain {domain}.")
        found = [(one.preference, self._random(), _name(one.name)) for one in records]
        if any(not name for _, _, name in found):  # RFC 7505 3
            raise Refused(f"{domain} does not take mail.")
        if not found:
            found = [(0, 0.0, domain)]  # RFC 5321 5.1: the implicit MX
        ours = min((rank for rank, _, name in found if name == self._own_name), default=None)
        # RFC 5321 5.1: what is preferred no more than we are would send it back to us.
        usable = sorted(one for one in found if ours is None or one[0] < ours)
        if not usable:
            raise Refused(f"Mail for {domain} would come back to this server.")
        return tuple(dict.fromkeys(name for _, _, name in usable))[:MOST_HOSTS]

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Give a host's addresses, IPv4 first; raises `HostFailed` if the DNS fails."""
        found: list[str] = []
        trouble: Delayed | None = None
        for look_up, kind in (
            (self._resolver.lookupAddress, dns.A),
            (self._resolver.lookupIPV6Address, dns.AAAA),
        ):
            try:
                records = await self._ask(look_up, host, kind)
            except Delayed as error:
                trouble = error
                continue
            found += [str(ipaddress.ip_address(each.address)) for each in records or ()]
        if not found and trouble is not None:
            raise HostFailed(trouble.text)
        return tuple(dict.fromkeys(found))[:MOST_ADDRESSES]

    async def _ask(self, look_up: Any, name: str, kind: int) -> list[Any] | None:
        """Give the payloads of one type; None: there is no such name."""
        try:
            answers, _, _ = await look_up(name, timeout=_PATIENCE)
        except DNSNameError:
            return None
        except (DomainError, TimeoutError, OSError) as error:
            raise Delayed(
                f"The DNS gives no answer about {name} ({type(error).__name__})."
            ) from None
        return [each.payload for each in answers if each.type == kind]


def _name(name: dns.Name) -> str:
    """Give a name as text, in lower case, "" for the root."""
    return bytes(name.name).decode("ascii", "replace").lower().rstrip(".")


def name_servers(resolv_conf: str) -> tuple[tuple[str, int], ...]:
    """Read the servers out of a resolv.conf(5); this machine's own if it names none."""
    found = []
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            found.append((words[1], dns.PORT))
    return tuple(found) or (("127.0.0.1", dns.PORT),)
