"""Features as a client meets them: discovery, ping, archive, carbons, version, time."""

from __future__ import annotations

from mailim.wire import ns
from mailim.wire.xml import Element
from tests.fakes.inside import PASSWORD
from tests.fakes.raw_xmpp import RawClient
from tests.protocols.xmpp.test_streams import StreamCase


class FeatureCase(StreamCase):
    async def signed_in(self, name: str, resource: str = "test") -> RawClient:
        client = await self.connect()
        await client.sign_in(name, PASSWORD, resource)
        client.send("<presence/>")
        await self.ask(client, f"<ping xmlns='{ns.PING}'/>", to="example.test")
        return client

    async def ask(
        self, client: RawClient, payload: str, kind: str = "get", to: str = ""
    ) -> tuple[Element, list[Element]]:
        """Send an IQ; gives its answer and what came before it."""
        self.number = getattr(self, "number", 0) + 1
        target = f" to='{to}'" if to else ""
        client.send(f"<iq type='{kind}' id='q{self.number}'{target}>{payload}</iq>")
        before: list[Element] = []
        while True:
            event = await client.next()
            if event.name == "iq" and event.get("id") == f"q{self.number}":
                return event, before
            before.append(event)

    def condition(self, answer: Element) -> str:
        self.assertEqual(answer.get("type"), "error")
        error = answer.find("error")
        assert error is not None
        return next(error.elements(ns=ns.STANZA_ERRORS)).name


class DiscoTests(FeatureCase):
    async def test_server_and_account_say_what_they_can(self) -> None:
        await self.serve()
        client = await self.signed_in("alice")
        payload = f"<query xmlns='{ns.DISCO_INFO}'/>"
        for to, category, expected in (
            ("example.test", "server", {ns.PING, ns.CARBONS, ns.DISCO_INFO}),
            ("", "account", {ns.MAM, ns.DISCO_INFO}),
        ):
            answer, _ = await self.ask(client, payload, to=to)
            query = answer.find("query", ns.DISCO_INFO)
            assert query is not None
            identity = query.find("identity")
            assert identity is not None
            self.assertEqual(identity.get("category"), category)
            features = [one.get("var") for one in query.elements("feature")]
            self.assertLessEqual(expected, set(features))
            self.assertEqual(features, sorted(set(map(str, features))))

    async def test_unknown_nodes_and_payloads(self) -> None:
        await self.serve()
        client = await self.signed_in("alice")
        answer, _ = await self.ask(
            client, f"<query xmlns='{ns.DISCO_INFO}' node='x'/>", to="example.test"
        )
        self.assertEqual(self.condition(answer), "item-not-found")
        answer, _ = await self.ask(client, "<query xmlns='urn:nonsense'/>", to="example.test")
        self.assertEqual(self.condition(answer), "service-unavailable")

    async def test_version_and_time(self) -> None:
        await self.serve()
        client = await self.signed_in("alice")
        answer, _ = await self.ask(client, f"<query xmlns='{ns.VERSION}'/>", to="example.test")
        query = answer.find("query", ns.VERSION)
        assert query is not None
        self.assertIsNone(query.find("os"))
        answer, _ = await self.ask(client, f"<time xmlns='{ns.TIME}'/>", to="example.test")
        time = answer.find("time", ns.TIME)
        assert time is not None
        self.assertEqual(time.find("tzo").text, "+00:00")  # type: ignore[union-attr]


