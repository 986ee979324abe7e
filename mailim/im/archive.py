"""Users' archives (XEP-0313): pointers into the record, one per message and side.

The pointers are written in the transaction of the leaf. XEP-0334 hints keep a message out
of archives, never out of the record. An archive id is the leaf's seq, and the stanza-id
(XEP-0359) of the copies each side gets.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.logger import Logger

from mailim.im.sessions import account_jid
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import ArchivePage, ArchiveQuery
from mailim.interfaces.record import Leaf
from mailim.interfaces.store import IStore, ITransaction
from mailim.wire import ns
from mailim.wire.jid import JID
from mailim.wire.xml import AFTER_AUTH, Element, XmlStreamError, parse_document


@dataclass(frozen=True, slots=True)
class Shelf:
    """One archive a message goes into, and the other side's full JID as it stands there."""

    account_id: int
    peer: str


@dataclass(frozen=True, slots=True)
class ArchivedMessage:
    """An entry of an archive. `id` is the archive id; `time` in µs."""

    id: int
    time: int
    message: Element


@dataclass(frozen=True, slots=True)
class ArchiveResult:
    """A page of an archive, oldest first (see `ArchivePage`)."""

    messages: tuple[ArchivedMessage, ...]
    count: int
    first_index: int
    complete: bool


class Archive:
    """Writes and reads users' archives. max_page: entries of one page (XEP-0059)."""

    _log = Logger()

    def __init__(self, store: IStore, *, max_page: int = 100) -> None:
        self._store = store
        self.max_page = max_page

    @staticmethod
    def put(tx: ITransaction, leaf: Leaf, shelves: tuple[Shelf, ...]) -> None:
        """Point archives at a leaf, within its transaction."""
        for shelf in shelves:
            tx.im.archive(shelf.account_id, shelf.peer, leaf.seq, leaf.time)

    async def query(self, account: Account, query: ArchiveQuery) -> ArchiveResult:
        """Look into an account's archive; raises `NotFound` for an unknown paging id.

        The page is at most `max_page` long; entries whose content was erased from the
        record are left out.
        """
        limit = max(0, min(query.limit, self.max_page))
        mine = ArchiveQuery(
            account_id=account.id,
            peer=query.peer,
            start=query.start,
            end=query.end,
            after=query.after,
            before=query.before,
            backwards=query.backwards,
            limit=limit,
        )
        page = await self._store.read(lambda tx: tx.im.archived(mine))
        return self._unpacked(page, account_jid(account))

    def _unpacked(self, page: ArchivePage, own: JID) -> ArchiveResult:
        messages: list[ArchivedMessage] = []
        for entry in page.entries:
            if not entry.stanza:
                continue
            try:
                message = parse_document(entry.stanza, AFTER_AUTH)
            except XmlStreamError as error:
                self._log.error(
                    "leaf {seq} cannot be read: {error}", seq=entry.seq, error=str(error)
                )
                continue
            message = with_stanza_id(message, own, entry.seq)
            messages.append(ArchivedMessage(entry.seq, entry.time, message))
        return ArchiveResult(tuple(messages), page.count, page.first_index, page.complete)


def with_stanza_id(message: Element, by: JID, seq: int) -> Element:
    """Give a copy that names its place in an archive (XEP-0359, XEP-0313 section 5.1.2)."""
    copy = message.with_attrs()
    copy.add(Element("stanza-id", ns.STANZA_ID, {"by": str(by), "id": str(seq)}))
    return copy
