"""Automatic replies: made ready before a delivery, sent in the unit that delivers.

    reply = await autoreplies.prepare(entry, recipient, account_id, facts, verdict)
    ...in the unit of the delivery, if the account gets the mail now:
    autoreplies.spool(tx, entry, reply)

So a mail is answered exactly once, whenever a crash comes. Whether its sender was answered
lately is written down in the same unit (`tx.vacation.claim`). What cannot be answered,
whatever the reason, is delivered all the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailim.address import parse_address
from mailim.errors import Invalid
from mailim.interfaces.boxes import Box
from mailim.interfaces.dsn import MailDsn, RecipientDsn
from mailim.interfaces.filters import Action, Verdict
from mailim.interfaces.mail_events import AUTOREPLY
from mailim.interfaces.spool import NewMail, SpoolEntry, SpoolRecipient
from mailim.interfaces.store import IStore, ITransaction
from mailim.mail.autoreply_rules import (
    Fields,
    Incoming,
    Respondent,
    answers_as,
    decide,
    person_of,
)
from mailim.mail.autoreply_text import Reply, compose
from mailim.mail.intake import Intake, PreparedMail
from mailim.wire.fields import raw_fields
from mailim.wire.message import MessageFacts

HEADER_OCTETS: Final = 256 * 1024  # a mail with a longer header is not answered
REPLIES_PER_HOUR: Final = 100  # of one account
DAY: Final = 86_400_000_000
# Senders are often forged: a reply that is refused ends, and is not held for postmaster.
_NEVER: Final = RecipientDsn(notify=("NEVER",))


class Threads(Protocol):
    """Runs what takes long in a thread."""

    def __call__(self, work: Callable[[], Any], /) -> Deferred[Any]:
        """Give what `work` gives."""


@dataclass(frozen=True, slots=True)
class PreparedReply:
    """A reply made ready for the unit that delivers what it answers."""

    account_id: int
    sender: str  # who is answered
    person: str  # and as whom he is remembered
    days: int
    prepared: PreparedMail
    mail: NewMail


class Autoreplies:
    """Answers mail for accounts that wish it. `hostname` stands in identifiers."""

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        intake: Intake,
        hostname: str,
        threads: Threads,
        *,
        can_relay: bool = True,
        per_hour: int = REPLIES_PER_HOUR,
    ) -> None:
        """`can_relay`: whether other servers can be reached; else only people here are answered."""
        self._store = store
        self._intake = intake
        self._hostname = hostname
        self._threads = threads
        self._can_relay = can_relay
        self._per_hour = per_hour

    async def prepare(
        self,
        entry: SpoolEntry,
        recipient: SpoolRecipient,
        account_id: int,
        facts: MessageFacts,
        verdict: Verdict,
    ) -> PreparedReply | None:
        """Make a reply ready, None if there shall be none, or it cannot be made; never raises."""
        try:
            return await self._prepared(entry, recipient.known_as, account_id, facts, verdict)
        except Exception:
            self._log.failure("no reply to mail {spool_id} could be made", spool_id=entry.id)
            return None

    def spool(self, tx: ITransaction, entry: SpoolEntry, reply: PreparedReply) -> None:
        """Send it, inside the unit that delivers `entry`.

        Nothing happens if its sender was answered lately, or too many others were. Whatever
        it raises, the unit must be rolled back then.
        """
        now = reply.mail.received
        since = now - reply.days * DAY
        if not tx.vacation.claim(reply.account_id, reply.person, now, since, self._per_hour):
            return
        spool_id = self._intake.spool(tx, reply.prepared, reply.mail)
        tx.mail_events.add(entry.id, AUTOREPLY, "", f"to {reply.sender}", spool_id)

    async def _prepared(
        self,
        entry: SpoolEntry,
        sent_to: str,
        account_id: int,
        facts: MessageFacts,
        verdict: Verdict,
    ) -> PreparedReply | None:
        now = self._intake.now()
        me = await self._store.read(lambda tx: self._respondent(tx, entry, account_id))
        start, end = facts.structure.header_start, facts.structure.body_start
        if me is None or end - start > HEADER_OCTETS:
            return None
        header = await self._store.bodies.read(entry.sha256, start, end)

        def decided() -> Any:
            added = _fields(verdict.headers + entry.prefix)
            junk = verdict.action is Action.JUNK
            mail = Incoming(
                entry.origin,
                entry.sender,
                entry.received,
                junk,
                facts,
                _fields(header),
                added,
                sent_to,
            )
            return decide(mail, me, now), answers_as(mail, me)

        decision, address = await self._threads(decided)
        if not decision.sender:
            self._log.debug(
                "mail {spool_id} is not answered: {reason}",
                spool_id=entry.id,
                reason=decision.reason,
            )
            return None
        as_sent = replace(me, address=address, name=me.names.get(address, me.name))
        return await self._composed(account_id, as_sent, decision.sender, facts, now)

    async def _composed(
        self, account_id: int, me: Respondent, sender: str, facts: MessageFacts, now: int
    ) -> PreparedReply | None:
        days, person = me.settings.days, person_of(sender)
        since = now - days * DAY
        # Most mail of a known sender ends here; the claim in the unit is what counts.
        if await self._store.read(lambda tx: tx.vacation.answered(account_id, person, now, since)):
            return None
        message_id = f"{secrets.token_hex(12)}@{self._hostname}"
        reply = Reply(me.address, me.name, sender, me.settings, facts, message_id, now)
        octets: bytes = await self._threads(lambda: compose(reply))
        prepared = await self._intake.prepare(octets)
        dsn = MailDsn(recipients={sender: _NEVER})
        mail = NewMail("", (sender,), "system", f"automatic reply of {me.address}", now, dsn=dsn)
        return PreparedReply(account_id, sender, person, days, prepared, mail)

    def _respondent(
        self, tx: ITransaction, entry: SpoolEntry, account_id: int
    ) -> Respondent | None:
        """Read who would answer; None if nobody at this time."""
        settings = tx.vacation.get(account_id)
        if not settings.covers(entry.received):
            return None
        account = tx.accounts.get(account_id)
        if account is None:
            return None
        own = _with_aliases(tx, account.address)
        any_addressee = False
        if entry.origin == "multipop":
            boxes, any_addressee = _collected(tx.boxes.list(account_id), entry.source)
            own |= boxes
        hosted = None
        if not self._can_relay:
            hosted = frozenset(domain.name for domain in tx.accounts.domains())
        names = {
            each.email.lower(): each.name for each in tx.identities.list(account_id) if each.name
        }
        return Respondent(
            account.address, account.name, settings, frozenset(own), any_addressee, hosted, names
        )


def _with_aliases(tx: ITransaction, address: str) -> set[str]:
    """Give an account's addresses: its own and all aliases that lead there."""
    aliases = [(alias.address, alias.target) for alias in tx.accounts.aliases()]
    own = {address}
    while more := {name for name, target in aliases if target in own and name not in own}:
        own |= more
    return own


def _collected(boxes: Sequence[Box], source: str) -> tuple[set[str], bool]:
    """Give the addresses of boxes, and whether that of the box the mail came from is unknown."""
    own, unknown = set(), False
    for box in boxes:
        try:
            own.add(str(parse_address(box.user)))
        except Invalid:
            unknown = unknown or source == _source(box)
    return own, unknown


def _source(box: Box) -> str:
    return f"{box.host} as {box.user}"


def _fields(octets: bytes) -> Fields:
    return [(name.lower(), value) for name, value in raw_fields(octets)]
