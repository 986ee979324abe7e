"""Writes the message of an Email that is created into the body store, piece by piece.

Texts and headers are composed in a thread; blobs stream from where they are, through their
transfer encoding, into the new body: an attachment never stands in memory as a whole.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twisted.internet.interfaces import IReactorTime

from mailim.background import spawn
from mailim.errors import LimitExceeded, NotFound
from mailim.interfaces.accounts import Account
from mailim.interfaces.bodies import IBodyWriter, PreparedBody
from mailim.interfaces.store import IStore
from mailim.protocols.http.request import Threads
from mailim.protocols.jmap.blobs import Blob, Blobs
from mailim.protocols.jmap.email_create import NewEmail, read_email
from mailim.protocols.jmap.errors import SetError
from mailim.protocols.jmap.limits import JmapLimits
from mailim.wire.compose_encoders import LineCheck, encoder
from mailim.wire.compose_fields import date_field, ids_field
from mailim.wire.compose_parts import Gap, compose
from mailim.wire.header_forms import date_of
from mailim.wire.message import MessageFacts, describe
from mailim.wire.mime import headers
from mailim.wire.octets import MappedOctets


@dataclass(frozen=True, slots=True)
class Composed:
    """A message ready for a transaction.

    `received`: when the newest Received field says it came, in microseconds.
    """

    body: PreparedBody
    facts: MessageFacts
    received: int | None = None


class EmailComposer:
    """Composes messages, and keeps copies of blobs that are messages."""

    def __init__(
        self, clock: IReactorTime, store: IStore, threads: Threads, limits: JmapLimits
    ) -> None:
        self._clock = clock
        self._store = store
        self._threads = threads
        self._limits = limits
        self._blobs = Blobs(store)

    def now(self) -> int:
        """Give the time, in microseconds."""
        return int(self._clock.seconds() * 1_000_000)

    async def read(self, value: Mapping[str, Any]) -> NewEmail:
        """Read and check an Email a client wrote, in a thread; raises `SetError`."""
        email: NewEmail = await self._threads(lambda: read_email(value, self._limits))
        return email

    async def compose(self, account: Account, email: NewEmail) -> Composed:
        """Write a message; raises `SetError`. Fills in Date and Message-ID if missing."""
        await self._fill(account, email)
        domain = account.address.rpartition("@")[2]
        date = datetime.fromtimestamp(int(self._clock.seconds()), UTC)
        email.fields.setdefault("date", [date_field("Date", date)])
        email.fields.setdefault("message-id", [ids_field("Message-ID", [_new_id(domain)])])
        segments = await self._threads(
            lambda: list(compose(email.ordered_fields(), email.body, _boundary))
        )
        try:
            body = await self._kept(segments)
        except NotFound:  # the message a blob was in is removed at this moment
            raise SetError("blobNotFound", "a blob is gone", notFound=list(email.blobs)) from None
        return Composed(body, await self._store.bodies.inspect(body, describe))

    async def copy(self, account: Account, blob_id: str) -> Composed | None:
        """Take a blob as a message, None if it is none; raises `NotFound`, `SetError`."""
        blob = await self._blobs.find(account.id, blob_id)
        body = await self._kept([Gap(blob, "")])
        return await self._store.bodies.inspect(body, lambda octets: _look(body, octets))

    async def _fill(self, account: Account, email: NewEmail) -> None:
        """Find the blobs the parts wait for, and decide how those travel."""
        missing: list[str] = []
        size = 0
        for id, entities in email.blobs.items():
            try:
                blob = await self._blobs.find(account.id, id)
            except NotFound:
                missing.append(id)
                continue
            size += blob.size * len(entities)
            for entity in entities:
                entity.blob = blob
        if missing:
            raise SetError("blobNotFound", "there are no such blobs", notFound=missing)
        if size > self._limits.size_attachments:
            raise SetError(
                "tooLarge", f"attachments have up to {self._limits.size_attachments} octets"
            )
        for entity in (each for entities in email.blobs.values() for each in entities):
            if entity.content_type.startswith("message/"):
                entity.encoding = await self._travelling(entity.blob)
                if entity.encoding == "base64" and entity.content_type == "message/rfc822":
                    # RFC 2046 section 5.2.1 forbids to encode it; RFC 6532 section 3.7 allows
                    # that for its successor.
                    entity.content_type = "message/global"

    async def _travelling(self, blob: Blob) -> str:
        check = LineCheck()
        async for piece in self._blobs.stream(blob):
            check.feed(piece)
        return check.encoding

    async def _kept(self, segments: Sequence[bytes | Gap]) -> PreparedBody:
        writer = self._store.bodies.writer(self._limits.size_message)
        try:
            for segment in segments:
                if isinstance(segment, bytes):
                    await writer.write(segment)
                else:
                    await self._stream(writer, segment)
            return await writer.finish()
        except BaseException as error:
            # Not waited for: a client that has gone cancels whatever is waited for here.
            async def abort() -> None:
                await writer.abort()

            spawn(abort(), "throwing a message away")
            if isinstance(error, LimitExceeded):
                limit = self._limits.size_message
                raise SetError("tooLarge", f"a message has up to {limit} octets") from None
            raise

    async def _stream(self, writer: IBodyWriter, gap: Gap) -> None:
        through = encoder(gap.encoding) if gap.encoding else None
        async for piece in self._blobs.stream(gap.blob):
            octets = piece if through is None else through.feed(piece)
            if octets:
                await writer.write(octets)
        rest = b"" if through is None else through.finish()
        if rest:
            await writer.write(rest)


def _look(body: PreparedBody, octets: bytes | MappedOctets) -> Composed | None:
    """Derive what is known of a message; None for octets that begin with no header field."""
    facts = describe(octets)
    fields = headers(octets, facts.structure)
    if not fields:
        return None
    # Each host puts its own before the others (RFC 5321 section 4.4).
    newest = next((value for name, value in fields if name.lower() == "received"), b"")
    date = date_of(newest.rpartition(b";")[2]) if newest else None
    received = None if date is None else int(date.timestamp()) * 1_000_000
    return Composed(body, facts, received if received is not None and received >= 0 else None)


def _boundary() -> str:
    # Holds characters that neither base64 nor quoted-printable text has in a row.
    return f"=_{secrets.token_hex(16)}"


def _new_id(domain: str) -> str:
    return f"{uuid.uuid4()}@{domain}"
