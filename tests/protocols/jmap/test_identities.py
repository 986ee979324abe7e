"""Identity: as whom an account may send."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from mailim.limits import SIGNATURE_CHARS
from tests.protocols.jmap.kit import ALICE, BOB, Kit


class IdentityTests(TestCase):
    async def start(self) -> Kit:
        self.kit = kit = await Kit.start(self)
        await kit.site.accounts.add_alias("sales@example.test", ALICE)
        await kit.site.accounts.add_group("team@example.test")
        for each in (ALICE, BOB):
            await kit.site.accounts.add_member("team@example.test", each)
        await kit.site.accounts.add_alias("both@example.test", "team@example.test")
        return kit

    async def make(self, **value: Any) -> dict[str, Any]:
        answer = await self.kit.call("Identity/set", create={"i": value})
        found: dict[str, Any] = (answer["created"] or answer["notCreated"])["i"]
        return found

    async def all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.kit.call("Identity/get"))["list"]
        return found

    async def test_the_accounts_own(self) -> None:
        kit = await self.start()
        [own] = await self.all()
        self.assertEqual(
            {name: own[name] for name in own if name != "id"},
            {
                "name": "Alice", "email": ALICE, "replyTo": None, "bcc": None,
                "textSignature": "", "htmlSignature": "", "mayDelete": False,
            },
        )  # fmt: skip
        self.assertEqual(await self.all(), [own])
        answer = await kit.call("Identity/set", destroy=[own["id"], "i99"])
        self.assertEqual(answer["notDestroyed"][own["id"]]["type"], "forbidden")
        self.assertEqual(answer["notDestroyed"]["i99"]["type"], "notFound")
        found = await kit.call("Identity/get", ids=[own["id"], "i99"], properties=["email"])
        self.assertEqual(found["list"], [{"id": own["id"], "email": ALICE}])
        self.assertEqual(found["notFound"], ["i99"])

    async def test_an_alias(self) -> None:
        kit = await self.start()
        state = (await kit.call("Identity/get", ids=[]))["state"]
        reply_to = [{"name": "Help", "email": "help@example.org"}]
        made = await self.make(
            name="Sales", email="Sales+x@example.test", replyTo=reply_to, textSignature="--"
        )
        self.assertEqual(set(made), {"id", "bcc", "htmlSignature", "mayDelete"})
        self.assertTrue(made["mayDelete"])
        own, alias = await self.all()
        self.assertEqual((alias["email"], alias["replyTo"]), ("Sales+x@example.test", reply_to))
        changes = await kit.call("Identity/changes", sinceState=state)
        self.assertEqual(changes["created"], [alias["id"]])
        answer = await kit.call(
            "Identity/set",
            update={alias["id"]: {**alias, "name": "S.", "replyTo": None, "bcc": reply_to}},
        )
        self.assertEqual(answer["updated"], {alias["id"]: None})
        changed = (await self.all())[1]
        self.assertEqual((changed["name"], changed["replyTo"], changed["bcc"]),
                         ("S.", None, reply_to))  # fmt: skip
        state = answer["newState"]
        answer = await kit.call("Identity/set", update={alias["id"]: {"name": "S."}})
        self.assertEqual(answer["newState"], state)
        answer = await kit.call("Identity/set", destroy=[alias["id"]])
        self.assertEqual(answer["destroyed"], [alias["id"]])
        self.assertEqual(await self.all(), [own])

    async def test_only_as_oneself(self) -> None:
        await self.start()
        for email, kind in (
            ("alice+news@example.test", None),
            (BOB, "forbiddenFrom"),
            ("team@example.test", "forbiddenFrom"),
            ("both@example.test", "forbiddenFrom"),
            ("nobody@example.test", "forbiddenFrom"),
            ("alice@example.org", "forbiddenFrom"),
            ("*@example.test", "forbiddenFrom"),
            ("alice", "invalidProperties"),
            ("", "invalidProperties"),
            (None, "invalidProperties"),
            (f"{ALICE}\r\nBcc: x@y", "invalidProperties"),
            (f"{ALICE}, {BOB}", "invalidProperties"),
        ):
            self.assertEqual((await self.make(email=email)).get("type"), kind, email)

    async def test_properties_that_cannot_be(self) -> None:
        kit = await self.start()
        address = {"name": None, "email": BOB}
        for name, value in (
            ("name", None), ("name", "x" * 201), ("name", "a\r\nBcc: b"), ("name", 5),
            ("replyTo", address), ("replyTo", [BOB]), ("replyTo", [{"name": "x"}]),
            ("bcc", [{**address, "name": "a\nb"}]), ("bcc", [{"email": "a@b\r\nc"}]),
            ("bcc", [{**address, "more": 1}]), ("bcc", [address] * 51),
            ("textSignature", None), ("htmlSignature", "x" * (SIGNATURE_CHARS + 1)),
            ("textSignature", "\0"), ("mayDelete", False), ("id", "i1"), ("nonsense", 1),
        ):  # fmt: skip
            error = await self.make(email=ALICE, **{name: value})
            self.assertEqual(error["type"], "invalidProperties", (name, value))
            self.assertEqual(error["properties"], [name])
        [own] = await self.all()
        for name, value in (("email", BOB), ("name", 5), ("replyTo/0", None), ("mayDelete", True)):
            answer = await kit.call("Identity/set", update={own["id"]: {name: value}})
            error = answer["notUpdated"][own["id"]]
            self.assertEqual((error["type"], error["properties"]), ("invalidProperties", [name]))
        answer = await kit.call("Identity/set", update={"i99": {"name": "x"}})
        self.assertEqual(answer["notUpdated"]["i99"]["type"], "notFound")
        self.assertEqual(await self.all(), [own])

    async def test_too_many(self) -> None:
        await self.start()
        many = {f"i{n}": {"email": ALICE} for n in range(101)}
        answer = await self.kit.call("Identity/set", create=many)
        self.assertEqual(len(answer["created"]), 99)
        kinds = {each["type"] for each in answer["notCreated"].values()}
        self.assertEqual(kinds, {"overQuota"})
