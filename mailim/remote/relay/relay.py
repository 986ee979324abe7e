"""The way out: by the hosts the DNS names for a domain, or all by one smarthost.

Recipients of one mail that go the same way travel in one transaction: those handed over
before the envelope is written share it. The connection then waits a moment for the next mail
to the same destination (`kept`). At least once: what is not known to have arrived is tried
again (RFC 5321 4.2.5), so a server that dies behind its 250 gives a second copy.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from mailim.background import spawn
from mailim.errors import MailimError
from mailim.interfaces.bodies import IBodies
from mailim.interfaces.relay import Handed, IRelay
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.remote.multipop.hosts import is_public
from mailim.remote.relay.destinations import Destinations
from mailim.remote.relay.envelope import domain_of
from mailim.remote.relay.exchangers import Exchangers
from mailim.remote.relay.kept import Kept, KeptSessions
from mailim.remote.relay.session import Door, Host
from mailim.remote.relay.transaction import MOST_RECIPIENTS, Letter, Outcomes, transact
from mailim.remote.relay.words import (
    Delayed,
    HostFailed,
    Refused,
    Stale,
    is_of_the_network,
    unreachable,
)
from mailim.wire.smtp_outgoing import NeedsSeeker

CONNECTING_SECONDS: Final = 120.0  # for finding a host of a destination that answers


@dataclass(frozen=True, slots=True)
class RelayRules:
    """What the configuration says."""

    host: str = ""  # the smarthost; "": by MX
    port: int = 25
    security: str = "opportunistic"
    user: str = ""
    password: str = field(default="", repr=False)
    ca: bytes | None = None
    private: bool = False  # hosts on private and loopback networks may be sent to
    at_once: int = 4  # connections to one destination
    waiting: int = 8  # mails that wait for one of them
    mails: int = 100  # that one connection carries
    idle: float = 2.0  # seconds that it waits for the next

    @property
    def way(self) -> Hashable:
        """What must be the same for mails that share a connection."""
        login = (self.user, self.password)
        return self.host, self.port, self.security, *login, self.ca, self.private


@dataclass(slots=True)
class _Batch:
    """Recipients of one mail that go the same way."""

    entry: SpoolEntry
    headers: bytes  # before it, besides its own
    destination: str
    waiting: dict[str, Deferred[Handed]] = field(default_factory=dict)


@implementer(IRelay)
class Relay:
    """Brings mail to other servers. `rules` gives those in force."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        bodies: IBodies,
        exchangers: Exchangers,
        door: Door,
        rules: Callable[[], RelayRules],
    ) -> None:
        self._reactor = reactor
        self._bodies = bodies
        self._exchangers = exchangers
        self._door = door
        self._rules = rules
        self._destinations = Destinations(
            reactor, lambda: self._rules().at_once, lambda: self._rules().waiting
        )
        self._kept = KeptSessions(reactor, door)
        self._batches: dict[tuple[int, bytes, str], _Batch] = {}

    async def send(
        self, entry: SpoolEntry, recipient: SpoolRecipient, headers: bytes = b""
    ) -> Handed:
        """Return once another server took responsibility for this recipient.

        `headers` stand before the mail; recipients with others travel apart. Raises `Delayed`
        where trying again may help, `Refused` where it will not.
        """
        domain = domain_of(recipient.address)
        destination = self._rules().host or domain
        key = (entry.id, headers, destination)
        batch = self._batches.get(key)
        over: Deferred[Handed] = Deferred()
        if batch is not None and recipient.address not in batch.waiting:
            batch.waiting[recipient.address] = over
        else:
            batch = self._batches[key] = _Batch(
                entry, headers, destination, {recipient.address: over}
            )
            spawn(self._bring(batch), "bringing a mail to another server")
        return await over

    async def close(self) -> None:
        """End all connections; what was under way counts as not sent."""
        self._destinations.close()
        await self._kept.close()
        for connection in tuple(self._door.open):
            await connection.close()

    # --- one batch -----------------------------------------------------------------------

    async def _bring(self, batch: _Batch) -> None:
        try:
            await self._destinations.enter(batch.destination)
            try:
                if not await self._try_kept(batch):
                    await self._try_hosts(batch)
            finally:
                self._destinations.leave(batch.destination)
        except Exception as error:
            self._seal(batch)
            for over in batch.waiting.values():
                if not over.called:
                    over.errback(error)

    def _seal(self, batch: _Batch) -> None:
        """From now on recipients of this mail need another batch."""
        key = (batch.entry.id, batch.headers, batch.destination)
        if self._batches.get(key) is batch:
            del self._batches[key]

    async def _try_kept(self, batch: _Batch) -> bool:
        """Use a connection that waits; False if there is none, or it is over by now.

        That is no failure of the mail, and of the destination neither: a new one is opened.
        """
        kept = self._kept.take(batch.destination, self._rules().way)
        if kept is None:
            return False
        try:
            await self._deliver(batch, kept)
        except Stale as error:
            self._log.debug("a connection is over: {error}", error=error.text,
                            spool_id=batch.entry.id, mails=kept.mails)  # fmt: skip
            return False
        self._destinations.succeeded(batch.destination)
        return True

    async def _try_hosts(self, batch: _Batch) -> None:
        """Go from host to host until one takes the mail or says what is wrong with it."""
        trouble: Delayed | None = None
        way = self._rules().way
        until, tried = self._reactor.seconds() + CONNECTING_SECONDS, 0
        async for host in self._hosts(batch.destination):
            if tried >= 2 and self._reactor.seconds() >= until:
                break  # RFC 5321 5.1 asks for two; the others have their turn another time
            tried += 1
            try:
                session = await self._door.enter(host)
            except Exception as error:
                if not isinstance(error, HostFailed) and not is_of_the_network(error):
                    raise
                trouble = Delayed(unreachable(host.name, error))
                self._log.info("{host} [{address}]: {error}", host=host.name, address=host.address,
                               spool_id=batch.entry.id, error=trouble.text)  # fmt: skip
                continue
            self._destinations.succeeded(batch.destination)
            await self._deliver(batch, self._kept.new(batch.destination, way, session))
            return
        trouble = trouble or Delayed(f"No mail server of {batch.destination} can be found.")
        self._destinations.failed(batch.destination, trouble.text)
        raise trouble

    async def _hosts(self, destination: str) -> AsyncIterator[Host]:
        rules = self._rules()
        names: Iterable[str] = (rules.host,)
        if not rules.host:
            names = await self._exchangers.hosts(destination)
        found = withheld = False
        for name in names:
            try:
                addresses = await self._addresses(name)
            except HostFailed:
                found = True
                continue
            for address in addresses:
                if not rules.private and not is_public(address):
                    withheld = True
                    continue
                found = True
                yield Host(name, address, rules.port, rules.security, rules.user,
                           rules.password, rules.ca)  # fmt: skip
        if withheld and not found:
            raise Refused(f"The mail server of {destination} is on a private network.")
        if not found and not rules.host:
            raise Refused(f"There is no mail server for {destination}.")

    async def _addresses(self, name: str) -> Sequence[str]:
        try:
            return (str(ipaddress.ip_address(name)),)
        except ValueError:
            return await self._exchangers.addresses(name)

    async def _deliver(self, batch: _Batch, kept: Kept) -> None:
        session, connection = kept.session, kept.session.connection
        too_long = self._reactor.callLater(
            connection.times.transaction,
            lambda: connection.give_up(HostFailed("the server takes too long")),
        )
        try:
            letter = await self._letter(batch)
            self._seal(batch)
            recipients = list(batch.waiting)
            again = kept.mails > 0
            kept.mails += 1
            for start in range(0, len(recipients), MOST_RECIPIENTS):
                some = recipients[start : start + MOST_RECIPIENTS]
                message = self._message(batch)
                self._tell(batch, kept, await transact(session, letter, some, message, again))
                again = False  # what breaks off from here on has told part of them
        except Exception as error:
            await self._door.close(session)
            if isinstance(error, Stale):
                raise
            if isinstance(error, HostFailed) or is_of_the_network(error):
                raise Delayed(unreachable(session.host.name, error)) from None
            raise
        finally:
            if too_long.active():
                too_long.cancel()
        rules = self._rules()
        self._kept.keep(kept, rules.mails, rules.idle)

    def _tell(self, batch: _Batch, kept: Kept, outcomes: Outcomes) -> None:
        session = kept.session
        for address, outcome in outcomes.items():
            self._log.info(
                "mail {spool_id} for {address}: {host} {outcome}",
                spool_id=batch.entry.id,
                address=address,
                host=session.host.name,
                ip=session.host.address,
                protection=session.protection,
                mails=kept.mails,
                outcome=outcome.text if isinstance(outcome, MailimError) else "took it",
            )
            if isinstance(outcome, MailimError):
                batch.waiting[address].errback(outcome)
            else:
                handed = Handed(session.host.name, outcome, "DSN" in session.offers)
                batch.waiting[address].callback(handed)

    async def _letter(self, batch: _Batch) -> Letter:
        seeker = NeedsSeeker()
        async for piece in self._message(batch):
            seeker.feed(piece)
        entry = batch.entry
        return Letter(entry.sender, len(batch.headers) + entry.size, seeker.needs, entry.dsn)

    async def _message(self, batch: _Batch) -> AsyncIterator[bytes]:
        """Give the message as it leaves: our trace headers, then the octets as received."""
        yield batch.headers + batch.entry.prefix
        async for piece in self._bodies.stream(batch.entry.sha256):
            yield piece
