"""Messages (RFC 6121 sections 5 and 8.5): recorded, then delivered, kept or refused.

Where a message goes is decided twice by the same table (`mailim.im.destination`): before
its leaf is written, because what is kept for an account that is away goes into the leaf's
transaction; and once it is durable, because people come and go meanwhile. What became of
it is a second leaf, written when a client that acknowledges (XEP-0198) has done so. If none
of the clients it was sent to did before it was over, the table decides once more.

A message that says nothing (`mailim.im.contents`) is not recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailim.errors import MailimError
from mailim.im.archive import Archive, Shelf, with_stanza_id
from mailim.im.carbons import Carbons
from mailim.im.contents import (
    body_text,
    may_be_archived,
    message_type,
    says_something,
)
from mailim.im.deliveries import Delivery
from mailim.im.destination import Destination, Fate, destination, no_account
from mailim.im.errors import StanzaError, answerable, reply, stanza_error
from mailim.im.offline import Offline, delay
from mailim.im.policy import Policy
from mailim.im.sessions import Sessions
from mailim.im.turns import Turn
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import Session
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import ITransaction
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import Element, serialise

# Called in the transaction of the leaf, and in that which keeps the message later; the
# last argument says whether it is kept, so that nothing more has to be done for it.
Landed = Callable[[ITransaction, Leaf, bool], None]
# Called when it is known what became of a message that clients had yet to acknowledge; with
# "" if that cannot be settled now and has to be tried again.
Settled = Callable[[str], None]


@dataclass(slots=True)
class Passage:
    """One message on its way."""

    message: Element
    sender: JID
    to: JID
    recipient: Account | None
    kind: str
    origin: Session | None = None  # None: it was injected
    refusal: StanzaError | None = None
    shelves: tuple[Shelf, ...] = ()
    keep: bool = False
    kept: bool = False
    full: bool = False
    details: dict[str, str] = field(default_factory=dict)
    landed: Landed | None = None
    settled: Settled | None = None
    ours: bool = False  # no client sent it: its headline is kept for who is away
    waits: bool = False  # it was sent, and no client has acknowledged it yet
    late: bool = False  # it was sent to others before, who never acknowledged it


class Messages:
    """Processes messages."""

    _log = Logger()

    def __init__(
        self,
        sessions: Sessions,
        policy: Policy,
        offline: Offline,
        archive: Archive,
        carbons: Carbons,
        record: Record,
    ) -> None:
        self._sessions = sessions
        self._policy = policy
        self._offline = offline
        self._archive = archive
        self._carbons = carbons
        self._record = record

    async def handle(self, session: Session, stanza: Element, to: JID, turn: Turn) -> None:
        """Process a client's message; raises `StanzaError`, `RecordUnavailable`."""
        message = _cleaned(stanza, session.jid, to)
        passage = Passage(message, session.jid, to, None, message_type(message), session)
        try:
            await self._policy.check_sender(session.account)
            passage.recipient = await self._policy.recipient(to)
        except StanzaError as error:
            passage.refusal = error
        if not says_something(message):
            await turn.ready()
            await self._show(passage)
            return
        if passage.refusal is None and passage.recipient is not None:
            passage.shelves = self._shelves(passage, session.account)
        leaf = await turn.durable(self.write(passage))
        await self.deliver(passage, leaf)

    def write(self, passage: Passage) -> Deferred[Leaf]:
        """Hand the leaf to the record, with all that belongs into its transaction."""
        message = passage.message
        data = serialise(message, "")
        where = self._destination(passage)
        recipient = passage.recipient
        passage.keep = where.fate is Fate.STORE
        if where.fate not in (Fate.STORE, Fate.DELIVER):
            passage.shelves = ()
        keep_for = recipient.id if passage.keep and recipient is not None else None
        shelves, landed = passage.shelves, passage.landed

        def unit(tx: ITransaction, leaf: Leaf) -> None:
            if keep_for is not None:
                passage.kept = self._offline.keep(tx, keep_for, leaf, data)
                passage.full = not passage.kept
            if not passage.full:
                self._archive.put(tx, leaf, shelves)
            if landed is not None:
                landed(tx, leaf, passage.kept)

        details = {"from": str(passage.sender), "to": str(passage.to), "type": passage.kind}
        entry = Entry(
            kind="message",
            sender=str(passage.sender.bare),
            recipient=str(passage.to.bare),
            body=body_text(message),
            stanza=data,
            details=details | passage.details,
        )
        more = keep_for is not None or shelves or landed is not None
        return self._record.append(entry, unit if more else None)

    async def deliver(self, passage: Passage, leaf: Leaf) -> str:
        """Deliver a message whose leaf is durable; gives, and records, what became of it.

        Raises `StanzaError` where the sender has to be told.
        """
        try:
            became = await self._delivered(passage, leaf)
        except StanzaError as error:
            word = "refused" if error is passage.refusal else "bounced"
            self._record.disposition(leaf, f"{word}: {error.condition}")
            raise
        except MailimError:
            self._record.disposition(leaf, "bounced: resource-constraint")
            raise
        if not passage.waits:
            self._record.disposition(leaf, became)
        return became

    async def _delivered(self, passage: Passage, leaf: Leaf) -> str:
        if passage.refusal is not None:
            raise passage.refusal
        if passage.full:
            raise StanzaError.of("service-unavailable", "too many messages are waiting there")
        where = self._destination(passage)
        if where.fate is Fate.BOUNCE:
            raise StanzaError.of("service-unavailable")
        assert passage.recipient is not None or where.fate is Fate.IGNORE  # noqa: S101
        if passage.kept:
            await self._offline.replay_to(where.sessions)  # somebody came back meanwhile
        elif where.fate is Fate.STORE:
            if not await self._keep_late(passage, leaf):
                raise StanzaError.of("service-unavailable", "too many messages are waiting there")
        elif where.fate is Fate.IGNORE:
            return "ignored"
        else:
            return await self._deliver_to(passage, where.sessions, leaf)
        self._copy_to_siblings(passage, where.sessions, leaf)
        return "stored"

    async def _deliver_to(self, passage: Passage, sessions: tuple[Session, ...], leaf: Leaf) -> str:
        def told(became: str, first: bool) -> None:
            self._record.disposition(leaf, became)
            if first and passage.settled is not None:
                passage.settled(became)

        delivery = Delivery(told, lambda missed: self._deliver_late(passage, leaf, missed))
        self._send(passage, sessions, leaf, delivery)
        self._copy_to_siblings(passage, sessions, leaf)
        have = await delivery.begun()
        passage.waits = not have
        return f"delivered to {have}" if have else "sent, not acknowledged yet"

    # --- what no client acknowledged ------------------------------------------------------

    async def _deliver_late(self, passage: Passage, leaf: Leaf, missed: str) -> None:
        """Let a message go where it would have gone without who missed it; never raises."""
        passage.kept, passage.waits = False, False
        passage.origin, passage.late = None, True  # the sender's other clients have their copy
        self.make_keepable(passage)
        try:
            became = await self._delivered(passage, leaf)
        except MailimError as error:
            became = self._bounce_late(passage, stanza_error(error))
        except Exception:
            became = await self._failed_late(passage, leaf, Failure())
        if passage.waits:
            return
        if became:
            self._record.disposition(leaf, f"{became}, not acknowledged by {missed}")
        if passage.settled is not None:
            passage.settled(became)

    async def _failed_late(self, passage: Passage, leaf: Leaf, failure: Failure) -> str:
        """Tell why nothing can be done: the account was deleted, or there is a bug."""
        try:
            account = passage.recipient
            gone = account is not None and not await self._policy.exists(account)
        except MailimError:
            gone = False
        if gone:
            return self._bounce_late(passage, StanzaError.of("service-unavailable"))
        self._log.failure(
            "a message that was not acknowledged cannot be delivered", failure, leaf=leaf.seq
        )
        if passage.settled is not None:
            return ""
        return self._bounce_late(passage, StanzaError.of("internal-server-error"))

    def _bounce_late(self, passage: Passage, error: StanzaError) -> str:
        """Tell the sender, if there; a program's message is tried again where that may help."""
        if passage.settled is not None and error.temporary:
            return ""
        sender = self._sessions.get(passage.sender)
        if sender is not None and answerable(passage.message):
            sender.sink.send(reply(passage.message, error))
        return f"bounced: {error.condition}"

    def make_keepable(self, passage: Passage) -> None:
        """Make a chat message of a headline of ours that nobody is there for."""
        if not passage.ours or passage.kind != "headline":
            return
        if self._destination(passage).fate is not Fate.DELIVER:
            passage.kind = "chat"
            passage.message = passage.message.with_attrs({"type": "chat"})
            passage.shelves = own_shelf(passage)

    async def _keep_late(self, passage: Passage, leaf: Leaf) -> bool:
        """Keep a message whose recipient went away while its leaf was written."""
        data, landed = serialise(passage.message, ""), passage.landed

        def also(tx: ITransaction) -> None:
            self._archive.put(tx, leaf, passage.shelves)
            if landed is not None:
                landed(tx, leaf, True)

        assert passage.recipient is not None  # noqa: S101
        return await self._offline.keep_late(passage.recipient.id, leaf, data, also)

    async def _show(self, passage: Passage) -> None:
        """Pass on what says nothing to who is there; nobody is told if it cannot."""
        if passage.refusal is None and passage.recipient is not None:
            where = self._destination(passage)
            if where.fate is Fate.DELIVER:
                self._send(passage, where.sessions, None)
                self._copy_to_siblings(passage, where.sessions, None)

    def _destination(self, passage: Passage) -> Destination:
        """Where the message goes as things are now."""
        if passage.refusal is not None:
            return Destination(Fate.BOUNCE)
        if passage.recipient is None:
            return no_account(passage.kind, passage.to.resource)
        sessions = self._sessions.of(passage.to.bare)
        return destination(passage.kind, passage.to.resource, sessions)

    def _send(
        self,
        passage: Passage,
        sessions: tuple[Session, ...],
        leaf: Leaf | None,
        delivery: Delivery | None = None,
    ) -> None:
        account = passage.to.bare
        copy = self._stamped(passage, account, leaf)
        if passage.late and leaf is not None:
            copy = copy.with_attrs()
            copy.add(delay(account.domain, leaf.time))
        bare = _without_private(copy)
        for session in sessions:
            session.sink.send(bare, delivery.to(session) if delivery is not None else None)
        if account != passage.sender.bare:
            watchers = self._carbons.watchers(account, sessions)
            if watchers:
                self._carbons.copy("received", copy, account, watchers, delivery)

    def _copy_to_siblings(
        self, passage: Passage, sessions: tuple[Session, ...], leaf: Leaf | None
    ) -> None:
        if passage.origin is None:
            return
        account = passage.sender.bare
        watchers = self._carbons.watchers(account, (passage.origin, *sessions))
        if watchers:
            copy = self._stamped(passage, account, leaf)
            self._carbons.copy("sent", copy, account, watchers)

    @staticmethod
    def _stamped(passage: Passage, account: JID, leaf: Leaf | None) -> Element:
        """Name the archive's id if the message is in that account's archive (XEP-0359)."""
        if leaf is None or not passage.shelves:
            return passage.message
        return with_stanza_id(passage.message, account, leaf.seq)

    @staticmethod
    def _shelves(passage: Passage, sender: Account) -> tuple[Shelf, ...]:
        if passage.recipient is None or not may_be_archived(passage.message):
            return ()
        return (
            Shelf(sender.id, str(passage.to)),
            Shelf(passage.recipient.id, str(passage.sender)),
        )


