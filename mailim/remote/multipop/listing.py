"""What a box holds, and what is to be done with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailim.interfaces.boxes import SeenMessage
from mailim.limits import UIDL_OCTETS
from mailim.remote.multipop.connection import Pop3Connection
from mailim.remote.multipop.words import VisitFailed
from mailim.wire.pop3 import (
    Capabilities,
    Command,
    parse_list_line,
    parse_uidl_line,
)

_LINE_OCTETS = 512
_DAY = 24 * 3600 * 1_000_000
# How long a UIDL that vanished is remembered: a server that shows an empty box by mistake
# on Friday shows a full one on Monday. One that did not do what it confirmed shows that soon.
FORGET_AFTER = {"gone": 7 * _DAY, "deleted": _DAY}
RETRY_QUARANTINED_AFTER = _DAY

# Names we give ourselves hold a space, which no UIDL does.
_BY_CONTENT = "content "
_BY_SIZE = "size "
_BY_HASH = "long "


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as the server lists it.

    `uidl` is "" where it gave none that can be used: such a message is known by its
    content (`content_name`) once it was fetched, and by `label` while it could not be.
    """

    number: int
    uidl: str
    size: int  # as the server says, which may be untrue; 0 if it does not
    label: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message to fetch, and what is known of it: that it failed, or may be another."""

    message: Listed
    known: SeenMessage | None = None

    @property
    def uncertain(self) -> bool:
        """The server should not have it any more: the content tells what it is."""
        return self.known is not None and self.known.state not in ("failing", "quarantined")


@dataclass(frozen=True, slots=True)
class Listing:
    """What LIST and UIDL said, by message number; "" and absent UIDLs are none."""

    sizes: Mapping[int, int]
    uidls: Mapping[int, str]

    def messages(self) -> list[Listed]:
        """Name the messages; takes a while for large boxes."""
        often = Counter(self.uidls.values())
        nth: Counter[int] = Counter()
        found = []
        for number, size in sorted(self.sizes.items()):
            uidl = self.uidls.get(number, "")
            if uidl and often[uidl] == 1:
                found.append(Listed(number, uidl, size, uidl))
            else:
                nth[size] += 1
                found.append(Listed(number, "", size, f"{_BY_SIZE}{size} {nth[size]}"))
        return found


@dataclass(slots=True)
class Plan:
    """What a visit will do."""

    names: frozenset[str] = frozenset()  # that the server lists
    fetch: list[Wanted] = field(default_factory=list)
    delete: list[Listed] = field(default_factory=list)  # stored earlier
    stay: list[str] = field(default_factory=list)  # were to be deleted, may stay now
    too_large: int = 0
    quarantined: int = 0
    gone: list[str] = field(default_factory=list)  # the server no longer lists them
    deleted: list[str] = field(default_factory=list)  # it was told to delete them, and did
    forget: list[str] = field(default_factory=list)


def content_name(sha256: bytes, nth: int) -> str:
    """Name the nth message with this content in a box that gives it no UIDL."""
    return f"{_BY_CONTENT}{sha256.hex()} {nth}"


async def listed(connection: Pop3Connection, offered: Capabilities) -> Listing:
    """Ask for sizes and UIDLs (RFC 1939 5 and 7).

    Servers without UIDL, with empty ones or the same one twice are borne: such a message
    gets no UIDL. A server that has UIDL but does not answer it now is asked again later:
    all its messages would look new.
    """
    reply = await connection.ask(Command.list())
    if not reply.ok:
        raise VisitFailed(f"the server does not list its messages: {reply.text}")
    sizes: dict[int, int] = {}
    while (line := await connection.line()) is not None:
        number, size = parse_list_line(line)
        sizes[number] = size
    reply = await connection.ask(Command.uidl())
    if not reply.ok and offered.uidl:
        raise VisitFailed(f"the server does not tell its messages apart: {reply.text}")
    uidls: dict[int, str] = {}
    while reply.ok and (line := await connection.line()) is not None:
        number, uidl = _uidl(line)
        uidls[number] = uidl
        sizes.setdefault(number, 0)  # RETR will tell whether LIST or UIDL was wrong
    return Listing(sizes, uidls)


def _uidl(line: bytes) -> tuple[int, str]:
    number, uidl = parse_uidl_line(line, _LINE_OCTETS)
    if len(uidl.encode()) > UIDL_OCTETS:
        # RFC 1939 7 allows 70 octets; what we cannot keep, its hash stands for.
        uidl = _BY_HASH + hashlib.sha256(uidl.encode()).hexdigest()
    return number, uidl


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What decides."""

    leave: bool
    max_octets: int
    max_failures: int
    again: bool  # try what was left alone once more
    now: int


def plan(messages: Sequence[Listed], seen: Mapping[str, SeenMessage], rules: PlanRules) -> Plan:
    """Decide what to fetch, what to delete and what to forget; takes a while for large boxes."""
    todo = Plan(frozenset(message.uidl for message in messages))
    last = []  # those that were left alone come last, so that they are in nobody's way
    here = set()
    for message in messages:
        here.add(message.label)
        known = seen.get(message.label)
        if known is not None and known.state in ("stored", "deleting") and not _told(known):
            if not rules.leave:
                todo.delete.append(message)
            elif known.state == "deleting":
                todo.stay.append(message.label)
        elif message.size > rules.max_octets:
            todo.too_large += 1
        elif known is None or not _left_alone(known, rules):
            todo.fetch.append(Wanted(message, known))
        elif rules.again or rules.now - known.first_seen > RETRY_QUARANTINED_AFTER:
            last.append(Wanted(message, known))
        else:
            todo.quarantined += 1
    todo.fetch += last
    for uidl, known in seen.items():
        if uidl not in here:
            _not_listed(todo, known, rules.now)
    return todo


def _told(known: SeenMessage) -> bool:
    """Say whether the server was told QUIT with this deletion and may have done it."""
    return known.state == "deleting" and known.failures > 0


def _left_alone(known: SeenMessage, rules: PlanRules) -> bool:
    # A deletion that was told begins its count at one.
    return known.failures >= rules.max_failures + (known.state == "deleting")


def _not_listed(todo: Plan, known: SeenMessage, now: int) -> None:
    if known.state in ("failing", "quarantined"):
        todo.forget.append(known.uidl)
    elif known.state in ("deleted", "gone"):
        if now - known.first_seen > FORGET_AFTER[known.state]:
            todo.forget.append(known.uidl)
    elif _told(known):
        todo.deleted.append(known.uidl)
    else:
        todo.gone.append(known.uidl)
