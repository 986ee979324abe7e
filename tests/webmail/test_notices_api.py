"""Programs hand in instant messages over HTTP: tokens, keys, limits, garbage."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailim.admin.client import call
from mailim.errors import MailimError, RateLimited
from mailim.interfaces.record import Leaf
from mailim.webmail.notices_api import MAX_BODY, Rates
from tests.fakes.inside import PASSWORD, serve
from tests.fakes.web import Answer, WebClient

BOB = "bob@example.test"


class ApiCase(TestCase):
    async def serve(self, **changes: Any) -> None:
        self.server = await serve(self, "admin", "bob", "carol", admin="admin", changes=changes)
        self.web = WebClient(self.server)
        self.token = (await self.call("token.add", name="nagios"))["token"]

    async def call(self, operation: str, /, **arguments: Any) -> Any:
        path = self.server.core.site.var / "admin.sock"
        return await deferToThread(call, path, operation, arguments)

    async def send(
        self, body: Any = None, *, key: str = "", token: str | None = None, **more: Any
    ) -> Answer:
        """Send as a program does: no cookie, no Fetch Metadata of ours, a token."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        if key:
            headers["Idempotency-Key"] = key
        given = {"to": BOB, "text": "Disk full"} if body is None else body
        return await self.web.request(
            "POST", "/api/im/send", body=given, headers=headers, same_origin=False, **more
        )

    async def leaves(self, kind: str = "message") -> list[Leaf]:
        leaves = await self.server.core.store.read(lambda tx: tx.record.leaves(0, 1000))
        return [leaf for leaf in leaves if leaf.kind == kind]

    async def settled(self) -> None:
        store = self.server.core.store
        while await store.read(lambda tx: tx.notices.waiting(1)) or self.server.im.notices.busy:
            await store.write(lambda tx: None)


class SendingTests(ApiCase):
    async def test_a_message_is_taken_and_sent(self) -> None:
        await self.serve()
        answer = await self.send({"to": BOB, "text": "Grüße 🦊\nzwei"})
        self.assertEqual((answer.status, answer.json["state"]), (202, "waiting"))
        await self.settled()
        (leaf,) = await self.leaves()
        self.assertEqual(
            (leaf.sender, leaf.recipient, leaf.body), ("example.test", BOB, "Grüße 🦊\nzwei")
        )
        assert leaf.content is not None
        self.assertEqual(json.loads(leaf.content)["details"]["origin"], "http")

    async def test_a_key_is_one_message(self) -> None:
        await self.serve()
        first = await self.send(key="alarm-7")
        await self.settled()
        again = await self.send(key="alarm-7")
        self.assertEqual((first.status, again.status), (202, 200))
        self.assertEqual(again.json, {"id": first.json["id"], "state": "stored"})
        other = await self.send({"to": BOB, "text": "other"}, key="alarm-7")
        self.assertEqual(other.status, 422)
        await self.settled()
        self.assertEqual(len(await self.leaves()), 1)
        self.assertEqual((await self.send(key="alarm-8")).status, 202)

    async def test_keys_belong_to_their_token(self) -> None:
        await self.serve()
        other = (await self.call("token.add", name="other"))["token"]
        one, two = await self.send(key="k"), await self.send(key="k", token=other)
        self.assertEqual((one.status, two.status), (202, 202))
        self.assertNotEqual(one.json["id"], two.json["id"])

    async def test_many_at_once_with_one_key(self) -> None:
        await self.serve()
        from twisted.internet.defer import Deferred, gatherResults

        answers = await gatherResults(
            [Deferred.fromCoroutine(self.send(key="same")) for _ in range(8)]
        )
        self.assertEqual(len({each.json["id"] for each in answers}), 1)
        self.assertEqual(sorted(each.status for each in answers), [200] * 7 + [202])
        await self.settled()
        self.assertEqual(len(await self.leaves()), 1)