def own_shelf(passage: Passage) -> tuple[Shelf, ...]:
    """Give the recipient's archive, if that takes a message no client sent."""
    if passage.recipient is None or not may_be_archived(passage.message):
        return ()
    return (Shelf(passage.recipient.id, str(passage.sender)),)


def _cleaned(stanza: Element, sender: JID, to: JID) -> Element:
    """Stamp the addresses and take away what only a server may claim."""
    message = stanza.with_attrs({"from": str(sender), "to": str(to)})
    message.children = [
        child for child in message.children if isinstance(child, str) or not _forged(child, sender)
    ]
    return message


def _forged(child: Element, sender: JID) -> bool:
    """A stanza-id (XEP-0359 section 6) or a delay in the name of this server (XEP-0203)."""
    if child.name == "stanza-id" and child.ns == ns.STANZA_ID:
        return True
    return child.name == "delay" and child.ns == ns.DELAY and child.get("from") == sender.domain


def _without_private(message: Element) -> Element:
    """Take away <private/>, which was for the servers (XEP-0280 section 9)."""
    if message.find("private", ns.CARBONS) is None:
        return message
    copy = message.with_attrs()
    copy.children = [
        c for c in copy.children if isinstance(c, str) or c.name != "private" or c.ns != ns.CARBONS
    ]
    return copy
