"""Email/query and Email/queryChanges (RFC 8621 sections 4.4 and 4.5)."""

from __future__ import annotations

import random
from typing import Any

from twisted.trial.unittest import TestCase

from mailim.interfaces.store import ITransaction
from mailim.protocols.jmap.limits import JmapLimits
from mailim.store import folders
from tests.protocols.jmap.kit import BOB, START, Kit, mail


class QueryTests(TestCase):
    async def test_newest_first(self) -> None:
        kit = await Kit.start(self)
        ids = [await kit.add() for _ in range(3)]
        found = await kit.call("Email/query", calculateTotal=True)
        self.assertEqual(found["ids"], ids[::-1])
        self.assertEqual((found["total"], found["position"]), (3, 0))
        self.assertTrue(found["canCalculateChanges"])
        self.assertEqual(found["limit"], JmapLimits().objects_in_query)  # ours, as none was given
        email = await kit.call("Email/get", ids=[])
        self.assertEqual(found["queryState"], email["state"])

    async def test_windows(self) -> None:
        kit = await Kit.start(self)
        ids = [await kit.add() for _ in range(5)][::-1]
        for window, start, end in (
            ({"position": 1, "limit": 2}, 1, 3), ({"position": -2}, 3, 5),
            ({"anchor": ids[2]}, 2, 5), ({"anchor": ids[2], "anchorOffset": -1, "limit": 2}, 1, 3),
            ({"anchor": ids[1], "anchorOffset": 2, "limit": 1}, 3, 4), ({"position": 9}, 5, 5),
        ):  # fmt: skip
            self.assertEqual(await kit.ids(**window), ids[start:end], window)
        for anchor in ("e999", "x", "m1"):
            self.assertEqual(await kit.error("Email/query", anchor=anchor), "anchorNotFound")

    async def test_the_limit_is_told(self) -> None:
        kit = await Kit.start(self, JmapLimits(objects_in_query=2))
        for _ in range(3):
            await kit.add()
        for arguments, limit in (
            ({}, 2),
            ({"limit": 5}, 2),
            ({"limit": 1}, None),
            ({"limit": 2}, None),
        ):
            found = await kit.call("Email/query", **arguments)
            self.assertEqual(found.get("limit"), limit)

    async def test_filters(self) -> None:
        kit = await Kit.start(self)
        a = await kit.add(mail("Invoice 17", "please pay"), keywords=("$seen",))
        b = await kit.add(mail("lunch", "pizza today?", "Dave <dave@example.org>"), box="archive")
        attached = (
            'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="x"\r\n'
        )
        c = await kit.add(mail("file", "%PDF", extra=attached), keywords=("$flagged",))
        inbox, archive = kit.boxes["inbox"], kit.boxes["archive"]
        for filter, ids in (
            ({"inMailbox": inbox}, [c, a]),
            ({"inMailbox": "m999"}, []),
            ({"inMailbox": "nonsense"}, []),
            ({"inMailboxOtherThan": [inbox]}, [b]),
            ({"inMailboxOtherThan": [inbox, archive]}, []),
            ({"hasKeyword": "$seen"}, [a]),
            ({"notKeyword": "$Seen"}, [c, b]),
            ({"hasAttachment": True}, [c]),
            ({"subject": "invoice"}, [a]),
            ({"from": "dave"}, [b]),
            ({"text": "pizza"}, [b]),
            ({"body": "pay"}, [a]),
            ({"after": "2023-11-14T22:15:20Z"}, [c, b]),
            ({"before": "2023-11-14T22:15:20Z"}, [a]),
            ({"minSize": 1000}, []),
            ({"maxSize": 10_000, "hasKeyword": "$flagged"}, [c]),
            ({"header": ["Content-Disposition"]}, [c]),
            ({"header": ["from", "dave"]}, [b]),
            ({"operator": "NOT", "conditions": [{"inMailbox": inbox}]}, [b]),
            ({"operator": "OR", "conditions": [{"subject": "lunch"}, {"subject": "file"}]}, [c, b]),
            ({}, [c, b, a]),
            (None, [c, b, a]),
        ):
            self.assertEqual(await kit.ids(filter), ids, filter)

    async def test_sorts(self) -> None:
        kit = await Kit.start(self)
        b = await kit.add(mail("Re: b", "long " * 50))
        a = await kit.add(mail("a"), keywords=("$flagged",))
        for sort, ids in (
            ([{"property": "subject"}], [a, b]),
            ([{"property": "size", "isAscending": False}], [b, a]),
            ([{"property": "receivedAt"}], [b, a]),
            ([{"property": "hasKeyword", "keyword": "$flagged"}], [b, a]),
        ):
            self.assertEqual(await kit.ids(sort=sort), ids, sort)

    async def test_unsupported(self) -> None:
        kit = await Kit.start(self)
        deep: Any = {"subject": "x"}
        for _ in range(20):
            deep = {"operator": "AND", "conditions": [deep]}
        wide = {"operator": "OR", "conditions": [{"subject": "x"}] * 200}
        for arguments, error in (
            ({"filter": {"colour": "red"}}, "unsupportedFilter"),
            ({"filter": {"header": ["a b"]}}, "unsupportedFilter"),
            ({"filter": {"hasKeyword": "a b"}}, "unsupportedFilter"),
            ({"filter": {"text": "x" * 5000}}, "unsupportedFilter"),
            ({"filter": deep}, "unsupportedFilter"),
            ({"filter": wide}, "unsupportedFilter"),
            ({"sort": [{"property": "colour"}]}, "unsupportedSort"),
            ({"sort": [{"property": "subject", "collation": "i;octet"}]}, "unsupportedSort"),
            ({"sort": [{"property": "hasKeyword"}]}, "invalidArguments"),
        ):
            self.assertEqual(await kit.error("Email/query", **arguments), error, arguments)

    async def test_mail_of_others_is_never_found(self) -> None:
        kit = await Kit.start(self)
        bob = await kit.site.directory.find(BOB)
        assert bob is not None
        folders = await kit.store.read(lambda tx: tx.folders.list(bob.id))
        theirs = f"m{folders[0].id}"
        foreign = await kit.add(mail("secret"), box=theirs)
        mine = await kit.add(mail("own"))
        box = {"inMailbox": theirs}
        inbox = {"inMailbox": kit.boxes["inbox"]}
        for filter in (
            box, {**box, "subject": "secret"}, {"subject": "secret"}, {}, None,
            {"text": "secret"}, {"inMailboxOtherThan": [kit.boxes["inbox"]]},
            {"operator": "AND", "conditions": [box]}, {"operator": "OR", "conditions": [box]},
            {"operator": "OR", "conditions": [box, inbox]},
            {"operator": "AND", "conditions": [{"operator": "AND", "conditions": [box]}]},
            {"operator": "NOT", "conditions": [inbox]},
            {"operator": "NOT", "conditions": [{"operator": "NOT", "conditions": [box]}]},
            {"operator": "AND", "conditions": [inbox, {"operator": "OR", "conditions": [box, {}]}]},
        ):  # fmt: skip
            for collapse in (False, True):
                found = await kit.ids(filter, collapseThreads=collapse)
                self.assertNotIn(foreign, found, filter)
                self.assertLessEqual(set(found), {mine})
            error = await kit.request(
                ["Email/query", {"accountId": kit.account_id, "filter": filter, "anchor": foreign}]
            )
            self.assertEqual(error[0][1]["type"], "anchorNotFound", filter)

    async def test_collapse_threads(self) -> None:
        kit = await Kit.start(self)
        one = await kit.add(mail("talk", extra="Message-ID: <1@x>\r\n"))
        two = await kit.add(mail("Re: talk", extra="In-Reply-To: <1@x>\r\n"))
        alone = await kit.add(mail("other"))
        self.assertEqual(await kit.ids(collapseThreads=True), [alone, two])
        self.assertEqual(await kit.ids(), [alone, two, one])
        found = await kit.call("Email/query", collapseThreads=True, calculateTotal=True)
        self.assertEqual(found["total"], 2)


