"""Requests as a whole: errors, limits, references, creation ids (RFC 8620 section 3)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import CORE, MAIL
from mailim.protocols.jmap.references import pointed_at, resolve_references
from tests.protocols.jmap.kit import BOB, Kit

ERROR = "urn:ietf:params:jmap:error:"


class SessionTests(TestCase):
    async def test_session(self) -> None:
        kit = await Kit.start(self)
        answer = await kit.answer("GET", "/.well-known/jmap")
        session = answer.json
        self.assertEqual(answer.headers["Cache-Control"], "no-cache, no-store, must-revalidate")
        self.assertEqual(session["username"], "alice@example.test")
        self.assertEqual(session["primaryAccounts"][MAIL], kit.account_id)
        account = session["accounts"][kit.account_id]
        self.assertEqual(account["accountCapabilities"][MAIL]["maxMailboxesPerEmail"], 1)
        core = session["capabilities"][CORE]
        for name in (
            "maxSizeUpload", "maxConcurrentUpload", "maxSizeRequest", "maxConcurrentRequests",
            "maxCallsInRequest", "maxObjectsInGet", "maxObjectsInSet",
        ):  # fmt: skip
            self.assertIsInstance(core[name], int)
        self.assertEqual(session["apiUrl"], "https://mail.example.test/jmap/api")
        for name, variables in (
            ("downloadUrl", ("accountId", "blobId", "name", "type")),
            ("uploadUrl", ("accountId",)),
            ("eventSourceUrl", ("types", "closeafter", "ping")),
        ):
            for variable in variables:
                self.assertIn(f"{{{variable}}}", session[name])

    async def test_state_is_repeated(self) -> None:
        kit = await Kit.start(self)
        session = (await kit.answer("GET", "/jmap/session")).json
        answer = await kit.post({"using": [CORE], "methodCalls": []})
        self.assertEqual(answer.json["sessionState"], session["state"])

    async def test_strangers(self) -> None:
        kit = await Kit.start(self)
        for method, path in (
            ("GET", "/.well-known/jmap"), ("POST", "/jmap/api"), ("GET", "/jmap/eventsource"),
            ("POST", f"/jmap/upload/{kit.account_id}"),
            ("GET", f"/jmap/download/{kit.account_id}/e1/x"),
        ):  # fmt: skip
            fields = {"Sec-Fetch-Site": "same-origin"}
            self.assertEqual(
                (await kit.answer(method, path, b"", fields, who=None)).status, 401, path
            )


class RequestTests(TestCase):
    async def refused(self, kit: Kit, value: Any, kind: str) -> Any:
        answer = await kit.post(value)
        self.assertEqual(answer.status, 400, value)
        self.assertEqual(answer.json["type"], ERROR + kind)
        return answer.json

    async def test_what_is_no_request(self) -> None:
        kit = await Kit.start(self)
        wrong_calls = ([1], [["a", {}]], [["a", [], "c"]], [["a", {}, 1]], [[1, {}, "c"]])
        values: list[Any] = [{"using": [], "methodCalls": calls} for calls in wrong_calls]
        values += [[], 1, None, {}, {"using": []}, {"using": [], "methodCalls": {}}]
        values += [{"using": [1], "methodCalls": []}]
        for created in ([1], {"a": 1}, "x"):
            values.append({"using": [], "methodCalls": [], "createdIds": created})
        for value in values:
            await self.refused(kit, value, "notRequest")

    async def test_what_is_no_json(self) -> None:
        kit = await Kit.start(self)
        for octets in (b"", b"{", b"\xff", b'{"a":1,"a":2}', b"[" * 100, b'{"x":"\\ud800"}'):
            await self.refused(kit, octets, "notJSON")
        answer = await kit.answer("POST", "/jmap/api", b"{}", {"Content-Type": "text/plain"})
        self.assertEqual((answer.status, answer.json["type"]), (400, ERROR + "notJSON"))

    async def test_unknown_capability(self) -> None:
        kit = await Kit.start(self)
        await self.refused(
            kit, {"using": [CORE, "urn:x:y"], "methodCalls": []}, "unknownCapability"
        )

    async def test_unknown_members_are_ignored(self) -> None:
        kit = await Kit.start(self)
        answer = await kit.post({"using": [CORE], "methodCalls": [], "x": 1})
        self.assertEqual(answer.status, 200)

    async def test_too_many_calls(self) -> None:
        kit = await Kit.start(self, JmapLimits(calls_in_request=2))
        calls = [["Core/echo", {}, "c"]] * 3
        problem = await self.refused(kit, {"using": [CORE], "methodCalls": calls}, "limit")
        self.assertEqual(problem["limit"], "maxCallsInRequest")

    async def test_too_many_requests_at_once(self) -> None:
        kit = await Kit.start(self, JmapLimits(concurrent_requests=2))
        call = {
            "using": [MAIL],
            "methodCalls": [["Mailbox/get", {"accountId": kit.account_id}, "c"]],
        }
        together = [Deferred.fromCoroutine(kit.post(call)) for _ in range(4)]
        statuses = sorted([each.status for each in await gatherResults(together)])
        self.assertEqual(statuses, [200, 200, 429, 429])
        self.assertEqual((await kit.post(call)).status, 200)

    async def test_a_method_needs_its_capability(self) -> None:
        kit = await Kit.start(self)
        calls = [["Mailbox/get", {"accountId": kit.account_id}, "c"]]
        answer = await kit.post({"using": [CORE], "methodCalls": calls})
        self.assertEqual(
            answer.json["methodResponses"], [["error", {"type": "unknownMethod"}, "c"]]
        )
        self.assertEqual(await kit.error("Mailbox/dance"), "unknownMethod")

    async def test_echo(self) -> None:
        kit = await Kit.start(self)
        value = {"hello": [1, {"a": None}], "model_config": "x", "é": "😀"}
        ((name, echoed, _),) = await kit.request(["Core/echo", value])
        self.assertEqual((name, echoed), ("Core/echo", value))

    async def test_accounts_of_others(self) -> None:
        kit = await Kit.start(self)
        for account_id in ("a999", "x", kit.account_id + "0"):
            for name in ("Mailbox/get", "Email/query", "Email/set", "Thread/get", "Email/changes"):
                arguments: dict[str, Any] = {"accountId": account_id}
                if name == "Email/changes":
                    arguments["sinceState"] = "0"
                ((_, value, _),) = await kit.request([name, arguments])
                self.assertEqual(value["type"], "accountNotFound", name)
        ((_, value, _),) = await kit.request(
            ["Mailbox/get", {"accountId": kit.account_id}], who=BOB
        )
        self.assertEqual(value["type"], "accountNotFound")

    async def test_wrong_arguments(self) -> None:
        kit = await Kit.start(self)
        for name, arguments in (
            ("Email/get", {"ids": "e1"}),
            ("Email/get", {"ids": [1]}),
            ("Email/get", {"unknown": 1}),
            ("Email/get", {"properties": ["nothing"]}),
            ("Email/get", {"properties": ["header:"]}),
            ("Email/get", {"properties": ["header:Subject:asDate"]}),
            ("Email/get", {"properties": ["header:Subject:asNothing"]}),
            ("Email/get", {"bodyProperties": ["nothing"]}),
            ("Email/get", {"maxBodyValueBytes": -1}),
            ("Email/get", {"maxBodyValueBytes": 1.5}),
            ("Email/changes", {"sinceState": 1}),
            ("Email/changes", {"sinceState": "0", "maxChanges": 0}),
            ("Email/query", {"limit": -1}),
            ("Email/query", {"filter": []}),
            ("Email/query", {"filter": {"operator": "XOR", "conditions": []}}),
            ("Email/query", {"filter": {"operator": "AND"}}),
            ("Email/query", {"filter": {"operator": "AND", "conditions": [], "x": 1}}),
            ("Email/query", {"filter": {"minSize": "1"}}),
            ("Email/query", {"filter": {"minSize": True}}),
            ("Email/query", {"filter": {"before": "yesterday"}}),
            ("Email/query", {"filter": {"before": "2026-13-01T00:00:00Z"}}),
            ("Email/query", {"filter": {"header": []}}),
            ("Email/query", {"sort": [{"isAscending": True}]}),
            ("Email/query", {"position": 2**60}),
            ("Email/set", {"update": []}),
            ("Email/set", {"destroy": {}}),
            ("Mailbox/set", {"onDestroyRemoveEmails": "yes"}),
            ("Mailbox/query", {"filter": {"name": 1}}),
        ):
            error = await kit.error(name, **arguments)
            self.assertEqual(error, "invalidArguments", (name, arguments))

    async def test_too_many_objects(self) -> None:
        kit = await Kit.start(self, JmapLimits(objects_in_get=2, objects_in_set=2))
        ids = ["e1", "e2", "e3"]
        for name in ("Email/get", "Mailbox/get", "Thread/get"):
            self.assertEqual(await kit.error(name, ids=ids), "requestTooLarge")
        for name in ("Email/set", "Mailbox/set"):
            self.assertEqual(await kit.error(name, destroy=ids), "requestTooLarge")

    async def test_references(self) -> None:
        kit = await Kit.start(self)
        first = await kit.add()
        second = await kit.add()
        here = {"accountId": kit.account_id}
        responses = await kit.request(
            ["Email/query", {**here, "filter": {"inMailbox": kit.boxes["inbox"]}}],
            ["Email/get", {
                **here, "properties": ["threadId"],
                "#ids": {"resultOf": "c0", "name": "Email/query", "path": "/ids"},
            }],
            ["Thread/get", {
                **here,
                "#ids": {"resultOf": "c1", "name": "Email/get", "path": "/list/*/threadId"},
            }],
            ["Email/get", {
                **here, "properties": ["id"],
                "#ids": {"resultOf": "c2", "name": "Thread/get", "path": "/list/*/emailIds"},
            }],
        )  # fmt: skip
        self.assertEqual({each["id"] for each in responses[3][1]["list"]}, {first, second})

    async def test_bad_references(self) -> None:
        kit = await Kit.start(self)
        here = {"accountId": kit.account_id}
        good = {"resultOf": "c0", "name": "Mailbox/get", "path": "/list/0/id"}
        for reference in (
            {**good, "resultOf": "cX"},
            {**good, "name": "Email/get"},
            {**good, "path": "/nowhere"},
            {**good, "path": "/list/99"},
            {**good, "path": "/list/01"},
            {**good, "path": "list"},
            {**good, "more": 1},
            {"resultOf": 1, "name": 2, "path": 3},
            "x",
            None,
        ):
            responses = await kit.request(
                ["Mailbox/get", here], ["Mailbox/get", {**here, "#ids": reference}]
            )
            self.assertEqual(responses[1][1]["type"], "invalidResultReference", reference)
        responses = await kit.request(
            ["Mailbox/get", here], ["Mailbox/get", {**here, "ids": None, "#ids": good}]
        )
        self.assertEqual(responses[1][1]["type"], "invalidArguments")

    async def test_an_error_does_not_stop_the_rest(self) -> None:
        kit = await Kit.start(self)
        responses = await kit.request(["Nothing/get", {}], ["Core/echo", {"a": 1}])
        self.assertEqual([each[0] for each in responses], ["error", "Core/echo"])

    async def test_created_ids(self) -> None:
        kit = await Kit.start(self)
        here = {"accountId": kit.account_id}
        answer = await kit.post(
            {
                "using": [CORE, MAIL],
                "createdIds": {"old": kit.boxes["archive"]},
                "methodCalls": [
                    ["Mailbox/set", {
                        **here, "create": {"new": {"name": "A", "parentId": "#old"}},
                    }, "c0"],
                    ["Mailbox/get", {**here, "ids": ["#new"], "properties": ["parentId"]}, "c1"],
                ],
            }
        )  # fmt: skip
        created = answer.json["createdIds"]
        self.assertEqual(set(created), {"old", "new"})
        found = answer.json["methodResponses"][1][1]["list"]
        self.assertEqual(found, [{"id": created["new"], "parentId": kit.boxes["archive"]}])


class PointerTests(SynchronousTestCase):
    def test_rfc_8620_example(self) -> None:
        value = {
            "list": [{"threadId": "a", "x": [1, 2]}, {"threadId": "b", "x": [3]}],
            "a/b": {"~": 5},
        }
        for path, found in (
            ("/list/*/threadId", ["a", "b"]), ("/list/*/x", [1, 2, 3]), ("/list/1/threadId", "b"),
            ("/a~1b/~0", 5), ("", value), ("/list/*/x/0", [1, 3]), ("/list/*/x/*", [1, 2, 3]),
        ):  # fmt: skip
            self.assertEqual(pointed_at(value, path), found, path)
        for path in ("/list/*/y", "/list/2", "/list/-", "/list/x", "/a", "x", "/list/*/x/1"):
            self.assertRaises(MethodError, pointed_at, value, path)

    def test_too_many_values(self) -> None:
        responses = [("A", {"l": [[0] * 1000] * 200}, "c0")]
        reference = {"#ids": {"resultOf": "c0", "name": "A", "path": "/l/*"}}
        self.assertRaises(MethodError, resolve_references, reference, responses)
