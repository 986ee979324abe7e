"""The central record: everything that is said is written down before it is delivered.

`append` seals an entry, gives it the next number and writes it in one unit with whatever
must happen with it (an archive row, an offline row). When its Deferred fires, the leaf is on
disk; when it fails, nothing of it is. There is no other way to write the record, and none to
change it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailim.background import spawn
from mailim.errors import Invalid, RecordUnavailable, StoreUnavailable
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import IStore, ITransaction, Priority
from mailim.record.checkpoints import Checkpoints
from mailim.record.entries import Draft, Entry, Seal
from mailim.record.text_logs import TextLogs
from mailim.wire.notes import Signer

Then = Callable[[ITransaction, Leaf], None]


class Record:
    """Appends to the record.

    signer: name and private key of the record. clock: an IReactorTime.
    checkpoints, logs: told of each committed leaf; None where they are not wanted.
    """

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        signer: Signer,
        clock: IReactorTime,
        *,
        checkpoints: Checkpoints | None = None,
        logs: TextLogs | None = None,
    ) -> None:
        self._store = store
        self._seal = Seal.of(signer)
        self._clock = clock
        self._checkpoints = checkpoints
        self._logs = logs
        self._next: int | None = None  # belongs to the writer's thread
        self._failing = False

    async def start(self) -> None:
        """Catch up the text logs, and get ready to sign."""
        if self._logs is not None:
            await self._logs.start()
        if self._checkpoints is not None:
            await self._checkpoints.start()

    async def stop(self) -> None:
        """Write out the text logs and sign what is new; after the last append."""
        if self._logs is not None:
            await self._logs.stop()
        if self._checkpoints is not None:
            await self._checkpoints.stop()

    def append(self, entry: Entry, then: Then | None = None) -> Deferred[Leaf]:
        """Record an entry; fires with its leaf once it is durable.

        then: called in the same transaction, in the writer's thread; what it raises undoes
        the entry too, and is what the Deferred fails with. Fails with `RecordUnavailable` if
        the record cannot be written now, `Invalid` for an entry that cannot be recorded.
        """
        try:
            draft = Draft(entry, int(self._clock.seconds() * 1_000_000), self._seal)
        except Invalid:
            return fail()

        def unit(tx: ITransaction) -> Leaf:
            tx.after_rollback(self._forget_number)
            leaf = self._written(tx, draft)
            if then is not None:
                then(tx, leaf)
            return leaf

        return self._store.write(unit, Priority.IM).addCallbacks(self._committed, self._failed)

    def disposition(self, leaf: Leaf, text: str) -> None:
        """Record what became of a leaf, as a leaf that refers to it; nobody waits for it.

        text: such as "delivered to alice@example.test/phone" or "stored".
        """

        async def record() -> None:
            await self.append(
                Entry("disposition", leaf.sender, leaf.recipient, text, refers=leaf.seq)
            )

        spawn(record(), "recording what became of a stanza")

    # --- in the writer's thread ---------------------------------------------------------

    def _written(self, tx: ITransaction, draft: Draft) -> Leaf:
        number = tx.record.size() if self._next is None else self._next
        leaf = draft.leaf(number)
        try:
            tx.record.append(leaf)
        except Invalid:
            # Somebody else wrote into our record. What they wrote is left where it is, for
            # `verify`; what is said now must be recorded all the same.
            found = tx.record.size()
            tx.after_commit(lambda: self._intruded(number, found))
            leaf = draft.leaf(found)
            tx.record.append(leaf)
        self._next = leaf.seq + 1
        return leaf

    def _forget_number(self) -> None:
        self._next = None

    # --- on the reactor thread ----------------------------------------------------------

    def _committed(self, leaf: Leaf) -> Leaf:
        if self._failing:
            self._failing = False
            self._log.info("the record can be written again")
        for listener in (self._logs, self._checkpoints):
            if listener is not None:
                try:
                    listener.add(leaf)
                except Exception:
                    # It is recorded: whatever this is, it must not keep it from its recipient.
                    self._log.failure("what follows a recorded leaf failed")
        return leaf

    def _failed(self, failure: Failure) -> Any:
        if failure.check(StoreUnavailable) is None:
            return failure
        if not self._failing:
            self._failing = True
            self._log.critical(
                "ALARM: the record cannot be written; nothing is delivered until it can"
            )
        raise RecordUnavailable("the message cannot be recorded at the moment") from failure.value

    def _intruded(self, expected: int, found: int) -> None:
        """Say, in the log and in the record itself, that somebody else changed the record."""
        text = f"the record had {found} leaves where this server wrote {expected}"
        self._log.critical("ALARM: {text}; run `mailim record verify`", text=text)

        async def record() -> None:
            await self.append(Entry("operation", "", "", f"ALARM: {text}"))

        spawn(record(), "recording that the record was changed")
