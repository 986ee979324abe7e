"""Blobs: the octets behind an id, for the account that holds them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from mailim.errors import NotFound
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.jmap.blob_ids import BlobId, parse_blob_id
from mailim.wire.transfer_stream import TransferDecoder


@dataclass(frozen=True, slots=True)
class Blob:
    """Where octets are: `prefix`, then a slice of a stored body, perhaps encoded.

    `size` counts what comes out. `content_type` is the part's own, "" if not known.
    """

    sha256: bytes
    start: int
    end: int
    size: int
    prefix: bytes = b""
    encoding: str = ""
    content_type: str = ""


class Blobs:
    """Finds and reads blobs."""

    def __init__(self, store: IStore) -> None:
        self._store = store

    async def find(self, account_id: int, blob_id: str) -> Blob:
        """Find a blob of an account; raises `NotFound`, also for what others hold."""
        parsed = parse_blob_id(blob_id)
        found = None
        if parsed is not None:
            asked = parsed
            found = await self._store.read(lambda tx: _find(tx, account_id, asked))
        if found is None:
            raise NotFound("there is no such file")
        return found

    async def stream(self, blob: Blob) -> AsyncIterator[bytes]:
        """Give the octets in pieces."""
        if blob.prefix:
            yield blob.prefix
        decoder = TransferDecoder(blob.encoding)
        async for piece in self._store.bodies.stream(blob.sha256, blob.start, blob.end):
            decoded = decoder.feed(piece)
            if decoded:
                yield decoded
        rest = decoder.finish()
        if rest:
            yield rest


def _find(tx: ITransaction, account_id: int, asked: BlobId) -> Blob | None:
    if asked.item is not None:
        item = tx.items.get(account_id, [asked.item]).get(asked.item)
        if item is None:
            return None
        end = item.size - len(item.prefix)
        return Blob(item.sha256, 0, end, item.size, item.prefix, content_type="message/rfc822")
    known = tx.bodies.find(asked.sha256)
    if known is None or not tx.items.seen_body(account_id, asked.sha256):
        return None
    body_id, size = known
    if asked.path is None:
        return Blob(asked.sha256, 0, size, size)
    facts = tx.items.facts([body_id]).get(body_id)
    part = None if facts is None else facts.structure.find(asked.path)
    if part is None or part.is_multipart:
        return None
    # What a message/rfc822 part holds is sized and sent as it stands.
    encoding = "" if part.message is not None else part.encoding
    return Blob(
        asked.sha256,
        part.body_start,
        part.body_end,
        part.size,
        encoding=encoding,
        content_type=part.content_type,
    )
