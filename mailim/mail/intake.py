"""The one way in: makes a mail ready and puts it into the spool.

    prepared = await intake.prepare(data)          # or a writer, for what comes in pieces
    await store.write(lambda tx: intake.spool(tx, prepared, mail))

Only when that Deferred fires the mail is ours, and may be acknowledged (250, DELE, "sent").
Whoever must write something of its own with it (a UIDL, a submission) does so in the same
unit. On any failure before, nothing is kept and the mail stays the sender's.

A message's structure and facts are derived here, in a thread, once; large messages are
looked at as mapped files and never stand in memory as a whole.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.errors import Invalid, LimitExceeded
from mailim.interfaces.bodies import IBodyWriter, PreparedBody
from mailim.interfaces.spool import NewMail
from mailim.interfaces.store import IStore, ITransaction
from mailim.limits import PREFIX_OCTETS, TRACE_HOPS
from mailim.mail.envelopes import HEADER_OCTETS, authors_of
from mailim.mail.trace import received_field
from mailim.wire.message import MessageFacts, describe
from mailim.wire.mime import headers
from mailim.wire.octets import MappedOctets


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What is accepted."""

    message_octets: int = 104_857_600  # [mail] message_octets


@dataclass(frozen=True, slots=True)
class PreparedMail:
    """A mail made ready for a transaction."""

    body: PreparedBody
    facts: MessageFacts
    prefix: bytes = b""  # header fields to stand before the mail, behind our Received
    authors: tuple[str, ...] = ()  # the addresses in From, see `envelopes.authors_of`


class Intake:
    """Takes mail from every protocol."""

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        hostname: str,
        clock: IReactorTime,
        limits: IntakeLimits | None = None,
    ) -> None:
        """`hostname` stands in trace headers."""
        self._store = store
        self._hostname = hostname
        self._clock = clock
        self._limits = limits or IntakeLimits()

    @property
    def message_octets(self) -> int:
        """The largest message taken (for SIZE, limits of clients, and who fetches mail)."""
        return self._limits.message_octets

    def now(self) -> int:
        """Give the time for `NewMail.received`, in microseconds."""
        return int(self._clock.seconds() * 1_000_000)

    async def prepare(self, data: bytes, prefix: bytes = b"") -> PreparedMail:
        """Make ready a message that is in memory.

        `prefix`: whole header fields the caller wants before the mail (Authentication-
        Results, say). Raises `LimitExceeded` (size), `Invalid` (a mail loop), or what the
        store raises; nothing is kept then.
        """
        if len(data) > self._limits.message_octets:
            raise LimitExceeded(f"The message is larger than {self._limits.message_octets} octets.")
        return await self._described(await self._store.bodies.prepare(data), prefix)

    def writer(self) -> MailWriter:
        """Start a message that comes in pieces."""
        return MailWriter(self, self._store.bodies.writer(self._limits.message_octets))

    def spool(self, tx: ITransaction, prepared: PreparedMail, mail: NewMail) -> int:
        """Put a prepared mail into the spool, inside the caller's unit; gives its id.

        Addresses in `mail` are normalised by the caller. Raises `Invalid` (no recipient,
        prefix), `LimitExceeded`.
        """
        body_id = tx.bodies.add(prepared.body)
        return tx.spool.add(mail, body_id, self.trace(prepared, mail), prepared.facts)

    def trace(self, prepared: PreparedMail, mail: NewMail) -> bytes:
        """Give the header fields that stand before a mail once it has come here."""
        return received_field(mail, self._hostname, secrets.token_hex(8)) + prepared.prefix

    async def accept(self, mail: NewMail, data: bytes) -> int:
        """Prepare and spool in one go; gives the spool id once the mail is durable."""
        return await self.keep(mail, await self.prepare(data))

    async def keep(self, mail: NewMail, prepared: PreparedMail) -> int:
        """Spool a prepared mail in a unit of its own; gives the spool id once it is durable."""
        spool_id = await self._store.write(lambda tx: self.spool(tx, prepared, mail))
        self._log.info(
            "mail {spool_id} accepted by {origin} from {source}",
            spool_id=spool_id,
            origin=mail.origin,
            source=mail.source,
            sender=mail.sender,
            recipients=len(mail.recipients),
            octets=prepared.body.size,
        )
        return spool_id

    async def _described(self, body: PreparedBody, prefix: bytes) -> PreparedMail:
        if prefix and (not prefix.endswith(b"\r\n") or b"\r\n\r\n" in prefix):
            raise Invalid("These are not whole header fields.", "prefix")
        if len(prefix) > PREFIX_OCTETS // 2:
            raise LimitExceeded("Too many trace headers.")
        facts, hops, authors = await self._store.bodies.inspect(body, _look)
        if hops > TRACE_HOPS:
            # RFC 5321 6.3: it has been going in circles.
            raise Invalid(f"The message went through more than {TRACE_HOPS} hosts.", "loop")
        return PreparedMail(body, facts, prefix, authors)


class MailWriter:
    """A message that comes in pieces; memory stays bounded whatever its size."""

    def __init__(self, intake: Intake, body: IBodyWriter) -> None:
        self._intake = intake
        self._body = body

    async def write(self, piece: bytes) -> None:
        """Take a piece, and wait until the next is welcome; raises `LimitExceeded`."""
        await self._body.write(piece)

    async def finish(self, prefix: bytes = b"") -> PreparedMail:
        """End the message; raises as `Intake.prepare`."""
        return await self._intake._described(await self._body.finish(), prefix)

    async def abort(self) -> None:
        """Forget what was written."""
        await self._body.abort()


def _look(octets: bytes | MappedOctets) -> tuple[MessageFacts, int, tuple[str, ...]]:
    """Derive the facts, count Received fields, find who wrote it; runs in a thread."""
    facts = describe(octets)
    whole = facts.structure
    hops = sum(name.lower() == "received" for name, _ in headers(octets, whole))
    header = bytes(octets[: min(whole.body_start, HEADER_OCTETS + 1)])
    return facts, hops, authors_of(header, whole.body_start < len(octets))
