"""The real record on a test's store, with a key of its own and without files."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

from mailim.interfaces.store import IStore
from mailim.record.record import Record
from mailim.wire.notes import Signer

ORIGIN = "example.test/record"


def a_signer(seed: bytes = b"s" * 32) -> Signer:
    """Give a signer, the same for the same 32 octets."""
    return Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(seed))


def open_record(store: IStore, clock: IReactorTime | None = None) -> Record:
    """Give a record without text logs and checkpoints."""
    return Record(store, a_signer(), clock or Clock())
