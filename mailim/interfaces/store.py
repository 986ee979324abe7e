"""The store as everybody above sees it: units of work on one database.

A unit is a function `(tx) -> T`; it runs in a thread, sees the repositories as attributes
of `tx`, must not touch anything of the reactor, and may be run again only if it failed
with nothing committed. Units of `write` run one after another in one writer thread, each in its own
savepoint, and are committed together (group commit); when the Deferred fires, the unit is
durable. A unit that raises is rolled back alone and its error is what the Deferred gives.
If the commit fails, all its units fail with `StoreUnavailable` and nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TypeVar

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mailim.events import Event
from mailim.interfaces.accounts import IAccountRows
from mailim.interfaces.bodies import IBodies, IBodyRows
from mailim.interfaces.boxes import IBoxRows
from mailim.interfaces.im import IImRows
from mailim.interfaces.items import IFolderRows, IItemRows
from mailim.interfaces.mail_events import IMailEventRows
from mailim.interfaces.notices import INoticeRows, ITokenRows
from mailim.interfaces.people import IPeopleRows
from mailim.interfaces.record import IRecordRows
from mailim.interfaces.rejections import IRejectionRows
from mailim.interfaces.spool import ISpoolRows
from mailim.interfaces.submissions import IIdentityRows, ISubmissionRows
from mailim.interfaces.vacation import IVacationRows

T = TypeVar("T")


class Priority(IntEnum):
    """Who goes first when units wait."""

    IM = 0
    NORMAL = 1
    BACKGROUND = 2


class ITransaction(Interface):
    """What a unit works on."""

    accounts: IAccountRows = Attribute("domains, accounts, aliases, groups, web sessions")
    bodies: IBodyRows = Attribute("bodies by hash")
    folders: IFolderRows = Attribute("folders")
    items: IItemRows = Attribute("items, threads, queries, changes, uploads")
    spool: ISpoolRows = Attribute("mail under way")
    mail_events: IMailEventRows = Attribute("what happened to each mail")
    rejections: IRejectionRows = Attribute("mail that was refused at the door")
    identities: IIdentityRows = Attribute("as whom accounts send")
    submissions: ISubmissionRows = Attribute("what accounts send by JMAP")
    people: IPeopleRows = Attribute("with whom accounts have corresponded")
    boxes: IBoxRows = Attribute("MultiPOP boxes and their UIDLs")
    vacation: IVacationRows = Attribute("automatic replies")
    record: IRecordRows = Attribute("the central record")
    notices: INoticeRows = Attribute("instant messages that programs hand in")
    api_tokens: ITokenRows = Attribute("what programs show to be let in")
    im: IImRows = Attribute("rosters, requests, offline stanzas, archives")

    def publish(event: Event) -> None:
        """Publish an event on the reactor thread once this unit is committed."""

    def after_commit(work: Callable[[], None]) -> None:
        """Run `work` on the reactor thread once this unit is committed, before its Deferred."""

    def after_rollback(work: Callable[[], None]) -> None:
        """Run `work` in the writer thread if this unit or its commit fails."""


class IStore(Interface):
    """The one database of the server."""

    bodies: IBodies = Attribute("bodies outside of transactions")

    def write(
        unit: Callable[[ITransaction], T], priority: Priority = Priority.NORMAL
    ) -> Deferred[T]:
        """Run a unit in the writer thread; fires on the reactor thread once it is durable."""

    def read(unit: Callable[[ITransaction], T]) -> Deferred[T]:
        """Run a unit on a read-only snapshot in a reader thread."""

    def close() -> Deferred[None]:
        """Finish waiting units, then close; later calls fail with `StoreUnavailable`."""
