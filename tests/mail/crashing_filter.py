"""A program that is killed at a named point while rules are at work; run by `test_filter_crashes`.

As `crashing_child`, but each mail meets rules that want all there is: an instant message, a
copy, a folder, a deletion, a hold, and headers for another server. The moment "judged" is
when the rules have said what they want and the unit that does it was not asked for yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from mailim.interfaces.items import ItemQuery
from mailim.mail.delivery import LocalDelivery
from mailim.mail.filters.content_filter import ContentFilter, Surroundings
from mailim.mail.filters.rule_file import RuleFile
from mailim.mail.queue import Queue
from tests.fakes.crashing import Fate, Point, around_units, crash
from tests.mail.crashing import Office
from tests.mail.crashing_relay import Ledger

JUDGED = 6  # recipients; copies and aliases are not
RULES = """
enabled = true
[[rule]]
name = "tell"
when = [{ all = true }]
then = [
    { do = "instant_message", text = "$SUBJECT$ for $RECIPIENT$ $GEN_GUID$" },
    { do = "copy", to = "archive@example.test" },
]
[[rule]]
name = "folder"
when = [{ of = "recipient", is = "bob@example.test" }]
then = [{ do = "move", folder = "Rules/Bob" }]
[[rule]]
name = "delete"
when = [{ header = "Subject", is = "second" }, { of = "recipient", is = "ann@example.test" }]
then = [{ do = "delete" }]
[[rule]]
name = "hold"
when = [{ header = "Subject", is = "third" }, { of = "recipient", is = "ann@example.test" }]
then = [{ do = "hold", reason = "held" }]
[[rule]]
name = "out"
queue = "remote"
when = [{ all = true }]
then = [
    { do = "add_header", name = "X-Out", value = "$SUBJECT$" },
    { do = "copy", to = "archive@example.test" },
]
"""
MAILS = {
    "first": ("bob@example.test", "carl@example.org"),
    "second": ("all@example.test",),
    "third": ("ann@example.test", "robert@example.test"),
}


class DyingRules:
    """Rules whose process is killed when they have judged for the n-th time."""

    def __init__(self, rules: Any, fate: Fate) -> None:
        self._rules = rules
        self._fate = fate

    def about(self, entry: Any, facts: Any) -> Any:
        return _DyingHearing(self._rules.about(entry, facts), self._fate)


class _DyingHearing:
    def __init__(self, hearing: Any, fate: Fate) -> None:
        self._hearing = hearing
        self._fate = fate

    async def judge(self, recipient: Any, account_id: Any) -> Any:
        ruling = await self._hearing.judge(recipient, account_id)
        self._fate.at("judged")
        return ruling


async def deliver(reactor: Any, directory: Path, point: Point) -> dict[str, Any]:
    office = Office(reactor, directory, point)
    await office.open(_archive)
    ledger: Any = Ledger(directory)
    rules: Any = DyingRules(_filter(reactor, directory, office), Fate(point))
    delivery = LocalDelivery(office.dying)
    queue = Queue(
        reactor, office.dying, office.events, [], office.routing, delivery, ledger, rules=rules
    )
    queue.startService()
    await office.bring_all(MAILS, "carl@example.org", long="third")
    await office.settle(queue)
    return {**await office.close(inventory), "sent": ledger.lines()}


def _archive(tx: Any) -> None:
    account = tx.accounts.add("archive@example.test", "", False, 0)
    tx.folders.create(account.id, "Inbox", role="inbox")


def _filter(reactor: Any, directory: Path, office: Office) -> ContentFilter:
    path = directory / "filters.toml"
    path.write_text(RULES)
    around = Surroundings(
        office.store.bodies, office.people, "example.test", b"key", lambda: 0, deferToThread
    )
    return ContentFilter(RuleFile(reactor, path, deferToThread), around)


def inventory(tx: Any) -> dict[str, Any]:
    """Say which mails are in whose folders, what was handed in, and what is held."""
    folders: dict[str, list[str]] = {}
    for account, name in ((1, "bob"), (2, "ann"), (3, "archive")):
        ids = tx.items.query(ItemQuery(account)).ids
        items = tx.items.get(account, ids).values()
        facts = tx.items.facts([each.body_id for each in items])
        names = {each.id: each.name for each in tx.folders.list(account)}
        folders[name] = sorted(
            f"{names[each.folder_id]} {facts[each.body_id].subject}" for each in items
        )
    told = sorted(each.new.body.rpartition(" ")[0] for each in tx.notices.waiting(100))
    held = [
        [each.address, each.last_error, each.held]
        for entry in tx.spool.list(100)
        for each in entry.recipients
    ]
    return {**folders, "told": told, "held": held}


def points(clean: dict[str, Any]) -> Iterator[Point]:
    for number in range(1, JUDGED + 1):
        yield Point("judged", number)
    # Where it matters, the moment before a unit is the one behind a judgement.
    yield from (point for point in around_units(clean) if point.moment != "before")


if __name__ == "__main__":
    crash(deliver, points)