class RefusalTests(ApiCase):
    async def test_only_with_a_token(self) -> None:
        await self.serve()
        for token in ("", "x", "mailim_", "mailim_" + "x" * 43, "mailim_" + "x" * 5000):
            answer = await self.send(token=token)
            self.assertEqual(answer.status, 401, token[:20])
            self.assertIn("Bearer", answer.headers["www-authenticate"])
        await self.web.sign_in("bob", PASSWORD)  # a session opens other doors
        self.assertEqual((await self.send(token="x")).status, 401)
        basic = {"Authorization": "Basic Ym9iOng="}
        answer = await self.web.request("POST", "/api/im/send", body={}, headers=basic)
        self.assertEqual(answer.status, 401)
        self.assertEqual(await self.leaves(), [])

    async def test_a_revoked_token_ends_at_once(self) -> None:
        await self.serve()
        self.assertEqual((await self.send()).status, 202)
        await self.call("token.revoke", name="nagios")
        self.assertEqual((await self.send()).status, 401)

    async def test_as_whom_a_token_sends(self) -> None:
        await self.serve()
        make = self.call
        tokens = {
            "": self.token,
            "ops@example.test": (await make("token.add", name="a", **{"from": "Ops@example.test"})),
            "x.test": (await make("token.add", name="b", **{"from": "x.test"})),
        }
        for allowed, made in tokens.items():
            token = made["token"] if isinstance(made, dict) else made
            for sender, good in (
                ("example.test", allowed == ""),
                ("bob@example.test", False),
                ("OPS@example.test", allowed == "ops@example.test"),
                ("any@x.test", allowed == "x.test"),
                ("any@y.x.test", False),
                ("@x.test", False),
                ("bob@example.test/y@x.test", False),
                ("bob@example.test/@ops@example.test", False),
                ("y/any@x.test", False),
            ):
                answer = await self.send({"to": BOB, "text": "x", "from": sender}, token=token)
                wanted = (202,) if good else (403, 400)
                self.assertIn(answer.status, wanted, (allowed, sender))
        self.assertEqual((await self.send(token=tokens["x.test"]["token"])).status, 202)

    async def test_what_is_wrong_is_told(self) -> None:
        await self.serve()
        for status, body in (
            (422, {"to": "nobody@example.test", "text": "x"}),
            (422, {"to": "bob@elsewhere.test", "text": "x"}),
            (422, {"to": "", "text": "x"}),
            (400, {"to": BOB, "text": " "}),
            (400, {"to": BOB}),
            (400, {"text": "x"}),
            (400, {"to": [BOB], "text": "x"}),
            (400, {"to": BOB, "text": "x", "colour": "red"}),
            (400, {"to": BOB, "text": "\ud800"}),
            (400, ["x"]),
            (400, 7),
            (413, {"to": BOB, "text": "x" * 70_000}),
            (413, {"to": BOB, "text": "<" * 65_000}),
            (413, {"to": BOB, "text": "x" * MAX_BODY}),
        ):
            answer = await self.send(body)
            self.assertEqual(answer.status, status, str(body)[:80])
        for key in ("x" * 101, "a b", "ü"):
            self.assertEqual((await self.send(key=key)).status, 400, key)
        self.assertEqual(await self.leaves(), [])

    async def test_each_token_has_its_rate(self) -> None:
        await self.serve(**{"im.token_messages_per_minute": 3})
        other = (await self.call("token.add", name="other"))["token"]
        statuses = [(await self.send()).status for _ in range(3)]
        late = await self.send(key="late")
        self.assertEqual((statuses, late.status), ([202] * 3, 429))
        self.assertGreater(int(late.headers["retry-after"]), 0)
        self.assertEqual((await self.send(token=other)).status, 202)


class TokenTests(ApiCase):
    async def refused(self, operation: str, **arguments: Any) -> None:
        with self.assertRaises(MailimError):
            await self.call(operation, **arguments)

    async def test_a_token_is_shown_once_and_kept_as_a_hash(self) -> None:
        await self.serve()
        (row,) = await self.call("token.list")
        self.assertEqual(
            (row["name"], row["from"], set(row)), ("nagios", None, {"name", "from", "created"})
        )
        await self.refused("token.add", name="nagios")
        await self.refused("token.revoke", name="other")
        for name in ("", "A", "a b", "x" * 61, "-x"):
            await self.refused("token.add", name=name)
        await self.refused("token.add", name="x", **{"from": "@@"})
        await self.settled()
        operations = await self.leaves("operation")
        self.assertIn("token.add", [leaf.body for leaf in operations])
        self.assertNotIn(self.token.encode(), b"".join(leaf.content or b"" for leaf in operations))
        var = self.server.core.site.var
        for path in var.rglob("*"):
            if path.is_file():
                self.assertNotIn(self.token.encode(), path.read_bytes(), path.name)


class RatesTests(SynchronousTestCase):
    def test_refilled_evenly(self) -> None:
        clock = Clock()
        rates = Rates(clock, lambda: 4)
        for _ in range(4):
            rates.count(1)
        with self.assertRaises(RateLimited) as caught:
            rates.count(1)
        self.assertAlmostEqual(caught.exception.retry_after, 15.0)
        clock.advance(15)
        rates.count(1)
        self.assertRaises(RateLimited, rates.count, 1)
        rates.count(2)

    def test_remembers_a_bounded_number(self) -> None:
        rates = Rates(Clock(), lambda: 4)
        for token in range(3000):
            rates.count(token)
        self.assertLessEqual(len(rates._empty), 1000)
