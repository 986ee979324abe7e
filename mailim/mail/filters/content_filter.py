"""The content filter on the way of a mail: rules, asked once for each final recipient."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from twisted.internet.defer import DeferredLock
from zope.interface import implementer

from mailim.errors import MailimError
from mailim.interfaces.accounts import Account
from mailim.interfaces.bodies import IBodies
from mailim.interfaces.filters import IHearing, IRules, Ruling
from mailim.interfaces.spool import SpoolEntry, SpoolRecipient
from mailim.mail.filters.actions import is_sender
from mailim.mail.filters.evaluation import Circumstances, Explained, evaluate
from mailim.mail.filters.limits import OCTETS
from mailim.mail.filters.outcome import Outcome
from mailim.mail.filters.rule_file import RuleFile
from mailim.mail.filters.rules import RuleSet
from mailim.mail.filters.testing import Members
from mailim.mail.filters.view import MailView, Occasion, normal
from mailim.wire.message import MessageFacts

COPY_FIELD: Final = "X-Mailim-Copy"
_OURS: Final = ("submission", "jmap")  # origins whose sender signed in


class DirectoryLike(Protocol):
    """What rules ask of `accounts.Directory`."""

    async def get(self, account_id: int) -> Account | None:
        """Find an account by its id."""

    async def is_local(self, domain: str) -> bool:
        """Tell whether a domain is hosted here."""

    async def resolve(self, address: str) -> tuple[str, ...] | None:
        """Give what an address stands for; None: a local address that is nothing."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the filter works with.

    `domain` is the server's own; `key` marks copies, so that those that come back are known;
    `now` gives the time in microseconds; `threads` runs what takes time.
    """

    bodies: IBodies
    directory: DirectoryLike
    domain: str
    key: bytes = field(repr=False)
    now: Callable[[], int]
    threads: Callable[[Callable[[], Any]], Any]


@implementer(IRules)
class ContentFilter:
    """The rules of `etc/filters.toml`."""

    def __init__(self, file: RuleFile, around: Surroundings) -> None:
        self.file = file
        self.around = around

    def about(self, entry: SpoolEntry, facts: MessageFacts) -> Hearing:
        """Begin with a mail."""
        return Hearing(self.file, self.around, entry, facts)


@implementer(IHearing)
class Hearing:
    """Rules about one mail, at one attempt."""

    def __init__(
        self, file: RuleFile, around: Surroundings, entry: SpoolEntry, facts: MessageFacts
    ) -> None:
        self._file = file
        self._around = around
        self._entry = entry
        self._facts = facts
        self._reading = DeferredLock()
        self._mail: MailView | None = None

    async def judge(self, recipient: SpoolRecipient, account_id: int | None) -> Ruling:
        """Judge for one recipient; what it raises is temporary."""
        rules = await self._file.current()
        if not rules.looks_at(account_id is not None):
            return Ruling()
        address = recipient.address
        if account_id is not None:
            account = await self._around.directory.get(account_id)
            if account is None:
                return Ruling()  # delivery will say so
            address = account.address
        occasion = Occasion(normal(address), normal(recipient.address), account_id is not None)
        outcome, marks = await weigh(self._around, rules, await self._view(), occasion)
        return await settled(self._around, outcome.ruling(marks), self._entry.origin)

    async def _view(self) -> MailView:
        """Read the beginning of the mail, once for all its recipients."""
        await self._reading.acquire()
        try:
            if self._mail is None:
                octets = await self._around.bodies.read(self._entry.sha256, 0, OCTETS)
                view = lambda: MailView(self._entry, self._facts, octets)  # noqa: E731
                self._mail = await self._around.threads(view)
            return self._mail
        finally:
            self._reading.release()


async def weigh(
    around: Surroundings,
    rules: RuleSet,
    mail: MailView,
    occasion: Occasion,
    explained: list[Explained] | None = None,
) -> tuple[Outcome, bytes]:
    """Ask all rules about a mail; gives what came of it, and the header fields for copies."""
    members, sender_is = await _members(around.directory, rules.groups, mail)
    mark = hmac.digest(around.key, mail.fingerprint, "sha256").hex()[:32]
    copied = any(mark == one.folded for one in mail.header(COPY_FIELD))
    circumstances = Circumstances(around.domain, around.now(), members, sender_is, copied)
    outcome: Outcome = await around.threads(
        lambda: evaluate(rules, mail, occasion, circumstances, explained)
    )
    return outcome, f"{COPY_FIELD}: {mark}\r\n".encode("ascii")


async def _members(
    directory: DirectoryLike, groups: Collection[str], mail: MailView
) -> tuple[Members, frozenset[str]]:
    members = {group: frozenset(await directory.resolve(group) or ()) for group in groups}
    sender = await directory.resolve(mail.sender) if groups else None
    return members, frozenset(sender or ())


async def _is_reachable(directory: DirectoryLike, address: str) -> bool:
    if not await directory.is_local(address.rpartition("@")[2]):
        return False
    try:
        return bool(await directory.resolve(address))
    except MailimError:
        return False


async def settled(around: Surroundings, ruling: Ruling, origin: str) -> Ruling:
    """Leave out instant messages nobody here could get, and senders that are not to be trusted.

    What a mail from outside says of itself must not look like the word of a colleague: only
    what an account submitted may bring an address of ours by a macro.
    """
    pings, notes = [], [*ruling.notes]
    for ping in ruling.pings:
        if not await _is_reachable(around.directory, ping.recipient):
            notes.append(f"no instant message to {ping.recipient}: not an address here")
            continue
        domain = ping.sender.rpartition("@")[2]
        strange = not is_sender(ping.sender) or (ping.told and "." not in domain)
        if ping.told and origin not in _OURS:
            strange = strange or await around.directory.is_local(domain)
        pings.append(replace(ping, sender=around.domain if strange else ping.sender))
    return replace(ruling, pings=tuple(pings), notes=tuple(notes))
