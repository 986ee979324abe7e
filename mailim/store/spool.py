"""The spool inside a transaction: mail that is ours and not yet where it belongs.

A recipient that ended stays as a row until the entry goes, so that an alias or a group
that leads there again brings no second copy; `claim` does the same for accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Integer, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.sqlite import insert
from zope.interface import implementer

from mailim.errors import Invalid, LimitExceeded, NotFound
from mailim.events import Event, SpoolChanged
from mailim.interfaces import mail_events as happens
from mailim.interfaces.dsn import NOTHING_SAID
from mailim.interfaces.spool import ISpoolRows, NewMail
from mailim.limits import EXPANDED_RECIPIENTS, PREFIX_OCTETS, RECIPIENTS_PER_MAIL, SPOOL_ERROR_CHARS
from mailim.store.bodies import BodyRows
from mailim.store.connection import Connection
from mailim.store.mail_events import MailEventRows
from mailim.store.message_facts import FactRows
from mailim.store.schema.mail import spool, spool_account, spool_recipient
from mailim.store.spool_entries import OPEN, WAITS, SpoolEntryRows
from mailim.store.statements import Statement, insert_into
from mailim.wire.message import MessageFacts

LONGEST_WAIT: Final = 86_400_000_000  # microseconds; attempts are some hours apart at most
_ID: Final = bindparam("id", type_=Integer)
_SPOOL: Final = bindparam("spool_id", type_=Integer)
_ADD: Final = Statement(insert_into(spool, "id").returning(spool.c.id))
_ADD_RECIPIENT: Final = Statement(
    insert(spool_recipient)
    .values({each.name: bindparam(each.name) for each in spool_recipient.c if each.name != "id"})
    .on_conflict_do_nothing()
)
_BODY: Final = Statement(select(spool.c.body_id).where(spool.c.id == _ID))
_HOLDER: Final = Statement(
    select(
        spool_recipient.c.spool_id,
        spool.c.received,
        spool_recipient.c.address,
        spool_recipient.c.verdict,
        spool_recipient.c.sent_to,
        spool_recipient.c.as_copy,
    )
    .join(spool, spool.c.id == spool_recipient.c.spool_id)
    .where(spool_recipient.c.id == _ID, OPEN)
)
_DONE: Final = Statement(
    update(spool_recipient)
    .where(spool_recipient.c.id == _ID)
    .values(done=True, held=False, ended=bindparam("what"))
)
_WANTS_COPY: Final = Statement(
    update(spool_recipient)
    .where(
        spool_recipient.c.spool_id == _SPOOL,
        spool_recipient.c.address == bindparam("address"),
        spool_recipient.c.as_copy == "",
        OPEN,
    )
    .values(as_copy=bindparam("as_copy"))
)
# Who has the mail needs no copy; whose mail a rule deleted, or what stood for others, may.
# What was that copy before does not become it again: it might go in circles.
_REOPEN: Final = Statement(
    update(spool_recipient)
    .where(
        spool_recipient.c.spool_id == _SPOOL,
        spool_recipient.c.address == bindparam("address"),
        spool_recipient.c.done.is_(True),
        (spool_recipient.c.ended == happens.REMOVED)
        | (spool_recipient.c.ended == happens.EXPANDED),
        spool_recipient.c.verdict != bindparam("as_copy"),
    )
    .values(
        done=False,
        attempts=0,
        next_attempt=bindparam("next_attempt"),
        last_error="",
        verdict=bindparam("as_copy"),
        as_copy=bindparam("as_copy"),
        ended="",
    )
)
_STILL_OPEN: Final = Statement(
    select(exists(select(1).where(spool_recipient.c.spool_id == _SPOOL, OPEN)))
)
_REMOVE: Final = Statement(delete(spool).where(spool.c.id == _ID))
_RETRY: Final = Statement(
    update(spool_recipient)
    .where(spool_recipient.c.id == _ID, OPEN)
    .values(
        attempts=spool_recipient.c.attempts + bindparam("counts", type_=Integer),
        next_attempt=bindparam("next_attempt"),
        last_error=bindparam("error"),
    )
)
_JUDGED: Final = Statement(
    update(spool_recipient)
    .where(spool_recipient.c.id == _ID, spool_recipient.c.verdict == "")
    .values(verdict=bindparam("verdict"))
)
_HOLD_RECIPIENT: Final = Statement(
    update(spool_recipient)
    .where(spool_recipient.c.id == _ID, OPEN)
    .values(held=True, last_error=bindparam("error"))
)
_HOLD: Final = Statement(
    update(spool_recipient)
    .where(spool_recipient.c.spool_id == _SPOOL, OPEN)
    .values(held=True, last_error=func.coalesce(bindparam("error"), spool_recipient.c.last_error))
)
_RELEASE: Final = Statement(
    update(spool_recipient)
    .where(spool_recipient.c.spool_id == _SPOOL, OPEN, spool_recipient.c.held.is_(True))
    .values(held=False, attempts=0, next_attempt=bindparam("next_attempt"))
)
_RETRY_NOW: Final = Statement(
    update(spool_recipient)
    .where(spool_recipient.c.spool_id == _SPOOL, WAITS)
    .values(next_attempt=bindparam("next_attempt"))
)
_RETRY_ALL: Final = Statement(
    update(spool_recipient).where(WAITS).values(next_attempt=bindparam("next_attempt"))
)
_RECALL: Final = Statement(
    update(spool_recipient)
    .where(WAITS, spool_recipient.c.next_attempt > bindparam("after", type_=Integer))
    .values(next_attempt=bindparam("next_attempt"))
)
_CLAIM: Final = Statement(
    insert(spool_account)
    .values(spool_id=_SPOOL, account_id=bindparam("account_id"))
    .on_conflict_do_nothing()
)


@implementer(ISpoolRows)
class SpoolRows(SpoolEntryRows):
    """The spool inside a transaction."""

    def __init__(
        self,
        connection: Connection,
        publish: Callable[[Event], None],
        bodies: BodyRows,
        events: MailEventRows,
    ) -> None:
        super().__init__(connection)
        self._events = events
        self._publish = publish
        self._bodies = bodies
        self._facts = FactRows(connection)

    def add(self, mail: NewMail, body_id: int, prefix: bytes, facts: MessageFacts) -> int:
        """Put a mail in (holds the body); gives the spool id.

        Raises `Invalid` (no recipient), `LimitExceeded` (recipients, prefix), `NotFound`.
        """
        recipients = tuple(dict.fromkeys(mail.recipients))
        if not recipients:
            raise Invalid("A mail needs a recipient.", "recipients")
        if len(recipients) > RECIPIENTS_PER_MAIL:
            raise LimitExceeded(f"A mail may have {RECIPIENTS_PER_MAIL} recipients.")
        if len(prefix) > PREFIX_OCTETS:
            raise LimitExceeded(f"Trace headers may have {PREFIX_OCTETS} octets.")
        _, octets = self._bodies.get(body_id)
        self._bodies.hold(body_id)
        self._facts.keep(body_id, facts)
        spool_id: int = self._db.value(
            _ADD,
            body_id=body_id,
            size=len(prefix) + octets,
            prefix=prefix,
            sender=mail.sender,
            origin=mail.origin,
            source=mail.source,
            received=mail.received,
            account_id=mail.account_id,
        )
        self._add_recipients(spool_id, recipients, mail.received)
        self._events.accepted(spool_id, mail, len(prefix) + octets, facts)
        if mail.dsn is not NOTHING_SAID:
            self._dsn.add(spool_id, mail.dsn)
        return spool_id

    def facts(self, spool_id: int) -> MessageFacts:
        """Give what was derived from the mail when it was accepted; raises `NotFound`."""
        return self._facts.need(self._body(spool_id))

    def claim(self, recipient_id: int, account_id: int) -> bool:
        """Say, once for each mail and account, that the account shall have the mail now.

        False: it has it already. Raises `NotFound` if the recipient ended meanwhile.
        """
        spool_id, *_ = self._holder(recipient_id)
        return self._db.run(_CLAIM, spool_id=spool_id, account_id=account_id) == 1

    def done(self, recipient_id: int, what: str = happens.ENDED, detail: str = "") -> None:
        """End a recipient; the entry goes (and lets go of its body) with its last one.

        Raises `NotFound` if it ended already.
        """
        spool_id, _, address, *_ = self._holder(recipient_id)
        self._events.add(spool_id, what, address, detail)
        self._db.run(_DONE, id=recipient_id, what=what)
        self._forget_if_over(spool_id)

    def retry(self, recipient_id: int, next_attempt: int, error: str, counts: bool = True) -> None:
        """Count an attempt and set the next; nothing happens if the recipient ended."""
        if counts:
            self._events.recipient(recipient_id, happens.WAITS, error, next_attempt)
        self._db.run(
            _RETRY,
            id=recipient_id,
            counts=int(counts),
            next_attempt=next_attempt,
            error=error[:SPOOL_ERROR_CHARS],
        )

    def hold_recipient(self, recipient_id: int, reason: str) -> None:
        """Hold one recipient; nothing happens if it ended."""
        self._events.recipient(recipient_id, happens.HELD, reason)
        self._db.run(_HOLD_RECIPIENT, id=recipient_id, error=reason[:SPOOL_ERROR_CHARS])

    def hold(self, spool_id: int, held: bool, reason: str | None = None) -> None:
        """Hold or release all recipients of an entry; raises `NotFound`.

        What is released is due at once, its attempts start anew; `reason` is for the trace then.
        """
        if held:
            error = reason if reason is None else reason[:SPOOL_ERROR_CHARS]
            changed = self._db.run(_HOLD, spool_id=spool_id, error=error)
        else:
            changed = self._db.run(_RELEASE, spool_id=spool_id, next_attempt=0)
        if not changed:
            self._body(spool_id)
        else:
            self._events.add(spool_id, happens.HELD if held else happens.RELEASED, "", reason or "")
        self._publish(SpoolChanged(spool_id))

    def retry_now(self, spool_id: int | None = None, reason: str = "") -> int:
        """Make recipients that wait (of one entry, or of all) due at once; gives how many.

        What is held stays held, attempts are not forgotten. Raises `NotFound`.
        """
        if spool_id is None:
            self._events.all_waiting(happens.RETRIED, reason)
            changed = self._db.run(_RETRY_ALL, next_attempt=0)
        else:
            self._body(spool_id)
            changed = self._db.run(_RETRY_NOW, spool_id=spool_id, next_attempt=0)
        if changed and spool_id is not None:
            self._events.add(spool_id, happens.RETRIED, "", reason)
        if changed:
            self._publish(SpoolChanged(spool_id or 0))
        return changed

    def recall(self, now: int) -> int:
        """Make due what waits for a time beyond all waits; gives how many recipients.

        They were written while the clock was ahead, and would wait until it is there again.
        """
        changed = self._db.run(_RECALL, after=now + LONGEST_WAIT, next_attempt=now)
        if changed:
            self._publish(SpoolChanged(0))
        return changed

    def remove(self, spool_id: int, reason: str = "") -> None:
        """Throw an entry away; raises `NotFound`."""
        self._events.each_recipient(spool_id, happens.REMOVED, reason)
        self._forget(spool_id)

    def _forget_if_over(self, spool_id: int) -> None:
        if not self._db.value(_STILL_OPEN, spool_id=spool_id):
            self._forget(spool_id)

    def _forget(self, spool_id: int) -> None:
        body_id = self._body(spool_id)
        self._db.run(_REMOVE, id=spool_id)
        self._bodies.release(body_id)
        self._publish(SpoolChanged(spool_id))

    def replace_recipient(self, recipient_id: int, addresses: Sequence[str]) -> None:
        """Expand an alias or group in place (attempts start anew).

        Addresses that this mail has, or had, as recipients are not added again. Raises
        `NotFound` if the recipient ended meanwhile, `LimitExceeded`.
        """
        if len(addresses) > EXPANDED_RECIPIENTS:
            raise LimitExceeded(f"A group may have {EXPANDED_RECIPIENTS} members.")
        spool_id, received, address, verdict, sent_to, as_copy = self._holder(recipient_id)
        known_as = sent_to or address
        if not as_copy:
            self._add_recipients(spool_id, addresses, received, verdict, known_as)
        else:  # it is one, or shall be if its own mail is deleted
            for each in addresses:
                if not self._add_recipients(
                    spool_id, (each,), received, verdict, known_as, as_copy
                ):
                    self._copy_for_known(spool_id, each, received, as_copy)
        self._dsn.expand(spool_id, address, addresses)
        self.done(recipient_id, happens.EXPANDED, ", ".join(addresses))

    def judged(self, recipient_id: int, verdict: str) -> bool:
        """Keep what filters said; False if something is kept already. Raises `NotFound`."""
        self._holder(recipient_id)
        return self._db.run(_JUDGED, id=recipient_id, verdict=verdict) == 1

    def copy(self, recipient_id: int, addresses: Sequence[str], verdict: str) -> None:
        """Give the mail of a recipient to more addresses, judged already; raises `NotFound`."""
        spool_id, received, *_ = self._holder(recipient_id)
        for address in addresses:
            if self._add_recipients(spool_id, (address,), received, verdict, as_copy=verdict):
                self._copied(spool_id, address)
            else:
                self._copy_for_known(spool_id, address, received, verdict)

    def discard(self, recipient_id: int, detail: str = "") -> None:
        """End a recipient whose mail a rule deleted, unless a copy is wanted: that goes on.

        Raises `NotFound` if it ended already.
        """
        spool_id, received, address, *_, as_copy = self._holder(recipient_id)
        self._events.add(spool_id, happens.REMOVED, address, detail)
        self._db.run(_DONE, id=recipient_id, what=happens.REMOVED)
        if not (as_copy and self._reopened(spool_id, address, received, as_copy)):
            self._forget_if_over(spool_id)

    def _copy_for_known(self, spool_id: int, address: str, due: int, as_copy: str) -> None:
        """Make a copy for an address that has a row: if it ended without the mail, or does yet."""
        if not self._db.run(_WANTS_COPY, spool_id=spool_id, address=address, as_copy=as_copy):
            self._reopened(spool_id, address, due, as_copy)

    def _reopened(self, spool_id: int, address: str, due: int, as_copy: str) -> bool:
        values = {"address": address, "next_attempt": due, "as_copy": as_copy}
        if not self._db.run(_REOPEN, spool_id=spool_id, **values):
            return False
        self._copied(spool_id, address)
        self._publish(SpoolChanged(spool_id))
        return True

    def _copied(self, spool_id: int, address: str) -> None:
        self._dsn.silence(spool_id, address)
        self._events.add(spool_id, happens.COPIED, address)

    def _add_recipients(
        self,
        spool_id: int,
        addresses: Sequence[str],
        due: int,
        verdict: str = "",
        sent_to: str = "",
        as_copy: str = "",
    ) -> int:
        """Add those that are not there yet; gives how many."""
        added = self._db.run_many(
            _ADD_RECIPIENT,
            [
                {
                    "spool_id": spool_id,
                    "address": address,
                    "attempts": 0,
                    "next_attempt": due,
                    "held": False,
                    "done": False,
                    "last_error": "",
                    "verdict": verdict,
                    "sent_to": sent_to,
                    "as_copy": as_copy,
                    "ended": "",
                }
                for address in addresses
            ],
        )
        self._publish(SpoolChanged(spool_id))
        return added

    def _holder(self, recipient_id: int) -> tuple[int, int, str, str, str, str]:
        """Give an open recipient's entry, when that was received; then what it is itself.

        Its address, verdict, `sent_to`, `as_copy`.
        """
        row = self._db.one(_HOLDER, id=recipient_id)
        if row is None:
            raise NotFound("That recipient is not waiting for the mail any more.")
        return row[0], row[1], row[2], row[3], row[4], row[5]

    def _body(self, spool_id: int) -> int:
        found: int | None = self._db.value(_BODY, id=spool_id)
        if found is None:
            raise NotFound("There is no such mail in the queue.")
        return found
