"""Mailbox/get, changes, query, queryChanges and set (RFC 8621 section 2)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from tests.protocols.jmap.kit import BOB, Kit


class MailboxCase(TestCase):
    async def create(self, kit: Kit, **properties: Any) -> str:
        result = await kit.call("Mailbox/set", create={"k": properties})
        self.assertIsNone(result["notCreated"])
        id: str = result["created"]["k"]["id"]
        return id

    async def mailbox(self, kit: Kit, id: str) -> dict[str, Any]:
        found = await kit.call("Mailbox/get", ids=[id])
        result: dict[str, Any] = found["list"][0]
        return result

    async def refused(self, kit: Kit, what: str, **arguments: Any) -> Any:
        """Give the one SetError of `notCreated` and the like."""
        result = await kit.call("Mailbox/set", **arguments)
        ((_, error),) = result[what].items()
        return error


class GetTests(MailboxCase):
    async def test_get(self) -> None:
        kit = await Kit.start(self)
        await kit.add()
        await kit.add(keywords=("$seen",))
        inbox = await self.mailbox(kit, kit.boxes["inbox"])
        rights = inbox.pop("myRights")
        self.assertEqual(
            inbox,
            {
                "id": kit.boxes["inbox"], "name": "Inbox", "parentId": None, "role": "inbox",
                "sortOrder": inbox["sortOrder"], "totalEmails": 2, "unreadEmails": 1,
                "totalThreads": 2, "unreadThreads": 1, "isSubscribed": True,
            },
        )  # fmt: skip
        self.assertEqual((rights["mayReadItems"], rights["mayDelete"]), (True, False))
        self.assertEqual(len(rights), 9)

    async def test_all_some_and_none(self) -> None:
        kit = await Kit.start(self)
        everything = await kit.call("Mailbox/get", ids=None, properties=["role"])
        roles = {each["role"] for each in everything["list"]}
        self.assertEqual(roles, {"inbox", "drafts", "sent", "junk", "trash", "archive"})
        self.assertEqual(set(everything["list"][0]), {"id", "role"})
        self.assertEqual((await kit.call("Mailbox/get", ids=[]))["list"], [])
        some = await kit.call("Mailbox/get", ids=[kit.boxes["sent"], "m999", "x", "e1", "#new"])
        self.assertEqual(len(some["list"]), 1)
        self.assertEqual(some["notFound"], ["m999", "x", "e1", "#new"])

    async def test_those_of_others_are_not_found(self) -> None:
        kit = await Kit.start(self)
        bob = await kit.site.directory.find(BOB)
        assert bob is not None
        folders = await kit.store.read(lambda tx: tx.folders.list(bob.id))
        id = f"m{folders[0].id}"
        self.assertEqual((await kit.call("Mailbox/get", ids=[id]))["notFound"], [id])
        for what, arguments in (
            ("notUpdated", {"update": {id: {"name": "mine"}}}),
            ("notDestroyed", {"destroy": [id]}),
        ):
            error = await self.refused(kit, what, **arguments)
            self.assertEqual(error["type"], "notFound")
        error = await self.refused(kit, "notCreated", create={"k": {"name": "A", "parentId": id}})
        self.assertEqual((error["type"], error["properties"]), ("invalidProperties", ["parentId"]))


class ChangesTests(MailboxCase):
    async def test_changes(self) -> None:
        kit = await Kit.start(self)
        state = (await kit.call("Mailbox/get", ids=[]))["state"]
        nothing = await kit.call("Mailbox/changes", sinceState=state)
        self.assertEqual(nothing["oldState"], nothing["newState"])
        id = await self.create(kit, name="A")
        changes = await kit.call("Mailbox/changes", sinceState=state)
        self.assertEqual((changes["created"], changes["updated"]), ([id], []))
        self.assertIsNone(changes["updatedProperties"])
        await kit.call("Mailbox/set", destroy=[id])
        gone = await kit.call("Mailbox/changes", sinceState=changes["newState"])
        self.assertEqual(gone["destroyed"], [id])
        both = await kit.call("Mailbox/changes", sinceState=state)
        self.assertEqual((both["created"], both["destroyed"]), ([], []))

    async def test_only_counts(self) -> None:
        kit = await Kit.start(self)
        state = (await kit.call("Mailbox/get", ids=[]))["state"]
        await kit.add()
        changes = await kit.call("Mailbox/changes", sinceState=state)
        self.assertEqual(changes["updated"], [kit.boxes["inbox"]])
        self.assertEqual(
            changes["updatedProperties"],
            ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"],
        )

    async def test_pages(self) -> None:
        kit = await Kit.start(self)
        state = (await kit.call("Mailbox/get", ids=[]))["state"]
        ids = [await self.create(kit, name=f"A{number}") for number in range(5)]
        seen: list[str] = []
        more = True
        while more:
            page = await kit.call("Mailbox/changes", sinceState=state, maxChanges=2)
            self.assertLessEqual(len(page["created"]), 2)
            seen += page["created"]
            state, more = page["newState"], page["hasMoreChanges"]
        self.assertEqual(seen, ids)

    async def test_unknown_states(self) -> None:
        kit = await Kit.start(self)
        for state in ("", "x", "-1", "999999", "9" * 30, "١"):
            for name in ("Mailbox/changes", "Email/changes", "Thread/changes"):
                error = await kit.error(name, sinceState=state)
                self.assertEqual(error, "cannotCalculateChanges", state)
            for name in ("Mailbox/queryChanges", "Email/queryChanges"):
                error = await kit.error(name, sinceQueryState=state)
                self.assertEqual(error, "cannotCalculateChanges", state)


class QueryTests(MailboxCase):
    async def tree(self, kit: Kit) -> dict[str, str]:
        b = await self.create(kit, name="B", sortOrder=20)
        a = await self.create(kit, name="A", sortOrder=30)
        b2 = await self.create(kit, name="B2", parentId=b, sortOrder=50)
        b1 = await self.create(kit, name="b1", parentId=b, sortOrder=60)
        return {"B": b, "A": a, "B2": b2, "b1": b1}

    async def names(self, kit: Kit, **arguments: Any) -> list[str]:
        found = await kit.call("Mailbox/query", **arguments)
        mailboxes = await kit.call("Mailbox/get", ids=found["ids"], properties=["name"])
        return [each["name"] for each in mailboxes["list"]]

    async def test_filters(self) -> None:
        kit = await Kit.start(self)
        tree = await self.tree(kit)
        await kit.call("Mailbox/set", update={tree["A"]: {"isSubscribed": False}})
        for filter, names in (
            ({"parentId": tree["B"]}, ["B2", "b1"]),
            ({"hasAnyRole": False, "parentId": None}, ["B", "A"]),
            ({"name": "b"}, ["Inbox", "B", "B2", "b1"]),
            ({"role": "inbox"}, ["Inbox"]),
            ({"isSubscribed": False}, ["A"]),
            (
                {"operator": "AND", "conditions": [
                    {"hasAnyRole": False}, {"operator": "NOT", "conditions": [{"name": "B"}]},
                ]},
                ["A"],
            ),
            ({"operator": "OR", "conditions": [{"name": "b1"}, {"name": "b2"}]}, ["B2", "b1"]),
            ({"parentId": "nothing"}, []),
            ({"operator": "OR", "conditions": []}, []),
        ):  # fmt: skip
            found = await self.names(kit, filter=filter, sort=[{"property": "sortOrder"}])
            self.assertEqual(found, names, filter)

    async def test_sorts(self) -> None:
        kit = await Kit.start(self)
        await self.tree(kit)
        mine = {"hasAnyRole": False}
        sort = [{"property": "name", "isAscending": False}]
        self.assertEqual(await self.names(kit, filter=mine, sort=sort), ["B2", "b1", "B", "A"])
        sort = [{"property": "sortOrder"}]
        self.assertEqual(await self.names(kit, filter=mine, sort=sort), ["B", "A", "B2", "b1"])
        tree = await self.names(kit, filter=mine, sort=sort, sortAsTree=True)
        self.assertEqual(tree, ["B", "B2", "b1", "A"])
        tree = await self.names(kit, filter={"name": "b"}, filterAsTree=True)
        self.assertEqual(sorted(tree), ["B", "B2", "Inbox", "b1"])
        tree = await self.names(kit, filter={"name": "b2"}, filterAsTree=True)
        self.assertEqual(tree, [])

    async def test_windows(self) -> None:
        kit = await Kit.start(self)
        tree = await self.tree(kit)
        mine = {"filter": {"hasAnyRole": False}, "sort": [{"property": "sortOrder"}]}
        for window, names in (
            ({"position": 1, "limit": 2}, ["A", "B2"]),
            ({"position": -1}, ["b1"]),
            ({"position": -99, "limit": 1}, ["B"]),
            ({"position": 99}, []),
            ({"anchor": tree["A"]}, ["A", "B2", "b1"]),
            ({"anchor": tree["A"], "anchorOffset": -1, "limit": 1}, ["B"]),
            ({"anchor": tree["A"], "anchorOffset": -9, "limit": 1}, ["B"]),
            ({"limit": 0}, []),
        ):
            self.assertEqual(await self.names(kit, **mine, **window), names, window)
        found = await kit.call("Mailbox/query", **mine, calculateTotal=True, position=2)
        self.assertEqual((found["total"], found["position"]), (4, 2))
        self.assertEqual(await kit.error("Mailbox/query", anchor="m99"), "anchorNotFound")

    async def test_unsupported(self) -> None:
        kit = await Kit.start(self)
        for arguments, error in (
            ({"filter": {"colour": "red"}}, "unsupportedFilter"),
            ({"sort": [{"property": "colour"}]}, "unsupportedSort"),
            ({"sort": [{"property": "name", "collation": "i;octet"}]}, "unsupportedSort"),
        ):
            self.assertEqual(await kit.error("Mailbox/query", **arguments), error)

    async def test_query_changes(self) -> None:
        """Applying the changes to the old results gives the new ones."""
        kit = await Kit.start(self)
        tree = await self.tree(kit)
        arguments: dict[str, Any] = {"sort": [{"property": "name"}], "sortAsTree": True}
        old = await kit.call("Mailbox/query", **arguments)
        await kit.add()
        counts = await kit.call(
            "Mailbox/queryChanges", sinceQueryState=old["queryState"], **arguments
        )
        self.assertEqual((counts["removed"], counts["added"]), ([], []))
        await kit.call(
            "Mailbox/set",
            update={tree["A"]: {"parentId": tree["B"], "name": "Z"}},
            destroy=[tree["b1"]],
            create={"k": {"name": "C"}},
        )
        changes = await kit.call(
            "Mailbox/queryChanges",
            sinceQueryState=old["queryState"],
            calculateTotal=True,
            **arguments,
        )
        new = await kit.call("Mailbox/query", **arguments)
        self.assertEqual(changes["newQueryState"], new["queryState"])
        self.assertEqual(changes["total"], len(new["ids"]))
        ids = [each for each in old["ids"] if each not in changes["removed"]]
        for added in changes["added"]:
            ids.insert(added["index"], added["id"])
        self.assertEqual(ids, new["ids"])
        error = await kit.error(
            "Mailbox/queryChanges", sinceQueryState=old["queryState"], maxChanges=1, **arguments
        )
        self.assertEqual(error, "tooManyChanges")


class SetTests(MailboxCase):
    async def test_create(self) -> None:
        kit = await Kit.start(self)
        result = await kit.call(
            "Mailbox/set",
            create={"k": {"name": "Cafe\u0301", "sortOrder": 7, "isSubscribed": False}},
        )
        made = result["created"]["k"]
        self.assertEqual(made["name"], "Café")  # normalised, so told
        self.assertNotIn("sortOrder", made)
        self.assertEqual((made["totalEmails"], made["parentId"], made["role"]), (0, None, None))
        self.assertTrue(made["myRights"]["mayDelete"])
        self.assertNotEqual(result["oldState"], result["newState"])
        box = await self.mailbox(kit, made["id"])
        self.assertEqual((box["sortOrder"], box["isSubscribed"]), (7, False))

    async def test_create_children_in_any_order(self) -> None:
        kit = await Kit.start(self)
        result = await kit.call(
            "Mailbox/set",
            create={
                "c": {"name": "C", "parentId": "#b"},
                "b": {"name": "B", "parentId": "#a"},
                "a": {"name": "A"},
                "x": {"name": "X", "parentId": "#y"},
                "y": {"name": "Y", "parentId": "#x"},
            },
        )
        self.assertEqual(set(result["created"]), {"a", "b", "c"})
        self.assertEqual(set(result["notCreated"]), {"x", "y"})
        box = await self.mailbox(kit, result["created"]["c"]["id"])
        self.assertEqual(box["parentId"], result["created"]["b"]["id"])

    async def test_bad_creations(self) -> None:
        kit = await Kit.start(self)
        for properties, wrong in (
            ({}, ["name"]),
            ({"name": ""}, ["name"]),
            ({"name": "  "}, ["name"]),
            ({"name": "a\nb"}, ["name"]),
            ({"name": "x" * 256}, ["name"]),
            ({"name": 5}, ["name"]),
            ({"name": "A", "parentId": "m999"}, ["parentId"]),
            ({"name": "A", "parentId": "#no"}, ["parentId"]),
            ({"name": "A", "parentId": 5}, ["parentId"]),
            ({"name": "A", "role": "king"}, ["role"]),
            ({"name": "A", "role": "inbox"}, ["name", "role"]),
            ({"name": "Inbox"}, ["name"]),
            ({"name": "A", "sortOrder": -1}, ["sortOrder"]),
            ({"name": "A", "sortOrder": 2**31}, ["sortOrder"]),
            ({"name": "A", "sortOrder": True}, ["sortOrder"]),
            ({"name": "A", "isSubscribed": 1}, ["isSubscribed"]),
            ({"name": "A", "totalEmails": 1}, ["totalEmails"]),
            ({"name": "A", "colour": "red"}, ["colour"]),
            ({"name": "A", "id": "m1"}, ["id"]),
        ):
            error = await self.refused(kit, "notCreated", create={"k": properties})
            self.assertEqual(error["type"], "invalidProperties", properties)
            self.assertEqual(error["properties"], wrong, properties)

    async def test_update(self) -> None:
        kit = await Kit.start(self)
        a = await self.create(kit, name="A")
        b = await self.create(kit, name="B")
        result = await kit.call(
            "Mailbox/set",
            update={a: {"name": "A2", "parentId": b, "sortOrder": 9, "isSubscribed": False}},
        )
        self.assertEqual(result["updated"], {a: None})
        box = await self.mailbox(kit, a)
        self.assertEqual(
            (box["name"], box["parentId"], box["sortOrder"], box["isSubscribed"]),
            ("A2", b, 9, False),
        )
        result = await kit.call("Mailbox/set", update={a: {"parentId": None, "name": " A3 "}})
        self.assertEqual(result["updated"], {a: {"name": "A3"}})
        self.assertIsNone((await self.mailbox(kit, a))["parentId"])

    async def test_update_with_what_is_so_already(self) -> None:
        """RFC 8620 section 5.3: server-set properties may be sent unchanged."""
        kit = await Kit.start(self)
        a = await self.create(kit, name="A")
        box = await self.mailbox(kit, a)
        result = await kit.call("Mailbox/set", update={a: {**box, "name": "B"}})
        self.assertEqual(result["updated"], {a: None})

    async def test_bad_updates(self) -> None:
        kit = await Kit.start(self)
        a = await self.create(kit, name="A")
        b = await self.create(kit, name="B", parentId=a)
        for id, patch, type, wrong in (
            (a, {"parentId": b}, "invalidProperties", ["parentId"]),
            (a, {"parentId": a}, "invalidProperties", ["parentId"]),
            (a, {"name": "Sent"}, "invalidProperties", ["name"]),
            (a, {"role": "sent"}, "invalidProperties", ["role"]),
            (a, {"totalEmails": 5}, "invalidProperties", ["totalEmails"]),
            (a, {"myRights/mayDelete": False}, "invalidProperties", ["myRights"]),
            (a, {"name": None}, "invalidProperties", ["name"]),
            (a, {"name": "x", "name/y": 1}, "invalidPatch", None),
            (a, {"a/b/c": 1}, "invalidPatch", None),
            ("m999", {"name": "x"}, "notFound", None),
            ("bad id", {"name": "x"}, "notFound", None),
            (kit.boxes["inbox"], {"name": "In"}, "forbidden", None),
            (kit.boxes["inbox"], {"role": None}, "forbidden", None),
            (kit.boxes["inbox"], {"parentId": a}, "forbidden", None),
        ):
            error = await self.refused(kit, "notUpdated", update={id: patch})
            self.assertEqual((error["type"], error.get("properties")), (type, wrong), patch)
        self.assertEqual((await self.mailbox(kit, a))["name"], "A")

    async def test_roles_move(self) -> None:
        kit = await Kit.start(self)
        a = await self.create(kit, name="A")
        old = kit.boxes["archive"]
        await kit.call("Mailbox/set", update={old: {"role": None}})
        result = await kit.call("Mailbox/set", update={a: {"role": "archive"}})
        self.assertEqual(result["updated"], {a: None})
        await kit.call("Mailbox/set", destroy=[old])
        self.assertEqual((await kit.call("Mailbox/get", ids=[old]))["notFound"], [old])

    async def test_destroy(self) -> None:
        kit = await Kit.start(self)
        a = await self.create(kit, name="A")
        b = await self.create(kit, name="B", parentId=a)
        email = await kit.add(box=b)
        error = await self.refused(kit, "notDestroyed", destroy=[a])
        self.assertEqual(error["type"], "mailboxHasChild")
        error = await self.refused(kit, "notDestroyed", destroy=[b])
        self.assertEqual(error["type"], "mailboxHasEmail")
        result = await kit.call("Mailbox/set", destroy=[a, b], onDestroyRemoveEmails=True)
        self.assertEqual(set(result["destroyed"]), {a, b})
        self.assertEqual((await kit.call("Email/get", ids=[email]))["notFound"], [email])

    async def test_what_may_not_go(self) -> None:
        kit = await Kit.start(self)
        for role in ("inbox", "trash", "sent", "drafts"):
            error = await self.refused(kit, "notDestroyed", destroy=[kit.boxes[role]])
            self.assertEqual(error["type"], "forbidden")
        error = await self.refused(kit, "notDestroyed", destroy=["m999"])
        self.assertEqual(error["type"], "notFound")

    async def test_if_in_state(self) -> None:
        kit = await Kit.start(self)
        state = (await kit.call("Mailbox/get", ids=[]))["state"]
        await kit.call("Mailbox/set", ifInState=state, create={"k": {"name": "A"}})
        error = await kit.error("Mailbox/set", ifInState=state, create={"k": {"name": "B"}})
        self.assertEqual(error, "stateMismatch")

    async def test_update_and_destroy_together(self) -> None:
        kit = await Kit.start(self)
        a = await self.create(kit, name="A")
        result = await kit.call("Mailbox/set", update={a: {"name": "B"}}, destroy=[a, a])
        self.assertEqual(result["notUpdated"][a]["type"], "willDestroy")
        self.assertEqual(result["destroyed"], [a])

    async def test_update_of_what_was_just_created(self) -> None:
        kit = await Kit.start(self)
        result = await kit.call(
            "Mailbox/set", create={"k": {"name": "A"}}, update={"#k": {"name": "B"}}
        )
        self.assertEqual(result["updated"], {"#k": None})
        self.assertEqual((await self.mailbox(kit, result["created"]["k"]["id"]))["name"], "B")

    async def test_too_deep(self) -> None:
        kit = await Kit.start(self)
        create = {"k0": {"name": "d"}} | {
            f"k{depth}": {"name": "d", "parentId": f"#k{depth - 1}"} for depth in range(1, 12)
        }
        result = await kit.call("Mailbox/set", create=create)
        self.assertEqual(len(result["created"]), 10)
        self.assertEqual(set(result["notCreated"]), {"k10", "k11"})
