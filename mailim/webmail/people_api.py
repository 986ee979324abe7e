"""`GET /api/people?q=…&limit=…`: completion of recipients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailim.accounts.directory import Directory
from mailim.accounts.recent import Recent
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import RosterItem
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_response
from mailim.protocols.http.router import Route
from mailim.webmail.people import LETTERS, Correspondents, Person, matching, value_at

MAX_WORDS: Final = 200  # characters of a question
MAX_LIMIT: Final = 50
USUAL_LIMIT: Final = 8
KEPT_ACCOUNTS: Final = 200  # whose correspondents are kept in memory
# What somebody counts who is at hand but was never written to, beside 1 for a mail of today.
_COLLEAGUE, _CONTACT = 0.5, 0.3
_TIES: Final = ("to", "from", "both")


@dataclass(frozen=True, slots=True)
class _Addresses:
    """Aliases and groups, as they were at a generation of the directory."""

    generation: int
    groups: Mapping[str, Sequence[Person]]  # by domain
    targets: Mapping[str, str]  # alias -> what it stands for

    def own(self, account: Account) -> frozenset[str]:
        """Give all addresses of an account."""
        aliases = (name for name, target in self.targets.items() if target == account.address)
        return frozenset((account.address, *aliases))


class PeopleApi:
    """Serves it. seconds: tells the time, for ranking."""

    def __init__(
        self, store: IStore, identity: Identity, directory: Directory, seconds: Callable[[], float]
    ) -> None:
        self._store = store
        self._identity = identity
        self._directory = directory
        self._seconds = seconds
        self._correspondents: Recent[int, Correspondents] = Recent(KEPT_ACCOUNTS)
        self._addresses = _Addresses(-1, {}, {})

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [Route("GET", "/api/people", self.people)]

    async def people(self, request: Request) -> Response:
        """Give the people that fit; without words those written to most."""
        account, _ = await self._identity.signed_in(request)
        query = request.query()
        words = query.get("q", "")
        if len(words) > MAX_WORDS:
            raise Problem(400, "that is too long", errors=[("q", f"at most {MAX_WORDS}")])
        limit = _limit(query.get("limit", str(USUAL_LIMIT)))
        at_hand = await self._at_hand(account)
        own = self._addresses.own(account)
        correspondents = self._correspondents.get(account.id)
        if correspondents is None:
            correspondents = Correspondents()
            self._correspondents.put(account.id, correspondents)
        contact = value_at(round(self._seconds() * 1_000_000)) * _CONTACT
        found = await self._store.read(
            lambda tx: _answer(tx, account.id, own, at_hand, contact, correspondents, words, limit)
        )
        people = [{"name": one.name, "email": one.email, "kind": one.kind} for one in found]
        return json_response({"people": people})

    async def _at_hand(self, account: Account) -> Sequence[Person]:
        """Give colleagues, their aliases and the groups of the account's domain."""
        addresses = await self._known_addresses()
        weight = value_at(round(self._seconds() * 1_000_000)) * _COLLEAGUE
        colleagues = await self._directory.colleagues(account.domain)
        found = {each.address: each.name for each in colleagues}
        people = [Person(name, email, "colleague", weight) for email, name in found.items()]
        groups = addresses.groups.get(account.domain, ())
        people += [Person(each.name, each.email, "group", weight) for each in groups]
        found.update({each.email: each.name for each in groups})
        for alias, target in addresses.targets.items():
            # An alias of somebody who is not published would tell that there is somebody.
            if target in found and alias.rpartition("@")[2] == account.domain:
                people.append(Person(found[target], alias, "colleague", weight / 10))
        return people

    async def _known_addresses(self) -> _Addresses:
        generation = self._directory.generation
        if self._addresses.generation != generation:
            self._addresses = await self._store.read(lambda tx: _read_addresses(tx, generation))
        return self._addresses


def _limit(text: str) -> int:
    fits = text.isascii() and text.isdecimal() and len(text) <= 4
    if not (fits and 1 <= int(text) <= MAX_LIMIT):
        raise Problem(400, "a whole number is needed", errors=[("limit", f"1 to {MAX_LIMIT}")])
    return int(text)


def _read_addresses(tx: ITransaction, generation: int) -> _Addresses:
    groups: dict[str, list[Person]] = {}
    for one in tx.accounts.groups():
        domain = one.address.rpartition("@")[2]
        groups.setdefault(domain, []).append(Person(one.name, one.address, "group"))
    return _Addresses(
        generation, groups, {one.address: one.target for one in tx.accounts.aliases()}
    )


def _answer(
    tx: ITransaction,
    account_id: int,
    own: frozenset[str],
    at_hand: Sequence[Person],
    contact: float,
    correspondents: Correspondents,
    words: str,
    limit: int,
) -> list[Person]:
    """Learn what came since the last question, then look; in a reader's thread."""
    roster = tx.im.roster(account_id)

    def everybody() -> Iterator[Person]:
        yield from at_hand
        yield from _contacts(roster, contact)
        yield from correspondents.persons()

    with correspondents.lock:
        correspondents.learn(tx.people.letters(account_id, correspondents.modseq, LETTERS), own)
        return matching(everybody(), words, limit)


def _contacts(roster: Sequence[RosterItem], weight: float) -> Iterator[Person]:
    for item in roster:
        # A JID without a local part is a server.
        if not item.removed and item.subscription in _TIES and "@" in item.jid:
            yield Person(item.name, item.jid, "contact", weight)
