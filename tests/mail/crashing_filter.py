"""A program that is killed at a named point while rules are at work; run by `test_filter_crashes`.

    python -m tests.mail.crashing_filter DIRECTORY

As `crashing_child` does, but each mail meets rules that want all there is: an instant
message, a copy, a folder, a deletion, a hold, and headers for another server. The moment
"judged" is when the rules have said what they want and the unit that does it was not asked
for yet.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.mail.crashing_child import DyingStore, bring, die, first_start, forked

JUDGED = 6  # recipients; copies and aliases are not
MOMENTS = ("judged", "inside", "committed")
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

    def __init__(self, rules: Any, time: int) -> None:
        self._rules = rules
        self._left = time

    def about(self, entry: Any, facts: Any) -> Any:
        return _DyingHearing(self, self._rules.about(entry, facts))

    def judged(self) -> None:
        self._left -= 1
        if not self._left:
            die()


class _DyingHearing:
    def __init__(self, rules: DyingRules, hearing: Any) -> None:
        self._rules = rules
        self._hearing = hearing

    async def judge(self, recipient: Any, account_id: Any) -> Any:
        ruling = await self._hearing.judge(recipient, account_id)
        self._rules.judged()
        return ruling


def run(directory: Path, at: int, moment: str, result: Path) -> None:
    """Bring the mails that were not brought yet, wait for the queue, write what there is."""
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    failed: list[Any] = []

    def start() -> None:
        work = Deferred.fromCoroutine(deliver(reactor, directory, at, moment, result))
        work.addErrback(failed.append)
        work.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    if failed:
        failed[0].raiseException()


async def deliver(reactor: Any, directory: Path, at: int, moment: str, result: Path) -> None:
    from twisted.internet.task import deferLater

    from mailim.accounts.directory import Directory
    from mailim.events import Events
    from mailim.mail.delivery import LocalDelivery
    from mailim.mail.intake import Intake
    from mailim.mail.queue import Queue
    from mailim.mail.routing import Routing
    from mailim.store.engine import Store

    events = Events()
    store = Store.open(reactor, directory, events, readers=1)
    if await store.read(lambda tx: tx.accounts.get(1)) is None:
        await store.write(_begin)
    around = moment in MOMENTS[1:]
    dying = DyingStore(store, at if around else 0, moment)
    people = Directory(store, events)
    rules = DyingRules(_filter(reactor, directory, store, people), 0 if around else at)
    queue = Queue(
        reactor, dying, events, [], Routing(people), LocalDelivery(dying), _Relay(directory),  # type: ignore[arg-type]
        rules=rules,  # type: ignore[arg-type]
    )  # fmt: skip
    queue.startService()
    intake = Intake(store, "mail.example.test", reactor)
    for uidl, recipients in MAILS.items():
        await bring(dying, intake, uidl, recipients)
    while await store.read(lambda tx: tx.spool.next_due()) is not None or queue.busy:
        await deferLater(reactor, 0.005)
    await queue.stopService()
    found = await store.read(inventory)
    await store.close()
    sent = (directory / "sent").read_text().splitlines()
    result.write_text(json.dumps({**found, "sent": sent, "units": dying.written}))


def _begin(tx: Any) -> None:
    first_start(tx)
    account = tx.accounts.add("archive@example.test", "", False, 0)
    tx.folders.create(account.id, "Inbox", role="inbox")


def _filter(reactor: Any, directory: Path, store: Any, people: Any) -> Any:
    from twisted.internet.threads import deferToThread

    from mailim.mail.filters.content_filter import ContentFilter, Surroundings
    from mailim.mail.filters.rule_file import RuleFile

    path = directory / "filters.toml"
    path.write_text(RULES)
    around = Surroundings(store.bodies, people, "example.test", b"key", lambda: 0, deferToThread)
    return ContentFilter(RuleFile(reactor, path, deferToThread), around)


class _Relay:
    """Another server that writes down what it took before it says so."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "sent"
        self._file.touch()

    async def send(self, entry: Any, recipient: Any, headers: bytes = b"") -> Any:
        from mailim.interfaces.relay import Handed

        with self._file.open("a") as file:
            file.write(f"{recipient.address} {headers.decode().strip()}\n")
        return Handed("mx.example.org", "250 Ok")


def inventory(tx: Any) -> dict[str, Any]:
    """Say which mails are in whose folders, what was handed in, and what is held."""
    from mailim.interfaces.items import ItemQuery

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


def report(base: Path, at: int, moment: str) -> int:
    """Crash at one point, start again, print what came of it; gives the units written."""
    directory = base / f"{at}{moment}"
    result = Path(f"{directory}.json")
    end = forked(lambda: run(directory, at, moment, result))
    if moment and forked(lambda: run(directory, 0, "", result)) != "done":
        end = "failed"
    found = json.loads(result.read_text()) if result.exists() else {}
    print(json.dumps({"point": f"{moment} {at}", "end": end, **found}), flush=True)
    return int(found.get("units", 0))


def main(base: Path) -> None:
    """Run through all points."""
    import mailim.store.engine  # noqa: F401 - before the forks, once for all

    units = report(base, 0, "")
    for moment in MOMENTS:
        for at in range(1, (JUDGED if moment == "judged" else units) + 1):
            report(base, at, moment)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
