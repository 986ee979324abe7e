"""Stanzas nobody would send: no crash, an answer at most, and never one to an error."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.interfaces.im import IFeature
from mailim.protocols.xmpp.features.carbons import CarbonsSwitch
from mailim.protocols.xmpp.features.mam import Mam
from mailim.wire import ns
from mailim.wire.xml import Element
from tests.im.stages import Stage

ADDRESSES = (
    "alice@example.test",
    "alice@example.test/desk",
    "alice@example.test/gone",
    "bob@example.test",
    "bob@example.test/phone",
    "carol@example.test",
    "nobody@example.test",
    "example.test",
    "example.test/x",
    "elsewhere.example",
    "BOB@Example.TEST/phone",
    "bob@exämple.test",
    "@@",
    "/",
    "",
    "a@b/" + "x" * 1100,
    "\u2028@example.test",
    "bob@example.test/\ud83d\ude00",
)
KINDS = (
    "chat", "error", "groupchat", "headline", "normal", "get", "set", "result", "subscribe",
    "subscribed", "unsubscribe", "unsubscribed", "unavailable", "probe", "available", "", "\x00",
)  # fmt: skip
NAMES = (
    "body", "subject", "thread", "show", "status", "priority", "query", "item", "group", "error",
    "private", "sent", "received", "enable", "store", "no-store", "stanza-id", "delay", "x", "set",
    "composing", "field", "value", "message",
)  # fmt: skip
NAMESPACES = (
    ns.CLIENT, ns.ROSTER, ns.CARBONS, ns.HINTS, ns.STANZA_ID, ns.DELAY, ns.CHAT_STATES, ns.MAM,
    ns.FORWARD, ns.RSM, ns.DATA_FORMS, ns.STANZA_ERRORS, "", "urn:odd",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(("", " ", "-1", "127", "128", "99999999999999999999", "\u0661", "1e3")),
    st.text(max_size=8),
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(("jid", "name", "subscription", "ver", "id", "by", "from", "var", "xml:lang")),
    st.one_of(st.sampled_from(ADDRESSES), st.sampled_from(("remove", "both", "1-", "1-+")), TEXTS),
    max_size=3,
)
CHILDREN = st.recursive(
    TEXTS,
    lambda below: st.builds(
        lambda name, namespace, attrs, children: Element(name, namespace, attrs, *children),
        st.sampled_from(NAMES),
        st.sampled_from(NAMESPACES),
        ATTRIBUTES,
        st.lists(below, max_size=3),
    ),
    max_leaves=6,
)
STANZAS = st.builds(
    lambda name, namespace, attrs, children: Element(name, namespace, attrs, *children),
    st.sampled_from(("message", "presence", "iq")),
    st.sampled_from((ns.CLIENT,) * 30 + (ns.SERVER, "")),
    st.fixed_dictionaries(
        {},
        optional={
            "to": st.sampled_from(ADDRESSES),
            "type": st.sampled_from(KINDS),
            "id": st.sampled_from(("1", "", "x" * 300)),
        },
    ),
    st.lists(CHILDREN, max_size=3),
)


def some_stanzas(count: int) -> list[Element]:
    """Give that many stanzas; hypothesis cannot wait for a store, so they are made before."""
    made: list[Element] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(STANZAS)
    def collect(stanza: Element) -> None:
        made.append(stanza)

    collect()
    return made


class GarbageTests(TestCase):
    async def test_random_stanzas(self) -> None:
        stage = Stage(self)
        stage.features = features
        await stage.given("alice and bob see each other")
        await stage.online("bob/phone")
        for stanza in some_stanzas(800):
            if "alice/desk" not in stage._sessions or await stage.ended("alice/desk"):
                await stage.online("alice/desk")
            await stage.im.router.route(stage.session("alice/desk"), stanza)
            answers = [s for s in stage.drain("alice/desk") if s.get("type") == "error"]
            if stanza.get("type") == "error" or (
                stanza.name == "iq" and stanza.get("type") == "result"
            ):
                # what came back as an error was not made by the server
                self.assertEqual([s for s in answers if not own(s)], [], describe(stanza))
            self.assertLessEqual(len(answers), 1, describe(stanza))
        self.assertEqual(self.flushLoggedErrors(), [])
        # everything still works
        await stage.online("alice/desk")
        stage.drain("bob/phone")
        await stage.send(
            "alice/desk", "<message to='bob@example.test/phone' id='e'><body>Hi</body></message>"
        )
        self.assertEqual([s.get("id") for s in stage.drain("bob/phone")], ["e"])

    async def test_every_request_is_answered_once(self) -> None:
        """RFC 6120 section 8.2.3, rule 2."""
        stage = Stage(self)
        stage.features = features
        await stage.online("alice/desk")
        asked = 0
        for stanza in some_stanzas(600):
            if stanza.name != "iq" or stanza.ns != ns.CLIENT or not asks(stanza):
                continue
            if "alice@example.test/desk" in stanza.get("to", "").lower():  # type: ignore[union-attr]
                continue  # passed on to the client, which does not answer here
            asked += 1
            await stage.im.router.route(stage.session("alice/desk"), stanza)
            answers = [s for s in stage.drain("alice/desk") if s.get("type") != "set"]
            answers = [s for s in answers if s.name == "iq"]
            self.assertEqual(len(answers), 1, describe(stanza))
            self.assertIn(answers[0].get("type"), ("result", "error"))
            self.assertEqual(answers[0].get("id"), stanza.get("id", ""))
        self.assertGreater(asked, 20)

    async def test_two_clients_that_answer_everything_with_errors(self) -> None:
        """Errors die out; they are never answered by the server."""
        stage = Stage(self)
        await stage.given("alice and bob see each other")
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        error = Element("error", ns.CLIENT, {"type": "cancel"}, Element("gone", ns.STANZA_ERRORS))
        await stage.send(
            "alice/desk",
            "<message to='bob@example.test' id='1' type='chat'><body>x</body></message>",
        )
        count = 0
        while True:
            pending = [(a, s) for a in ("alice/desk", "bob/phone") for s in stage.drain(a)]
            if not pending:
                break
            for actor, stanza in pending:
                count += 1
                self.assertLess(count, 20)
                if stanza.get("type") != "error":
                    attrs = {"type": "error", "to": stanza.get("from") or ""}
                    answer = Element(stanza.name, ns.CLIENT, attrs, error)
                    await stage.im.router.route(stage.session(actor), answer)

    async def test_ten_thousand_in_flight(self) -> None:
        """None of them waits for the one before, and all are answered."""
        stage = Stage(self)
        await stage.online("alice/desk")
        iq = Element("iq", ns.CLIENT, {"type": "get", "id": "1"}, Element("q", "urn:odd"))
        route = stage.im.router.route
        works = [
            Deferred.fromCoroutine(route(stage.session("alice/desk"), iq)) for _ in range(10_000)
        ]
        for work in works:
            await work
        self.assertEqual(len(stage.drain("alice/desk")), 10_000)


def features(im: object) -> tuple[IFeature, ...]:
    """Give those that look at what they are sent."""
    return (CarbonsSwitch(), Mam(im.archive))  # type: ignore[attr-defined]


def asks(stanza: Element) -> bool:
    return stanza.get("type") not in ("result", "error")


def own(stanza: Element) -> bool:
    """Whether a stanza was sent by alice's own client to itself."""
    return (stanza.get("from") or "").startswith("alice@example.test/")


def describe(stanza: Element) -> str:
    return f"{stanza.name} {stanza.attrs} {[str(child) for child in stanza.children]}"