class QueryChangesTests(TestCase):
    async def test_nothing_changed(self) -> None:
        kit = await Kit.start(self)
        await kit.add()
        state = (await kit.call("Email/query"))["queryState"]
        changes = await kit.call("Email/queryChanges", sinceQueryState=state, calculateTotal=True)
        self.assertEqual((changes["removed"], changes["added"], changes["total"]), ([], [], 1))
        self.assertEqual((changes["oldQueryState"], changes["newQueryState"]), (state, state))

    async def test_too_many(self) -> None:
        kit = await Kit.start(self, JmapLimits(changed_for_query=4))
        state = (await kit.call("Email/query"))["queryState"]
        for _ in range(3):
            await kit.add()
        arguments = {"sinceQueryState": state}
        error = await kit.error("Email/queryChanges", maxChanges=2, **arguments)
        self.assertEqual(error, "tooManyChanges")
        found = await kit.call("Email/queryChanges", maxChanges=3, upToId="e1", **arguments)
        self.assertEqual([each["index"] for each in found["added"]], [0, 1, 2])
        for _ in range(3):
            await kit.add()
        error = await kit.error("Email/queryChanges", **arguments)
        self.assertEqual(error, "cannotCalculateChanges")

    async def test_while_a_deleted_mailbox_is_emptied(self) -> None:
        """Its messages are in no results at once, but are told to be removed only later."""
        self.patch(folders, "AT_ONCE", 1)
        kit = await Kit.start(self)
        made = await kit.call("Mailbox/set", create={"w": {"name": "Work"}})
        work = kit.boxes["work"] = made["created"]["w"]["id"]
        kept = await kit.add()
        for _ in range(3):
            await kit.add(box="work")
        inbox = {"inMailbox": kit.boxes["inbox"]}
        state = (await kit.call("Email/query"))["queryState"]
        await kit.call("Mailbox/set", destroy=[work], onDestroyRemoveEmails=True)
        self.assertEqual(await kit.ids(), [kept])
        error = await kit.error("Email/queryChanges", sinceQueryState=state)
        self.assertEqual(error, "cannotCalculateChanges")
        found = await kit.call("Email/queryChanges", sinceQueryState=state, filter=inbox)
        self.assertEqual((found["removed"], found["added"]), ([], []))

        def empty(tx: ITransaction) -> None:
            for each in tx.folders.removed():
                tx.items.empty(each, 9)

        await kit.store.write(empty)
        found = await kit.call("Email/queryChanges", sinceQueryState=state)
        self.assertEqual((len(found["removed"]), found["added"]), (3, []))

    async def test_changes_lead_from_the_old_results_to_the_new(self) -> None:
        """For many random histories and every kind of filter, sort and collapsing."""
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        kit = await Kit.start(self)
        inbox = {"inMailbox": kit.boxes["inbox"]}
        questions: list[dict[str, Any]] = [
            {"filter": inbox},
            {"filter": inbox, "collapseThreads": True},
            {"filter": {"hasKeyword": "$flagged"}},
            {"filter": {**inbox, "someInThreadHaveKeyword": "$flagged"}},
            {"filter": inbox, "sort": [{"property": "subject"}]},
            {"filter": {"allInThreadHaveKeyword": "$seen"}, "collapseThreads": True},
            {"sort": [{"property": "someInThreadHaveKeyword", "keyword": "$flagged",
                       "isAscending": False}, {"property": "receivedAt"}]},
            {"filter": {"operator": "NOT", "conditions": [{"hasKeyword": "$seen"}]},
             "sort": [{"property": "size"}], "collapseThreads": True},
        ]  # fmt: skip
        for _ in range(25):
            old = [await kit.call("Email/query", **each) for each in questions]
            for _ in range(chance.choice([1, 1, 3, 20])):
                await self.something(kit, chance)
            for question, before in zip(questions, old, strict=True):
                after = await kit.call("Email/query", **question)
                changes = await kit.call(
                    "Email/queryChanges", sinceQueryState=before["queryState"], **question
                )
                removed = set(changes["removed"])
                ids = [each for each in before["ids"] if each not in removed]
                for added in changes["added"]:
                    self.assertNotIn(added["id"], ids)
                    ids.insert(added["index"], added["id"])
                self.assertEqual(ids, after["ids"], (seed, question))
                self.assertEqual(changes["newQueryState"], after["queryState"])

    async def something(self, kit: Kit, chance: random.Random) -> None:
        everything = await kit.ids()
        act = chance.choice(["add", "add", "flag", "seen", "move", "destroy"])
        if act == "add" or not everything:
            number = chance.randrange(6)
            head = f"Message-ID: <{chance.random()}@x>\r\nReferences: <root{number}@x>\r\n"
            data = mail(f"Re: topic {number}", "x" * chance.randrange(50), extra=head)
            received = START + chance.randrange(1000) * 1_000_000
            await kit.add(data, chance.choice(["inbox", "archive"]), received=received)
            return
        id = chance.choice(everything)
        on = chance.choice([True, None])
        if act == "destroy":
            await kit.call("Email/set", destroy=[id])
            return
        patch = {
            "flag": {"keywords/$flagged": on},
            "seen": {"keywords/$seen": on},
            "move": {"mailboxIds": {kit.boxes[chance.choice(["inbox", "archive"])]: True}},
        }[act]
        await kit.call("Email/set", update={id: patch})
