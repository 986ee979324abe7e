"""A program that is killed while a client sends drafts over JMAP; run by `test_crashes`.

The client is a plain one: it sends what it finds among the drafts, and asks the server to
move or destroy a draft on success (RFC 8621 section 7.5). One mail it calls back, which makes
a draft of it again. After each crash it starts anew, and looks before it does anything
whether what was sent is still a draft.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from mailim.interfaces.items import ItemQuery
from mailim.mail.allowances import Allowances
from mailim.mail.delivery import LocalDelivery
from mailim.mail.envelopes import Envelopes
from mailim.mail.intake import Intake
from mailim.mail.outgoing import Outgoing
from mailim.mail.queue import Queue
from mailim.mail.submission import Submitting
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import SUBMISSION, Caller, Methods
from mailim.protocols.jmap.submission_methods import SubmissionMethods
from mailim.wire.jmap_ids import EMAIL, MAILBOX, write_id
from mailim.wire.jmap_ids import SUBMISSION as KIND
from tests.fakes.crashing import Point, crash
from tests.mail.crashing import HOST, Office, subjects
from tests.store.mails import add_item, message

BOB, ANN = 1, 2
ADDRESS = "ann@example.test"
DRAFTS = ("moved", "destroyed", "called back")


async def send_all(reactor: Any, directory: Path, point: Point) -> dict[str, Any]:
    """Send all drafts that are still there, and say what there is in the end."""
    office = Office(reactor, directory, point)
    await office.open(write_drafts)
    torn = await office.store.read(torn_apart)
    dying = office.dying
    intake = Intake(dying, HOST, reactor)
    queue = Queue(reactor, dying, office.events, [], office.routing, LocalDelivery(dying))
    service = Submitting(reactor, dying, office.events, intake)
    queue.startService()
    service.startService()
    client = Client(office, intake, Allowances(reactor, 1000))
    await client.send_drafts()
    await client.call_back()
    while not await office.store.read(over) or service.busy:
        await deferLater(reactor, 0.005)
    await service.stopService()
    await office.settle(queue)
    return {**await office.close(inventory), "torn": torn}


class Client:
    """Ann's; it knows nothing but what the server says."""

    def __init__(self, office: Office, intake: Intake, allowances: Allowances) -> None:
        self._store = office.store
        envelopes = Envelopes(office.people, "example.test", can_relay=False)
        outgoing = Outgoing(office.dying, intake, envelopes, allowances, 10)
        sending = SubmissionMethods(outgoing, intake.now, lambda: 0)
        self._methods = Methods(sending.methods(office.dying, JmapLimits()))

    async def send_drafts(self) -> None:
        """Send what is among the drafts, unless it was called back."""
        identity = (await self._call("Identity/get"))[0][1]["list"][0]["id"]
        held = {"email": ADDRESS, "parameters": {"HOLDFOR": "60"}}
        envelope = {"mailFrom": held, "rcptTo": [{"email": "bob@example.test"}]}
        boxes = await self._store.read(boxes_of_ann)
        for item_id, subject in (await self._store.read(drafts)).items():
            value: dict[str, Any] = {"identityId": identity, "emailId": write_id(EMAIL, item_id)}
            asked: dict[str, Any] = {"onSuccessUpdateEmail": {"#s": {
                "mailboxIds": {boxes["sent"]: True}, "keywords/$draft": None,
            }}}  # fmt: skip
            if subject == "destroyed":
                asked = {"onSuccessDestroyEmail": ["#s"]}
            elif subject == "called back":
                if await self._store.read(partial(of_item, item_id=item_id)):
                    continue
                value["envelope"] = envelope
            await self._set(create={"s": value}, **asked)

    async def call_back(self) -> None:
        """Call back what waits."""
        boxes = await self._store.read(boxes_of_ann)
        back = {"mailboxIds": {boxes["drafts"]: True}, "keywords/$draft": True}
        for id in await self._store.read(waiting):
            await self._set(
                update={id: {"undoStatus": "canceled"}}, onSuccessUpdateEmail={id: back}
            )

    async def _set(self, **arguments: Any) -> None:
        names = [each[0] for each in await self._call("EmailSubmission/set", **arguments)]
        assert names == ["EmailSubmission/set", "Email/set"], names

    async def _call(self, name: str, **arguments: Any) -> list[Any]:
        account = await self._store.read(lambda tx: tx.accounts.get(ANN))
        assert account is not None
        caller = Caller(account)
        invocation = (name, {"accountId": caller.account_id, **arguments}, "0")
        return list(await self._methods.dispatch(caller, frozenset({SUBMISSION}), invocation, []))


def write_drafts(tx: Any) -> None:
    """Make ann's folders and drafts."""
    for role in ("drafts", "sent"):
        tx.folders.create(ANN, role.title(), role=role)
    for subject in DRAFTS:
        data = message(subject, ADDRESS, "bob@example.test")
        item = add_item(tx, tx.folders.by_role(ANN, "drafts").id, data)
        tx.items.set_keywords(ANN, item.id, frozenset({"$draft"}))


def boxes_of_ann(tx: Any) -> dict[str, str]:
    return {each.role: write_id(MAILBOX, each.id) for each in tx.folders.list(ANN)}


def drafts(tx: Any) -> dict[int, str]:
    """Give what is among the drafts and marked as one: subjects by id."""
    folder = tx.folders.by_role(ANN, "drafts").id
    items = tx.items.get(ANN, tx.items.query(ItemQuery(ANN)).ids).values()
    facts = tx.items.facts([each.body_id for each in items])
    return {
        each.id: str(facts[each.body_id].subject)
        for each in sorted(items, key=lambda each: int(each.id))
        if each.folder_id == folder and "$draft" in each.keywords
    }


def of_item(tx: Any, item_id: int) -> list[Any]:
    return [each for each in tx.submissions.get(ANN).values() if each.item_id == item_id]


def waiting(tx: Any) -> list[str]:
    """Give the submissions that are held for long."""
    found = tx.submissions.get(ANN).values()
    return [
        write_id(KIND, each.id)
        for each in found
        if each.undo_status == "pending" and "HOLDFOR" in str(each.envelope)
    ]


def torn_apart(tx: Any) -> list[int]:
    """Give the submissions whose mail is not where it belongs."""
    present, still = tx.items.query(ItemQuery(ANN)).ids, drafts(tx)
    torn = []
    for each in tx.submissions.get(ANN).values():
        is_draft, called_back = each.item_id in still, each.undo_status == "canceled"
        if is_draft != called_back and (is_draft or each.item_id in present):
            torn.append(each.id)
    return torn


def over(tx: Any) -> bool:
    """Say whether nothing waits any more."""
    return tx.submissions.next_due(-1) is None and not tx.spool.list(1)


def inventory(tx: Any) -> dict[str, Any]:
    """Say what bob got, what ann has, and what became of the submissions."""
    statuses = sorted(each.undo_status for each in tx.submissions.get(ANN).values())
    found = {"bob": subjects(tx, BOB), "ann": subjects(tx, ANN), "statuses": statuses}
    return {**found, "drafts": list(drafts(tx).values())}


if __name__ == "__main__":
    crash(send_all)
