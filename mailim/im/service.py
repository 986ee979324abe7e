"""The parts of instant messaging, put together: what `tap`, tests and benchmarks build."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailim.accounts.directory import Directory
from mailim.events import Events
from mailim.im.archive import Archive
from mailim.im.carbons import Carbons
from mailim.im.circle_changes import CircleChanges
from mailim.im.colleagues import Colleagues
from mailim.im.injection import Injection
from mailim.im.iqs import Iqs
from mailim.im.messages import Messages
from mailim.im.notices import Notices
from mailim.im.offline import Offline
from mailim.im.policy import Policy
from mailim.im.presence import Presence
from mailim.im.restoring import Restoring
from mailim.im.roster import Rosters
from mailim.im.roster_iqs import RosterIqs
from mailim.im.router import Router
from mailim.im.sessions import Sessions
from mailim.im.subscriptions import Subscriptions
from mailim.im.ties import Bounds
from mailim.im.visibility import Visibility
from mailim.interfaces.im import IFeature
from mailim.interfaces.store import IStore
from mailim.record.record import Record


@dataclass(frozen=True, slots=True)
class ImLimits:
    """What an administrator sets (section [im] of the configuration)."""

    colleagues: int = 300
    resources_per_account: int = 20
    offline_messages: int = 1000
    roster_items: int = 1000


class InstantMessaging:
    """Everything behind the streams; features are added before the first session."""

    def __init__(
        self,
        clock: IReactorTime,
        store: IStore,
        events: Events,
        directory: Directory,
        record: Record,
        limits: ImLimits | None = None,
    ) -> None:
        limits = limits or ImLimits()
        self.sessions = Sessions(max_per_account=limits.resources_per_account)
        self.colleagues = Colleagues(directory, limit=limits.colleagues)
        self.rosters = Rosters(store, events, self.sessions, self.colleagues)
        self.archive = Archive(store)
        self.offline = Offline(store, record, self.sessions, max_count=limits.offline_messages)
        self.carbons = Carbons(self.sessions)
        policy = Policy(directory)
        visibility = Visibility(self.sessions)
        self.restoring = Restoring(store, self.colleagues, self.rosters, visibility)
        bounds = Bounds(items=limits.roster_items)
        subscriptions = Subscriptions(
            store, record, self.sessions, policy, self.rosters, visibility, bounds=bounds
        )
        messages = Messages(self.sessions, policy, self.offline, self.archive, self.carbons, record)
        presence = Presence(
            self.sessions, policy, self.rosters, visibility, subscriptions, self.offline, record
        )
        self.circle_changes = CircleChanges(
            clock, events, self.sessions, self.colleagues, self.rosters, visibility
        )
        self._iqs = Iqs(clock, self.sessions, policy, self.rosters)
        self.roster_iqs = RosterIqs(store, self.rosters, subscriptions, visibility)
        injection = Injection(self.sessions, policy, messages)
        self.router = Router(
            events,
            directory,
            self.sessions,
            record,
            messages,
            presence,
            self._iqs,
            injection,
            self.circle_changes,
        )
        self.notices = Notices(
            clock, store, events, directory, record, self.router, injection.check
        )
        self.add_features([self.roster_iqs])

    def add_features(self, features: Iterable[IFeature]) -> None:
        """Answer the IQs of these features; `roster_iqs` is there already."""
        self._iqs.add(features)

    def stop(self) -> Deferred[None]:
        """End what is waiting; for the end of the server."""
        return self.circle_changes.stop()
