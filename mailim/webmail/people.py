"""Whom somebody may want to write to: colleagues, groups, contacts, people of earlier mail.

People of earlier mail are learnt from the account's newest `LETTERS` mails when they are
first asked for, and from what came since at each later question; what was learnt is kept in
memory, for the accounts that asked most recently. Who is written to often and lately stands
first: each mail counts half as much with every `HALF_LIFE` that it is older.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from mailim.address import parse_address
from mailim.errors import Invalid
from mailim.interfaces.people import Letter
from mailim.wire.message import Mailbox

LETTERS: Final = 3_000  # read at one question; of more that came since only the newest
KEPT_PEOPLE: Final = 3_000  # of one account
HALF_LIFE: Final = 60 * 86_400 * 1_000_000
_BEGINNING: Final = 1_577_836_800_000_000  # 2020-01-01: later mails count more than 1

_SENT_TO, _CAME_FROM, _BESIDE = 4.0, 1.0, 0.1
_NOT_READ: Final = frozenset({"junk", "trash", "drafts"})
_ROBOTS: Final = re.compile(
    r"(?:no|do-?not|never)[-_.]?reply|mailer-daemon|postmaster@|bounces?\b|notifications?@",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to write to; `kind`: colleague, group, contact (of the chat) or earlier."""

    name: str
    email: str
    kind: str
    weight: float = 0.0


@dataclass(slots=True)
class Known:
    """Somebody of earlier mail."""

    email: str
    name: str = ""
    named: int = 0  # when the mail was received that told the name
    weight: float = 0.0


@dataclass(slots=True)
class Correspondents:
    """What was learnt from the mails of one account, up to a modseq."""

    modseq: int = 0
    people: dict[str, Known] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)  # readers' threads use it

    def learn(self, letters: Iterable[Letter], own: Collection[str]) -> None:
        """Take in letters; `own` are the account's addresses in lower case."""
        for letter in letters:
            self.modseq = max(self.modseq, letter.modseq)
            if letter.role not in _NOT_READ:
                self._take_in(letter, own)
        if len(self.people) > KEPT_PEOPLE:
            kept = sorted(self.people.items(), key=lambda each: -each[1].weight)[:KEPT_PEOPLE]
            self.people = dict(kept)

    def persons(self) -> Iterator[Person]:
        """Give all of them."""
        for each in self.people.values():
            yield Person(each.name, each.email, "earlier", each.weight)

    def _take_in(self, letter: Letter, own: Collection[str]) -> None:
        value = value_at(letter.received)
        mine = letter.role == "sent" or any(
            (each.email or "").lower() in own for each in letter.senders
        )
        if not mine:
            for each in letter.senders:
                if not _ROBOTS.match(each.email or ""):
                    self._count(each, letter.received, value * _CAME_FROM, own, telling=True)
        for each in letter.recipients:
            weight = value * (_SENT_TO if mine else _BESIDE)
            self._count(each, letter.received, weight, own, telling=False)

    def _count(
        self, who: Mailbox, received: int, weight: float, own: Collection[str], *, telling: bool
    ) -> None:
        """`telling`: the name is the one that this person gave."""
        email = who.email or ""
        key = email.lower()
        known = self.people.get(key)
        if known is None:
            if key in own or not _sendable(email):
                return
            known = self.people[key] = Known(email)
        known.weight += weight
        name = " ".join((who.name or "").split())[:200]
        if name and name.lower() != key and (received > known.named if telling else not known.name):
            known.name, known.named = name, received if telling else 0


def value_at(time: int) -> float:
    """Give what a mail of that time counts: the later the more, without a bound that matters."""
    return float(2.0 ** max(-100.0, min(900.0, (time - _BEGINNING) / HALF_LIFE)))


def folded(text: str) -> str:
    """Give a text as it is compared: without case and accents."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(each for each in parts if not unicodedata.combining(each)).casefold()


def matching(people: Iterable[Person], words: str, limit: int) -> list[Person]:
    """Give who fits `words`, the likeliest first, each address once.

    Every word must begin a word of the name or the address, or the address begins with the
    whole; no words fit everybody. Of two with one address the first given stays, with the
    greater weight.
    """
    wanted = folded(words).strip()
    parts = _WORD.findall(wanted)
    found: dict[str, Person] = {}
    for each in people:
        key = each.email.lower()
        known = found.get(key)
        if known is not None:
            if each.weight > known.weight:
                found[key] = Person(known.name or each.name, known.email, known.kind, each.weight)
        elif _fits(each, wanted, parts):
            found[key] = each
    ranked = sorted(
        found.values(), key=lambda each: (-each.weight, folded(each.name or each.email))
    )
    return ranked[:limit]


def _fits(person: Person, wanted: str, parts: Sequence[str]) -> bool:
    if not wanted:
        return True
    address = folded(person.email)
    if address.startswith(wanted):
        return True
    if not parts:
        return False
    begun = _WORD.findall(f"{folded(person.name)} {address}")
    return all(any(word.startswith(part) for word in begun) for part in parts)


def _sendable(email: str) -> bool:
    try:
        parse_address(email)
    except Invalid:
        return False
    return True
