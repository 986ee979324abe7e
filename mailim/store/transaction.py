"""What a unit works on: the repositories over one connection, and what follows the commit.

There is one `Transaction` per connection; the writer and the readers give it new `Effects`
for each unit. Repositories hold no state of their own, so a unit that is rolled back
leaves nothing behind in them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from zope.interface import implementer

from mailim.events import Event, ItemsChanged
from mailim.interfaces.store import ITransaction
from mailim.store.accounts import AccountRows
from mailim.store.bodies import BodyRows
from mailim.store.body_files import BodyFiles
from mailim.store.boxes import BoxRows
from mailim.store.connection import Connection
from mailim.store.folders import FolderRows
from mailim.store.identities import IdentityRows
from mailim.store.im import ImRows
from mailim.store.items import ItemRows
from mailim.store.mail_events import MailEventRows
from mailim.store.mail_state import MailState
from mailim.store.message_facts import FactRows
from mailim.store.message_search import MessageSearch
from mailim.store.notices import NoticeRows, TokenRows
from mailim.store.people import PeopleRows
from mailim.store.record import RecordRows
from mailim.store.rejections import RejectionRows
from mailim.store.spool import SpoolRows
from mailim.store.submission_notices import SubmissionNotices
from mailim.store.submissions import SubmissionRows
from mailim.store.threads import Threads
from mailim.store.vacation import VacationRows


class Effects:
    """What a unit wants done once it is committed, or has failed."""

    __slots__ = ("after_commit", "after_rollback", "events", "items")

    def __init__(self) -> None:
        self.events: dict[Event, None] = {}  # ordered; the same event twice is one
        self.items: dict[int, ItemsChanged] = {}  # by account; only the newest is published
        self.after_commit: list[Callable[[], None]] = []
        self.after_rollback: list[Callable[[], None]] = []


@implementer(ITransaction)
class Transaction:
    """The repositories over one connection.

    A repository gets in its constructor what it needs: the connection, `self.publish`,
    and other repositories (`items` needs `bodies`, to hold and release them). What belongs
    to an account goes with it by ON DELETE CASCADE; a repository that must do more (release
    bodies) offers `forget_account(account_id)`, which `accounts.delete` calls first.
    """

    def __init__(
        self,
        connection: Connection,
        files: BodyFiles,
        discard: Callable[[Sequence[bytes]], None],
        *,
        seconds: Callable[[], float] = time.time,
        traces: bool = True,
    ) -> None:
        """`seconds` gives the time for what happens to mails; `traces`: that is kept at all."""
        self.effects = Effects()
        self.bodies = BodyRows(connection, files, self.after_commit, discard)
        state = MailState(connection, self.publish)
        threads = Threads(connection, state)
        notices = SubmissionNotices(connection, state)
        self.items = ItemRows(connection, state, threads, self.bodies, notices)
        self.folders = FolderRows(connection, state, threads, self.items.clear_folder, self.publish)
        self.identities = IdentityRows(connection, state)
        self.submissions = SubmissionRows(connection, state, self.bodies, notices)
        self.mail_events = MailEventRows(connection, seconds, traces, self.submissions.happened)
        self.spool = SpoolRows(connection, self.publish, self.bodies, self.mail_events)
        self.rejections = RejectionRows(connection)
        self.people = PeopleRows(connection)
        self.boxes = BoxRows(connection, self.publish)
        self.vacation = VacationRows(connection, state)
        self.search = MessageSearch(connection, self.bodies, FactRows(connection))
        forget = [self.items.forget_account, self.submissions.forget_account]
        self.accounts = AccountRows(connection, self.publish, forget)
        self.record = RecordRows(connection)
        self.notices = NoticeRows(connection, self.publish)
        self.api_tokens = TokenRows(connection)
        self.im = ImRows(connection, self.publish)

    def publish(self, event: Event) -> None:
        """Publish an event on the reactor thread once this unit is committed."""
        effects = self.effects
        if isinstance(event, ItemsChanged):
            older = effects.items.get(event.account_id)
            if older is not None:
                del effects.events[older]
            effects.items[event.account_id] = event
        effects.events[event] = None

    def after_commit(self, work: Callable[[], None]) -> None:
        """Run `work` on the reactor thread once this unit is committed, before its Deferred."""
        self.effects.after_commit.append(work)

    def after_rollback(self, work: Callable[[], None]) -> None:
        """Run `work` in the writer thread if this unit or its commit fails."""
        self.effects.after_rollback.append(work)
