"""How often somebody may fail to log in; one for all protocols.

Failures are counted in token buckets: a bucket holds `capacity` failures and forgets them
evenly over `window` seconds, so after the last allowed failure one more is allowed every
`window / capacity` seconds. A bucket is one number, the moment it will be empty.

Three kinds of buckets:

- per account, from networks the account never logged in from (guessing one account from many
  places);
- per network, likewise (guessing many accounts from one place); a network is an IPv4 address
  or an IPv6 /64;
- per account *and* network, for networks the account did log in from. Such a login looks at
  no other bucket: whoever attacks an account, or shares its office's address, cannot lock the
  owner out of where he works.

Everything is in memory and bounded; of too many entries the one unused longest is forgotten.
After a restart all networks are unknown again.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv4Address, IPv6Address, ip_address

from twisted.internet.interfaces import IReactorTime

from mailim.errors import RateLimited

_TEXT = "too many failed logins; try again later"


class LoginLimiter:
    """Counts failed logins per account and per network.

    clock: an IReactorTime.
    per_account, per_peer: failures a bucket holds.
    window: seconds after which a failure is forgotten.
    max_entries: numbers kept per kind of bucket, and of account-and-network pairs known to be
        good.

    Addresses are normalised by the caller; they need not exist. `peer` is an IP address as
    text; anything else counts as a network of that name.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        per_account: int = 10,
        per_peer: int = 50,
        window: float = 900.0,
        max_entries: int = 8192,
    ) -> None:
        self._clock = clock
        self._accounts = _Buckets(per_account, window, max_entries)
        self._networks = _Buckets(per_peer, window, max_entries)
        self._pairs = _Buckets(per_account, window, max_entries)
        self._good: OrderedDict[int, None] = OrderedDict()
        self._max_entries = max_entries

    def check(self, address: str, peer: str) -> None:
        """Raises `RateLimited` if this login may not be tried now."""
        now = self._clock.seconds()
        wait = max(buckets.wait(key, now) for buckets, key in self._places(address, peer))
        if wait > 0:
            raise RateLimited(_TEXT, wait)

    def failed(self, address: str, peer: str) -> None:
        """Count a failure."""
        now = self._clock.seconds()
        for buckets, key in self._places(address, peer):
            buckets.charge(key, now, 1.0)

    def succeeded(self, address: str, peer: str) -> None:
        """Remember that this account logs in from there, and forget its failures from there.

        The failures counted for the account and for the network stay: else whoever has one
        account could guess others without end.
        """
        pair = hash((address, network_of(peer)))
        self._pairs.clear(pair)
        self._good[pair] = None
        self._good.move_to_end(pair)
        while len(self._good) > self._max_entries:
            self._good.popitem(last=False)

    def begin(self, address: str, peer: str) -> Attempt:
        """Count a failure before the outcome is known; raises `RateLimited`.

        So a thousand logins at once are not a thousand guesses for the price of one look.
        """
        self.check(address, peer)
        places = self._places(address, peer)
        now = self._clock.seconds()
        for buckets, key in places:
            buckets.charge(key, now, 1.0)
        return Attempt(self, address, peer, places)

    def _places(self, address: str, peer: str) -> list[tuple[_Buckets, int]]:
        """Give the buckets this login counts in."""
        network = network_of(peer)
        pair = hash((address, network))
        if pair in self._good:
            return [(self._pairs, pair)]
        return [(self._accounts, hash(address)), (self._networks, hash(network))]

    def give_back(self, places: list[tuple[_Buckets, int]], cost: float) -> None:
        """Take back part of what was counted in these buckets (see `Attempt`)."""
        now = self._clock.seconds()
        for buckets, key in places:
            buckets.charge(key, now, -cost)


class Attempt:
    """A login that is counted as failed until it says otherwise."""

    __slots__ = ("_address", "_limiter", "_peer", "_places")

    def __init__(
        self,
        limiter: LoginLimiter,
        address: str,
        peer: str,
        places: list[tuple[_Buckets, int]],
    ) -> None:
        self._limiter, self._address, self._peer = limiter, address, peer
        self._places = places

    def succeeded(self) -> None:
        """Take the failure back, and do as `LoginLimiter.succeeded`."""
        self.cancelled()
        self._limiter.succeeded(self._address, self._peer)

    def cancelled(self) -> None:
        """Take the failure back: there is no outcome."""
        self._limiter.give_back(self._places, 1.0)

    def repeated(self) -> None:
        """Count only a tenth: it was the same wrong password again.

        A telephone that still has the old password tells an attacker nothing; a flood of it
        is stopped all the same.
        """
        self._limiter.give_back(self._places, 0.9)


class _Buckets:
    """Buckets by key; the value is the time at which the bucket is empty again."""

    __slots__ = ("_empty_at", "_interval", "_max_entries", "_window")

    def __init__(self, capacity: int, window: float, max_entries: int) -> None:
        self._interval = window / capacity
        self._window = window
        self._max_entries = max_entries
        self._empty_at: OrderedDict[int, float] = OrderedDict()

    def wait(self, key: int, now: float) -> float:
        """Give the seconds until one more failure fits."""
        over = self._empty_at.get(key, now) - now - (self._window - self._interval)
        return over if over > 1e-6 else 0.0

    def charge(self, key: int, now: float, cost: float) -> None:
        """Put `cost` failures in; a bucket never overflows or goes below empty."""
        empty_at = max(self._empty_at.get(key, now), now) + cost * self._interval
        if empty_at <= now:
            self.clear(key)
            return
        self._empty_at[key] = min(empty_at, now + self._window)
        self._empty_at.move_to_end(key)
        while len(self._empty_at) > self._max_entries:
            self._empty_at.popitem(last=False)

    def clear(self, key: int) -> None:
        """Empty a bucket."""
        self._empty_at.pop(key, None)


def network_of(peer: str) -> str:
    """Give an IPv4 address as it is, an IPv6 address as its /64, another text cut short."""
    try:
        address: IPv4Address | IPv6Address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer[:64]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"{IPv6Address(int(address) >> 64 << 64)}/64"
        address = address.ipv4_mapped
    return str(address)
