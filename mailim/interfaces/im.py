"""Seams of the IM half: rows of the store, the sink of a stream, and features.

`im` decides what happens to a stanza; `protocols.xmpp` holds the streams and the features
(one XEP, one file). They meet here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from zope.interface import Attribute, Interface

from mailim.interfaces.accounts import Account
from mailim.wire.jid import JID
from mailim.wire.xml import Element

# --- rows ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RosterItem:
    """One contact, RFC 6121 2.1. `subscription`: none, to, from, both, or hidden.

    Hidden: the user took a colleague off the list (`im.roster`); no client sees the item.
    """

    jid: str  # bare
    name: str = ""
    subscription: str = "none"
    ask: bool = False  # ask='subscribe'
    approved: bool = False  # RFC 6121 3.4
    groups: tuple[str, ...] = ()
    version: int = 0
    removed: bool = False  # a tombstone for roster versioning


@dataclass(frozen=True, slots=True)
class OfflineStanza:
    """A stanza waiting for its account; `seq` is its leaf in the record."""

    id: int
    seq: int
    time: int
    stanza: bytes  # serialised, with namespaces


@dataclass(frozen=True, slots=True)
class ArchiveQuery:
    """A XEP-0313 query with XEP-0059 paging; ids are leaf seqs."""

    account_id: int
    peer: str | None = None  # bare or full JID
    start: int | None = None
    end: int | None = None
    after: int | None = None
    before: int | None = None  # with `backwards`: page before this id
    backwards: bool = False  # last page first (an empty <before/>)
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ArchivedStanza:
    """One entry of a user's archive: a pointer into the record with its stanza.

    `stanza` is empty where the content of the leaf was erased.
    """

    seq: int
    time: int
    stanza: bytes


@dataclass(frozen=True, slots=True)
class ArchivePage:
    """Entries oldest first; `complete`: nothing lies beyond in the paging direction."""

    entries: tuple[ArchivedStanza, ...]
    count: int
    first_index: int
    complete: bool


class IImRows(Interface):
    """Rosters, waiting requests, offline stanzas and archives."""

    def roster(account_id: int) -> Sequence[RosterItem]:
        """Give the living items."""

    def roster_item(account_id: int, jid: str) -> RosterItem | None:
        """Give one living item."""

    def roster_size(account_id: int) -> int:
        """Give the number of living items."""

    def roster_version(account_id: int) -> int:
        """Give the version, RFC 6121 2.6."""

    def roster_since(account_id: int, version: int) -> Sequence[RosterItem] | None:
        """Give items changed since (removed ones marked); None: send the whole roster."""

    def set_roster_item(account_id: int, item: RosterItem) -> RosterItem:
        """Insert or replace; gives it with its new version; publishes `RosterChanged`."""

    def remove_roster_item(account_id: int, jid: str) -> RosterItem | None:
        """Remove, leaving a tombstone; publishes `RosterChanged`."""

    def add_request(account_id: int, jid: str, stanza: bytes) -> None:
        """Keep a subscription request until it is answered (RFC 6121 3.1.3)."""

    def requests(account_id: int) -> Mapping[str, bytes]:
        """Give waiting requests by bare JID."""

    def remove_request(account_id: int, jid: str) -> None:
        """Forget an answered request."""

    def add_offline(account_id: int, seq: int, time: int, stanza: bytes, max_count: int) -> None:
        """Keep a stanza; raises `LimitExceeded` at `max_count`."""

    def offline(account_id: int, limit: int) -> Sequence[OfflineStanza]:
        """Give waiting stanzas, oldest first."""

    def offline_before(time: int, limit: int) -> Sequence[tuple[int, OfflineStanza]]:
        """Give stanzas of all accounts that wait since before a time, with the account's id."""

    def remove_offline(account_id: int, ids: Sequence[int]) -> int:
        """Forget delivered ones; gives how many there were."""

    def archive(account_id: int, peer: str, seq: int, time: int) -> None:
        """Point a user's archive at a leaf; `peer` is the other side's full JID."""

    def archived(query: ArchiveQuery) -> ArchivePage:
        """Look into a user's archive; raises `NotFound` for an unknown after/before id."""


# --- streams ------------------------------------------------------------------------


class IReceipt(Interface):
    """Told once what became of one stanza on its way to one session."""

    def arrived() -> None:
        """The client has it: acknowledged (XEP-0198), or, without that, written."""

    async def failed() -> None:
        """The session is over and unbound, and the client has not acknowledged the stanza.

        Returns when what it carried is safe elsewhere; never raises.
        """


class IStanzaSink(Interface):
    """What the router sees of a stream."""

    def send(stanza: Element, receipt: IReceipt | None = None) -> None:
        """Write a stanza; never blocks. The stanza is shared: do not change it.

        receipt: told what became of it, at once or later.
        """

    def close(condition: str, text: str) -> None:
        """End the stream with a stream error (RFC 6120 4.9.3), e.g. "conflict"."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What is known of a stream when it is bound."""

    protocol: str  # xmpp, xmpps, websocket
    peer: str  # IP address
    since: int
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384"


@dataclass(eq=False, slots=True)
class Session:
    """A bound resource, RFC 6120 7; owned by `im.sessions`.

    Features may read all of it and keep marks of their own in `marks`, keyed by namespace.
    """

    id: str
    account: Account
    jid: JID
    sink: IStanzaSink
    info: StreamInfo
    waits_since: int = 0  # µs; its connection was lost, and may be resumed; 0: it has one
    presence: Element | None = None  # last broadcast presence; None = not available
    priority: int = 0
    interested: bool = False  # asked for the roster
    carbons: bool = False
    directed: set[JID] = field(default_factory=set)
    marks: dict[str, object] = field(default_factory=dict)

    @property
    def available(self) -> bool:
        """Whether initial presence was sent and not withdrawn."""
        return self.presence is not None


# --- features -----------------------------------------------------------------------

# Answers an IQ get/set, of which it is given the whole <iq/>, `from` stamped: gives the
# children of the result (none, one or several), or None if it has sent the result itself;
# or raises `mailim.im.errors.StanzaError`.
IqAnswer = Callable[["Session", Element], Awaitable[Sequence[Element] | None]]


@dataclass(frozen=True, slots=True)
class IqRoute:
    """Which IQs a feature answers."""

    type: str  # get or set
    target: str  # server: to=domain; account: no to, or own bare JID; contact: another's bare JID
    name: str  # of the payload element
    ns: str


class IFeature(Interface):
    """One XEP: what it advertises and which IQs it answers."""

    server_features = Attribute("tuple[str, ...]: disco features of the domain (XEP-0030)")
    account_features = Attribute("tuple[str, ...]: disco features of an account's bare JID")
    stream_features = Attribute("tuple[Element, ...]: put into stream features after SASL")

    def routes() -> Mapping[IqRoute, IqAnswer]:
        """Give the IQs this feature answers."""
