"""The router: people who come and go meanwhile, features that fail, the second entrance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailim.errors import Invalid, LimitExceeded, NotFound, RecordUnavailable
from mailim.im.errors import StanzaError
from mailim.interfaces.im import IFeature, IqAnswer, IqRoute, Session
from mailim.record.entries import details_of
from mailim.wire.xml import Element
from tests.im.stages import Stage

HI = "<message to='bob@example.test' id='1' type='chat'><body>Hi</body></message>"


class RaceTests(TestCase):
    """Between the decision, which is written with the leaf, and delivery."""

    async def test_recipient_comes_while_a_message_is_being_kept(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        working = await stage.hold("alice/desk", HI)
        await stage.online("bob/phone")
        stage.let_go()
        await working
        (message,) = stage.drain("bob/phone")
        self.assertEqual(message.get("id"), "1")
        await stage.online("bob/web")
        self.assertEqual(stage.drain("bob/web"), [], "it was delivered once")

    async def test_recipient_goes_before_delivery(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        working = await stage.hold("alice/desk", HI)
        await stage.disconnect("bob/phone")
        stage.let_go()
        await working
        self.assertEqual(stage.drain("alice/desk"), [])
        await stage.connect("bob/web", "bob/web")
        await stage.send("bob/web", "<presence/>")
        _, message = stage.drain("bob/web")
        self.assertEqual(message.get("id"), "1")

    async def test_recipient_goes_and_there_is_no_room(self) -> None:
        stage = Stage(self)
        await stage.given("a limit of 0 offline_messages")
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        working = await stage.hold("alice/desk", HI)
        await stage.disconnect("bob/phone")
        stage.let_go()
        await working
        self.assertEqual(stage.condition("alice/desk"), "cancel service-unavailable")
        became = await stage.leaves("disposition")
        self.assertEqual(became[-1].body, "bounced: service-unavailable")

    async def test_sender_goes_before_delivery(self) -> None:
        """What was received is delivered, before the farewell."""
        stage = Stage(self)
        await stage.given("bob sees alice")
        await stage.online("bob/phone")
        await stage.online("alice/desk")
        stage.drain("bob/phone")
        working = await stage.hold("alice/desk", HI)
        going = Deferred.fromCoroutine(
            stage.im.router.unbound(stage.session("alice/desk"), "connection lost")
        )
        stage.let_go()
        await working
        await going
        self.assertEqual(
            [stanza.name for stanza in stage.drain("bob/phone")], ["message", "presence"]
        )

    async def test_session_that_is_gone_sends_nothing(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        await stage.disconnect("alice/desk")
        size = len(await stage.leaves())
        await stage.send("alice/desk", HI)
        self.assertEqual(stage.drain("bob/phone"), [])
        self.assertEqual(len(await stage.leaves()), size)

    async def test_two_resources_become_available_at_once(self) -> None:
        """What was kept goes to one of them, not to both."""
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.send("alice/desk", HI)
        await stage.connect("bob/phone", "bob/phone")
        await stage.connect("bob/web", "bob/web")
        one = stage.start("bob/phone", "<presence/>")
        other = stage.start("bob/web", "<presence/>")
        await one
        await other
        got = [s for a in ("bob/phone", "bob/web") for s in stage.drain(a) if s.name == "message"]
        self.assertEqual(len(got), 1)

    async def test_many_kept_messages_come_in_order(self) -> None:
        """More than one batch of them."""
        stage = Stage(self)
        await stage.online("alice/desk")
        working = [
            stage.start("alice/desk", HI.replace("'1'", f"'{number}'")) for number in range(250)
        ]
        for one in working:
            await one
        await stage.connect("bob/phone", "bob/phone")
        await stage.send("bob/phone", "<presence/>")
        ids = [s.get("id") for s in stage.drain("bob/phone") if s.name == "message"]
        self.assertEqual(ids, [str(number) for number in range(250)])


@implementer(IFeature)
class Odd:
    """Features that do not do what they should."""

    server_features = account_features = ("urn:odd",)
    stream_features = ()

    def routes(self) -> Mapping[IqRoute, IqAnswer]:
        return {
            IqRoute("get", "account", "fail", "urn:odd"): self._fail,
            IqRoute("get", "account", "hang", "urn:odd"): self._hang,
            IqRoute("get", "account", "refuse", "urn:odd"): self._refuse,
            IqRoute("get", "account", "done", "urn:odd"): self._done,
            IqRoute("get", "contact", "ask", "urn:odd"): self._ask,
        }

    async def _fail(self, _session: Session, _iq: Element) -> Sequence[Element]:
        raise KeyError("a bug")

    async def _hang(self, _session: Session, _iq: Element) -> Sequence[Element]:
        await Deferred()
        return ()

    async def _refuse(self, _session: Session, _iq: Element) -> Sequence[Element]:
        raise StanzaError.of("not-acceptable", "no")

    async def _done(self, session: Session, iq: Element) -> None:
        session.sink.send(Element("iq", iq.ns, {"type": "result", "id": "own"}))

    async def _ask(self, _session: Session, iq: Element) -> Sequence[Element]:
        return [Element("asked", "urn:odd", {"of": iq.attrs["to"], "by": iq.attrs["from"]})]


class FeatureTests(TestCase):
    async def ask(self, name: str, to: str = "") -> Stage:
        stage = Stage(self)
        stage.features = lambda _: (Odd(),)
        await stage.online("alice/desk")
        address = f"to='{to}'" if to else ""
        await stage.send(
            "alice/desk", f"<iq type='get' id='7' {address}><{name} xmlns='urn:odd'/></iq>"
        )
        return stage

    async def test_bug(self) -> None:
        stage = await self.ask("fail")
        self.assertEqual(stage.condition("alice/desk"), "cancel internal-server-error")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    async def test_refusal(self) -> None:
        stage = await self.ask("refuse")
        self.assertEqual(stage.condition("alice/desk"), "modify not-acceptable")

    async def test_answered_itself(self) -> None:
        stage = await self.ask("done")
        self.assertEqual([s.get("id") for s in stage.drain("alice/desk")], ["own"])

    async def test_for_a_contact(self) -> None:
        """RFC 6121 section 8.5.2.1.3: the server answers for the account."""
        stage = await self.ask("ask", "bob@example.test")
        (answer,) = stage.drain("alice/desk")
        self.assertEqual(answer.get("from"), "bob@example.test")
        asked = answer.find("asked", "urn:odd")
        assert asked is not None
        self.assertEqual(asked.attrs, {"of": "bob@example.test", "by": "alice@example.test/desk"})

    async def test_hanging_feature_does_not_stop_the_session_for_ever(self) -> None:
        stage = Stage(self)
        stage.features = lambda _: (Odd(),)
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        stage.start("alice/desk", "<iq type='get' id='7'><hang xmlns='urn:odd'/></iq>")
        after = stage.start("alice/desk", HI)
        await stage.wait(29)
        self.assertEqual(stage.drain("alice/desk"), [])
        await stage.wait(2)
        self.assertEqual(stage.condition("alice/desk"), "wait resource-constraint")
        await after
        self.assertEqual(len(stage.drain("bob/phone")), 1)

    async def test_two_features_for_one_iq(self) -> None:
        stage = Stage(self)
        stage.features = lambda _: (Odd(), Odd())
        with self.assertRaises(ValueError):
            await stage.online("alice/desk")


class InjectionTests(TestCase):
    async def test_headline_to_who_is_there(self) -> None:
        stage = Stage(self)
        await stage.online("bob/phone")
        await stage.online("bob/web", "<presence><priority>3</priority></presence>")
        stage.drain("bob/phone")
        sent = await stage.im.router.inject(
            "example.test", "Bob@example.test", "Back at 5 & later", origin="semaphore"
        )
        leaf = sent.leaf
        for actor in ("bob/phone", "bob/web"):
            (message,) = stage.drain(actor)
            body = message.find("body")
            assert body is not None
            self.assertEqual((message.get("type"), body.text), ("headline", "Back at 5 & later"))
            self.assertEqual(message.get("from"), "example.test")
        self.assertEqual(details_of(leaf)["origin"], "semaphore")
        (became,) = await stage.leaves("disposition")
        self.assertEqual(became.refers, leaf.seq)
        self.assertTrue(became.body.startswith("delivered to "))

    async def test_nothing_is_lost_silently(self) -> None:
        """A headline for somebody who is away is kept as chat (REFERENCE 0.6)."""
        stage = Stage(self)
        await stage.people()
        await stage.im.router.inject("alice@example.test", "bob@example.test", "Call me")
        await stage.connect("bob/phone", "bob/phone")
        await stage.send("bob/phone", "<presence/>")
        _, message = stage.drain("bob/phone")
        self.assertEqual((message.get("type"), message.get("from")), ("chat", "alice@example.test"))

    async def test_refusals(self) -> None:
        stage = Stage(self)
        await stage.given("a limit of 0 offline_messages")
        inject = stage.im.router.inject
        for error, sender, recipient, body, kind in (
            (NotFound, "example.test", "nobody@example.test", "x", "headline"),
            (NotFound, "example.test", "bob@elsewhere.example", "x", "headline"),
            (NotFound, "example.test", "example.test", "x", "headline"),
            (Invalid, "example.test", "@@", "x", "headline"),
            (Invalid, "", "bob@example.test", "x", "headline"),
            (Invalid, "example.test", "bob@example.test", " ", "headline"),
            (Invalid, "example.test", "bob@example.test", "x", "groupchat"),
            (LimitExceeded, "example.test", "bob@example.test", "x" * 70000, "chat"),
            (LimitExceeded, "example.test", "bob@example.test", "x", "chat"),
        ):
            with self.assertRaises(error):
                await inject(sender, recipient, body, kind)
        (became,) = await stage.leaves("disposition")
        self.assertEqual(became.body, "bounced: service-unavailable")

    async def test_record_that_cannot_be_written(self) -> None:
        stage = Stage(self)
        await stage.online("bob/phone")
        stage.record.failing = True
        with self.assertRaises(RecordUnavailable):
            await stage.im.router.inject("example.test", "bob@example.test", "x")
        self.assertEqual(stage.drain("bob/phone"), [])


class AccountTests(TestCase):
    async def test_renamed_account_keeps_its_session(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        account_id = await stage.account_id("alice")
        await stage.store.write(lambda tx: tx.accounts.update(account_id, name="Alice A."))
        await stage.im.router.checking
        self.assertEqual(stage.session("alice/desk").account.name, "Alice A.")
        self.assertEqual(await stage.ended("alice/desk"), "")

    async def test_deleted_account_loses_its_session(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        account_id = await stage.account_id("alice")
        await stage.store.write(lambda tx: tx.accounts.delete(account_id))
        await stage.im.router.checking
        self.assertEqual(await stage.ended("alice/desk"), "not-authorized")

    async def test_disabled_account_cannot_send_even_before_its_stream_ends(self) -> None:
        stage = Stage(self)
        await stage.online("alice/desk")
        await stage.online("bob/phone")
        await stage.given("alice is disabled")
        await stage.send("alice/desk", HI)
        self.assertEqual(stage.drain("bob/phone"), [])
        became = await stage.leaves("disposition")
        self.assertEqual(became[-1].body, "refused: not-authorized")
