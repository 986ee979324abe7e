"""What the server answers about itself: time (XEP-0202), version (XEP-0092), no such node."""

from __future__ import annotations

import datetime

from twisted.trial.unittest import TestCase

from mailim.wire import ns
from mailim.wire.xml import Element
from tests.fakes.inside import PASSWORD, serve
from tests.fakes.raw_xmpp import connect


class AnswersTests(TestCase):
    async def ask(self, query: str) -> Element:
        """Sign in and send a get to the server; gives the answer."""
        server = await serve(self, "alice")
        port = server.listeners.port("xmpp")
        assert port is not None
        client = await connect(port)
        self.addCleanup(client.transport.abortConnection)  # type: ignore[union-attr]
        await client.sign_in("alice", PASSWORD)
        client.send(f"<iq type='get' id='1' to='example.test'>{query}</iq>")
        answer: Element = await client.next()
        return answer

    async def test_time(self) -> None:
        answer = await self.ask(f"<time xmlns='{ns.TIME}'/>")
        time = answer.find("time", ns.TIME)
        assert time is not None
        tzo, utc = time.find("tzo", ns.TIME), time.find("utc", ns.TIME)
        assert tzo is not None and utc is not None
        self.assertEqual(tzo.text, "+00:00")  # XEP-0082
        self.assertTrue(utc.text.endswith("Z"), utc.text)
        told = datetime.datetime.fromisoformat(utc.text)
        away = abs(told - datetime.datetime.now(datetime.UTC))
        self.assertLess(away, datetime.timedelta(seconds=10))

    async def test_version_without_the_operating_system(self) -> None:
        answer = await self.ask(f"<query xmlns='{ns.VERSION}'/>")
        query = answer.find("query", ns.VERSION)
        assert query is not None
        self.assertEqual([one.name for one in query.elements()], ["name", "version"])

    async def test_no_such_node(self) -> None:
        answer = await self.ask(f"<query xmlns='{ns.DISCO_INFO}' node='x'/>")
        error = answer.find("error", ns.CLIENT)
        assert error is not None
        self.assertIsNotNone(error.find("item-not-found", ns.STANZA_ERRORS))  # XEP-0030 7
