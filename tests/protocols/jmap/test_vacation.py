"""VacationResponse: one object, strict in what it takes, its state its own."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mailim.protocols.jmap.methods import CORE
from mailim.protocols.jmap.vacation import MORE, VACATION
from tests.protocols.jmap.kit import Kit, mail

DEFAULT = {
    "id": "singleton",
    "isEnabled": False,
    "fromDate": None,
    "toDate": None,
    "subject": None,
    "textBody": None,
    "htmlBody": None,
}
DEFAULT_MORE = {"periodDays": 1, "excludedAddresses": [], "answersColleagues": True}
GIVEN = {
    "isEnabled": True,
    "fromDate": "2026-12-20T00:00:00Z",
    "toDate": "2027-01-07T08:00:00Z",
    "subject": "Weg – away",
    "textBody": "Grüße,\nAlice",
    "htmlBody": "<p>Grüße</p>",
}


class VacationCase(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.kit = await Kit.start(self)

    async def call(self, name: str, more: bool = True, **arguments: Any) -> Any:
        using = [CORE, VACATION, *([MORE] if more else [])]
        method = f"VacationResponse/{name}"
        arguments = {"accountId": self.kit.account_id, **arguments}
        answer = await self.kit.post({"using": using, "methodCalls": [[method, arguments, "0"]]})
        self.assertEqual(answer.status, 200, answer.body)
        answered, value, _ = answer.json["methodResponses"][0]
        return value if answered == method else value["type"]

    async def set(self, **patch: Any) -> Any:
        return await self.call("set", update={"singleton": patch})

    async def one(self, more: bool = True) -> Any:
        [found] = (await self.call("get", more))["list"]
        return found

    async def refused(self, **patch: Any) -> Any:
        """Give the properties of the error a patch gets, and see that it changed nothing."""
        before = await self.one()
        outcome = await self.set(**patch)
        self.assertIsNone(outcome["updated"], patch)
        error = outcome["notUpdated"]["singleton"]
        self.assertEqual(error["type"], "invalidProperties", patch)
        self.assertEqual(outcome["oldState"], outcome["newState"])
        self.assertEqual(await self.one(), before)
        return error["properties"]


class ReadingTests(VacationCase):
    async def test_the_singleton(self) -> None:
        found = await self.call("get", more=False)
        self.assertEqual((found["list"], found["notFound"]), ([DEFAULT], []))
        found = await self.call("get", ids=["x", "singleton"], properties=["isEnabled"])
        self.assertEqual(found["list"], [{"id": "singleton", "isEnabled": False}])
        self.assertEqual(found["notFound"], ["x"])
        self.assertEqual((await self.call("get", ids=[]))["list"], [])

    async def test_more_only_for_who_knows(self) -> None:
        """RFC 8620 section 1.8: what the RFC does not name needs its capability."""
        self.assertEqual(await self.one(), DEFAULT | DEFAULT_MORE)
        self.assertEqual(await self.one(more=False), DEFAULT)
        self.assertEqual(
            await self.call("get", more=False, properties=["periodDays"]), "invalidArguments"
        )
        outcome = await self.call("set", False, update={"singleton": {"periodDays": 3}})
        self.assertEqual(outcome["notUpdated"]["singleton"]["properties"], ["periodDays"])

    async def test_the_session_tells(self) -> None:
        session = (await self.kit.answer("GET", "/jmap/session")).json
        for name in (VACATION, MORE):
            self.assertEqual(session["capabilities"][name], {})
            self.assertEqual(session["primaryAccounts"][name], self.kit.account_id)
        [account] = session["accounts"].values()
        self.assertEqual(account["accountCapabilities"][VACATION], {})
        self.assertEqual(account["accountCapabilities"][MORE]["maxPeriodDays"], 60)

    async def test_without_the_capability(self) -> None:
        self.assertEqual(await self.kit.error("VacationResponse/get"), "unknownMethod")


class SettingTests(VacationCase):
    async def test_everything_comes_back(self) -> None:
        more: dict[str, Any] = {
            "periodDays": 7,
            "excludedAddresses": ["*@x.test"],
            "answersColleagues": False,
        }
        outcome = await self.set(**GIVEN, **more)
        self.assertEqual(outcome["updated"], {"singleton": None})
        self.assertEqual(await self.one(), DEFAULT | GIVEN | more)
        self.assertNotEqual(outcome["oldState"], outcome["newState"])
        self.assertEqual((await self.call("get"))["state"], outcome["newState"])
        # Null is the default again; what is not said stays.
        await self.set(fromDate=None, subject=None, periodDays=None, excludedAddresses=None)
        changed: dict[str, Any] = {
            "fromDate": None,
            "subject": None,
            "periodDays": 1,
            "excludedAddresses": [],
        }
        self.assertEqual(await self.one(), DEFAULT | GIVEN | more | changed)

    async def test_the_whole_object_may_be_given_back(self) -> None:
        outcome = await self.set(**await self.one())
        self.assertEqual(outcome["updated"], {"singleton": None})
        self.assertEqual(outcome["oldState"], outcome["newState"])

    async def test_parts_of_seconds_are_told_to_be_cut(self) -> None:
        outcome = await self.set(fromDate="2026-12-20T00:00:00.5Z")
        self.assertEqual(outcome["updated"], {"singleton": {"fromDate": "2026-12-20T00:00:00Z"}})

    async def test_wrong_types(self) -> None:
        wrong: dict[str, tuple[Any, ...]] = {
            "isEnabled": (None, 1, "true"),
            "fromDate": (
                5, "", "2026-12-20", "2026-12-20T00:00:00", "2026-12-20T00:00:00+01:00",
                "2026-13-20T00:00:00Z", "0000-01-01T00:00:00Z", "2026-12-20t00:00:00z",
            ),
            "subject": (5, [], True, "a\r\nBcc: x@y.test", "x" * 256, "\x00"),
            "textBody": ({}, "x" * 65_537, "\x00"),
            "htmlBody": (5,),
            "periodDays": (0, 61, 1.5, True, "1", 10**40, -1),
            "excludedAddresses": ("x", [5], [""], ["a b"], ["x" * 255], ["x@y"] * 501),
            "answersColleagues": (0, "no"),
            "id": ("other", None, 5),
            "nonsense": (1,),
            "textBody/x": ("y",),
        }  # fmt: skip
        for name, values in wrong.items():
            for value in values:
                self.assertEqual(await self.refused(**{name: value}), [name], (name, value))

    async def test_the_end_before_the_beginning(self) -> None:
        same = "2026-12-20T00:00:00Z"
        self.assertEqual(await self.refused(fromDate=same, toDate=same), ["toDate"])

    async def test_one_wrong_property_changes_nothing(self) -> None:
        self.assertEqual(
            await self.refused(isEnabled=True, subject=5, nonsense=1), ["subject", "nonsense"]
        )

    async def test_it_is_neither_made_nor_removed(self) -> None:
        outcome = await self.call(
            "set",
            create={"new": {"isEnabled": True}},
            update={"other": {"isEnabled": True}},
            destroy=["singleton", "other"],
        )
        kinds = {
            name: {id: each["type"] for id, each in outcome[name].items()}
            for name in ("notCreated", "notUpdated", "notDestroyed")
        }
        self.assertEqual(
            kinds,
            {
                "notCreated": {"new": "singleton"},
                "notUpdated": {"other": "notFound"},
                "notDestroyed": {"singleton": "singleton", "other": "notFound"},
            },
        )
        self.assertEqual(await self.one(), DEFAULT | DEFAULT_MORE)

    async def test_if_in_state(self) -> None:
        state = (await self.call("get"))["state"]
        await self.kit.add(mail())  # other states move on, this one does not
        update = {"singleton": {"isEnabled": True}}
        self.assertIsNone((await self.call("set", ifInState=state, update=update))["notUpdated"])
        again = await self.call("set", ifInState=state, update=update)
        self.assertEqual(again, "stateMismatch")

    async def test_each_account_has_its_own(self) -> None:
        await self.set(isEnabled=True)
        bob = await self.kit.site.directory.find("bob@example.test")
        assert bob is not None
        found = await self.kit.store.read(lambda tx: tx.vacation.get(bob.id))
        self.assertFalse(found.enabled)
        error = await self.call("get", accountId=f"a{bob.id}")
        self.assertEqual(error, "accountNotFound")

    async def test_it_is_pushed(self) -> None:
        stream = self.kit.jmap.push.open(self.kit.alice, ("VacationResponse",))
        await self.kit.add(mail())
        self.assertIsNone(stream.take())
        outcome = await self.set(isEnabled=True)
        taken = stream.take()
        assert taken is not None
        states = {self.kit.account_id: {"VacationResponse": outcome["newState"]}}
        self.assertEqual(taken[1]["changed"], states)
        self.kit.jmap.push.close(stream)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = st.sampled_from([*DEFAULT, *DEFAULT_MORE, "x/y", ""]) | st.text(max_size=8)


class GarbageTests(VacationCase):
    async def test_garbage(self) -> None:
        """Whatever a patch holds: all of it is taken, or nothing, and said."""
        patches: list[Any] = []

        @settings(max_examples=150, database=None, suppress_health_check=list(HealthCheck))
        @given(st.dictionaries(NAMES, VALUES, max_size=4))
        def collect(patch: Any) -> None:
            patches.append(patch)

        collect()
        for patch in patches:
            outcome = await self.call("set", update={"singleton": patch})
            both = (outcome["updated"] or {}) | (outcome["notUpdated"] or {})
            self.assertEqual(list(both), ["singleton"], patch)
        self.assertEqual(set(await self.one()), {*DEFAULT, *DEFAULT_MORE})
