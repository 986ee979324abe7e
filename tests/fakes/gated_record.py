"""The real record with a gate in front: entries can be held back, or refused."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime

from mailim.errors import RecordUnavailable
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import IStore
from mailim.record.entries import Entry
from mailim.record.record import Record, Then
from tests.fakes.record import a_signer


class GatedRecord(Record):
    """`failing`: the record cannot be written. `closed`: entries wait for `release`.

    Dispositions, which nobody waits for, are refused too, but never held back.
    """

    def __init__(self, store: IStore, clock: IReactorTime) -> None:
        super().__init__(store, a_signer(), clock)
        self.failing = False
        self.closed = False
        self.held: list[tuple[Entry, Then | None, Deferred[Leaf]]] = []

    def append(self, entry: Entry, then: Then | None = None) -> Deferred[Leaf]:
        """Record an entry, if the gate lets it through."""
        if self.failing:
            return fail(RecordUnavailable("the message cannot be recorded at the moment"))
        if not self.closed or entry.kind == "disposition":
            return super().append(entry, then)
        waiting: Deferred[Leaf] = Deferred()
        self.held.append((entry, then, waiting))
        return waiting

    def release(self) -> None:
        """Let everything through."""
        self.closed = False
        held, self.held = self.held, []
        for entry, then, waiting in held:
            super().append(entry, then).chainDeferred(waiting)