class ArchiveTests(FeatureCase):
    async def fill(self, count: int) -> RawClient:
        await self.serve()
        alice, bob = await self.signed_in("alice"), await self.signed_in("bob")
        for number in range(count):
            alice.send(
                f"<message to='bob@example.test' type='chat'><body>m{number}</body></message>"
            )
        for _ in range(count):
            while (await bob.next()).name != "message":
                pass
        return alice

    async def page(
        self, client: RawClient, paging: str = "", fields: str = ""
    ) -> tuple[Element, list[str]]:
        form = ""
        if fields:
            form = (
                f"<x xmlns='{ns.DATA_FORMS}' type='submit'><field var='FORM_TYPE'>"
                f"<value>{ns.MAM}</value></field>{fields}</x>"
            )
        query = f"<query xmlns='{ns.MAM}' queryid='f'>{form}{paging}</query>"
        answer, before = await self.ask(client, query, "set")
        bodies = []
        for message in before:
            result = message.find("result", ns.MAM)
            if result is not None:
                self.assertEqual(result.get("queryid"), "f")
                forwarded = result.find("forwarded", ns.FORWARD)
                assert forwarded is not None
                inner = forwarded.find("message", ns.CLIENT)
                assert inner is not None and forwarded.find("delay", ns.DELAY) is not None
                bodies.append(inner.find("body").text)  # type: ignore[union-attr]
        return answer, bodies

    async def test_paging_forwards_and_backwards(self) -> None:
        alice = await self.fill(5)
        answer, bodies = await self.page(alice, f"<set xmlns='{ns.RSM}'><max>2</max></set>")
        self.assertEqual(bodies, ["m0", "m1"])
        fin = answer.find("fin", ns.MAM)
        assert fin is not None
        self.assertIsNone(fin.get("complete"))
        paging = fin.find("set", ns.RSM)
        assert paging is not None
        self.assertEqual(paging.find("count").text, "5")  # type: ignore[union-attr]
        last = paging.find("last").text  # type: ignore[union-attr]
        answer, bodies = await self.page(
            alice, f"<set xmlns='{ns.RSM}'><max>10</max><after>{last}</after></set>"
        )
        self.assertEqual(bodies, ["m2", "m3", "m4"])
        self.assertEqual(answer.find("fin", ns.MAM).get("complete"), "true")  # type: ignore[union-attr]
        _, bodies = await self.page(alice, f"<set xmlns='{ns.RSM}'><max>2</max><before/></set>")
        self.assertEqual(bodies, ["m3", "m4"])

    async def test_with_finds_one_conversation(self) -> None:
        alice = await self.fill(2)
        for peer, expected in (("bob@example.test", ["m0", "m1"]), ("admin@example.test", [])):
            _, bodies = await self.page(
                alice, fields=f"<field var='with'><value>{peer}</value></field>"
            )
            self.assertEqual(bodies, expected)

    async def test_nobody_reads_anothers_archive(self) -> None:
        alice = await self.fill(1)
        answer, before = await self.ask(
            alice, f"<query xmlns='{ns.MAM}'/>", "set", to="bob@example.test"
        )
        self.assertIn(self.condition(answer), ("service-unavailable", "forbidden"))
        self.assertEqual([one for one in before if one.name == "message"], [])

    async def test_bad_queries_get_their_error(self) -> None:
        alice = await self.fill(1)
        for paging, fields, condition in (
            ("", "<field var='start'><value>yesterday</value></field>", "bad-request"),
            ("", "<field var='with'><value>@@</value></field>", "bad-request"),
            ("", "<field var='x'><value>1</value></field>", "feature-not-implemented"),
            ("<after>nonsense</after>", "", "item-not-found"),
            ("<after>999999</after>", "", "item-not-found"),
            ("<max>many</max>", "", "bad-request"),
            ("<index>3</index>", "", "feature-not-implemented"),
        ):
            wrapped = f"<set xmlns='{ns.RSM}'>{paging}</set>" if paging else ""
            answer, _ = await self.page(alice, wrapped, fields)
            self.assertEqual(self.condition(answer), condition, (paging, fields))


class CarbonsTests(FeatureCase):
    async def test_another_device_sees_both_sides(self) -> None:
        await self.serve()
        desk, phone = await self.signed_in("alice", "desk"), await self.signed_in("alice", "phone")
        bob = await self.signed_in("bob")
        await self.ask(phone, f"<enable xmlns='{ns.CARBONS}'/>", "set")
        desk.send("<message to='bob@example.test/test' type='chat'><body>out</body></message>")
        bob.send("<message to='alice@example.test/desk' type='chat'><body>in</body></message>")
        found: dict[str, str] = {}
        while len(found) < 2:
            event = await phone.next()
            if event.name != "message":
                continue
            carbon = next(event.elements(ns=ns.CARBONS))
            inner = carbon.find("forwarded", ns.FORWARD).find("message", ns.CLIENT)
            found[carbon.name] = inner.find("body").text
            self.assertEqual(event.get("from"), "alice@example.test")  # XEP-0280 11
        self.assertEqual(found, {"sent": "out", "received": "in"})
