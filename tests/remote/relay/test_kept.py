"""A connection carries many mails, and what ends it is no failure of the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from mailim.remote.relay import kept as kept_module
from mailim.remote.relay.kept import LONGEST_SECONDS, Kept, KeptSessions
from mailim.remote.relay.relay import Relay
from tests.fakes.smtp_server import FakeSmtp
from tests.remote.relay.kit import PATIENCE, RelayCase

IDLE = 50.0  # seconds: longer than any test takes


class KeptCase(RelayCase):
    def keeping(self, **rules: Any) -> Relay:
        return self.relay(replace(PATIENCE, again=60), idle=IDLE, **rules)

    async def send(self, relay: Relay, count: int, *to: str) -> list[str]:
        """Send mails one behind the other."""
        return [await self.outcome(relay, *to, sender=f"s{at}@example.test") for at in range(count)]

    def senders(self) -> list[str]:
        """Give whose mails arrived, in their order."""
        return [each.mail.partition("<")[2].partition("@")[0] for each in self.server.taken]


class ManyMailsTest(KeptCase):
    async def test_one_behind_the_other(self) -> None:
        for offers in (["PIPELINING"], []):
            self.server.offers, self.server.connections = offers, 0
            self.server.taken.clear()
            self.assertEqual(await self.send(self.keeping(), 5), ["sent"] * 5)
            self.assertEqual(self.senders(), [f"s{at}" for at in range(5)])
            self.assertEqual(self.server.connections, 1)
        self.assertEqual(self.server.verbs().count("EHLO"), 2)

    async def test_side_by_side(self) -> None:
        """No more connections than slots; who waits for a slot gets the connection with it."""
        relay = self.keeping(at_once=3, waiting=100)
        entries = [await self.entry("carl@example.org") for _ in range(30)]
        sent = [Deferred.fromCoroutine(self.outcomes(relay, each)) for each in entries]
        for each in sent:
            self.assertEqual(await each, {"carl@example.org": "sent"})
        self.assertEqual(len(self.server.taken), 30)
        self.assertLessEqual(self.server.connections, 3)

    async def test_without_idle_time_only_who_waits_already(self) -> None:
        relay = self.relay(idle=0.0, at_once=1, waiting=100)
        entries = [await self.entry("carl@example.org") for _ in range(10)]
        sent = [Deferred.fromCoroutine(self.outcomes(relay, each)) for each in entries]
        for each in sent:
            self.assertEqual(await each, {"carl@example.org": "sent"})
        self.assertEqual(self.server.connections, 1)
        while self.server.sessions:  # it ends by itself
            await deferLater(reactor, 0.01)
        self.assertEqual(self.server.verbs()[-1], "QUIT")
        self.assertEqual(await self.outcome(relay), "sent")
        self.assertEqual(self.server.connections, 2)

    async def test_so_many_mails_each(self) -> None:
        self.assertEqual(await self.send(self.keeping(mails=3), 7), ["sent"] * 7)
        self.assertEqual((self.server.connections, len(self.server.taken)), (3, 7))

    async def test_one_mail_each(self) -> None:
        self.assertEqual(await self.send(self.keeping(mails=1), 3), ["sent"] * 3)
        self.assertEqual(self.server.connections, 3)
        self.assertNotIn("RSET", self.server.verbs())

    async def test_a_mail_of_many_recipients_is_one(self) -> None:
        addresses = [f"{at}@example.org" for at in range(150)]
        relay = self.keeping(mails=2)
        for _ in range(2):
            found = await self.outcomes(relay, await self.entry(*addresses))
            self.assertEqual(set(found.values()), {"sent"})
        self.assertEqual([len(each.rcpt) for each in self.server.taken], [100, 50] * 2)
        self.assertEqual(self.server.connections, 1)

    async def test_only_the_same_way(self) -> None:
        """Another destination, or another rule for the way, has connections of its own."""
        self.dns.mx("example.net", (10, "mx.example.org"))
        relay = self.keeping()
        await self.send(relay, 2)
        await self.send(relay, 2, "dora@example.net")
        self.assertEqual(self.server.connections, 2)
        other = FakeSmtp()
        self.rules["port"] = other.serve(self)
        await self.send(relay, 2)
        self.assertEqual((self.server.connections, other.connections), (2, 1))

    async def test_over_when_the_relay_is(self) -> None:
        relay = self.keeping()
        await self.send(relay, 2)
        while not len(relay._kept):
            await deferLater(reactor, 0.01)
        await relay.close()
        self.assertEqual(self.door.open, set())
        while self.server.sessions:
            await deferLater(reactor, 0.01)
        self.assertEqual(self.server.verbs()[-1], "QUIT")


class RefusedMailTest(KeptCase):
    """RFC 5321 4.1.1.5: RSET ends what a refused mail left open."""

    async def test_the_next_mail_goes_on(self) -> None:
        for offers in (["PIPELINING"], []):
            for verb in ("RCPT", "DATA", "."):
                self.server.offers, self.server.connections = offers, 0
                self.server.taken.clear()
                relay = self.keeping()
                self.refuse(verb, "550 5.7.1 not this")
                (refused,) = await self.send(relay, 1)
                self.assertEqual(refused, "never: mx.example.org said: 550 5.7.1 not this")
                self.server.script = lambda verb, arguments: None
                self.assertEqual(await self.send(relay, 2), ["sent", "sent"], (offers, verb))
                self.assertEqual((len(self.server.taken), self.server.connections), (2, 1))

    async def test_a_refused_sender(self) -> None:
        """It may be the connection that is refused: a new one is asked, and that counts."""
        for reply, outcome in (("550 5.7.1 no", "never: "), ("451 4.7.1 later", "later: ")):
            self.server.connections = 0
            relay = self.keeping()
            await self.send(relay, 1)
            self.refuse("MAIL", reply, "<bad@")
            found = await self.outcome(relay, sender="bad@example.test")
            self.assertEqual(found, f"{outcome}mx.example.org said: {reply}")
            self.assertEqual(self.server.connections, 2)
            self.assertEqual(await self.send(relay, 1), ["sent"])
            self.assertEqual(self.server.connections, 2)


class OverTest(KeptCase):
    """A connection that is over between two mails."""

    async def test_closed_behind_so_many_mails(self) -> None:
        for farewell in ("", "421 4.7.0 enough"):
            self.server.mails_each, self.server.farewell = 2, farewell
            self.server.connections = 0
            self.server.taken.clear()
            self.assertEqual(await self.send(self.keeping(), 7), ["sent"] * 7)
            self.assertEqual(self.senders(), [f"s{at}" for at in range(7)])
            self.assertEqual(self.server.connections, 4)

    async def test_nothing_is_said_of_the_next_mail(self) -> None:
        for offers in (["PIPELINING"], []):
            for verb in ("RSET", "MAIL", "RCPT", "DATA"):
                for said in ("close", "421 4.3.2 going down"):
                    await self.second_mail(offers, said, verb)
            await self.second_mail(offers, "452 4.5.3 too many mails", "MAIL")
            await self.second_mail(offers, "502 5.5.1 what?", "RSET")
            for verb in ("RCPT", "DATA"):
                await self.second_mail(offers, "503 5.5.1 not now", verb)
            await self.second_mail(offers, "250 2.0.0 what else?", "DATA")
            await self.second_mail(offers, "nonsense", "MAIL")

    async def second_mail(self, offers: list[str], said: str, verb: str) -> None:
        self.server.offers, self.server.connections = offers, 0
        self.server.taken.clear()
        self.server.script = self.on_the_second(verb, said)
        self.assertEqual(await self.send(self.keeping(), 3), ["sent"] * 3, (offers, verb, said))
        self.assertEqual(self.senders(), ["s0", "s1", "s2"])
        self.assertEqual(self.server.connections, 2)

    def on_the_second(self, verb: str, said: str) -> Callable[[str, str], str | None]:
        """Answer so on the first connection once it has carried a mail."""

        def script(asked: str, _arguments: str) -> str | None:
            spent = self.server.connections == 1 and self.server.taken
            return said if spent and asked == verb else None

        return script

    async def test_silent(self) -> None:
        """The other side forgot the connection, as firewalls do."""
        self.server.script = lambda *_: (
            "silence" if self.server.connections == 1 and self.server.taken else None
        )
        relay = self.relay(replace(PATIENCE, again=0.2), idle=IDLE)
        self.assertEqual(await self.send(relay, 2), ["sent", "sent"])
        self.assertEqual((self.server.connections, self.senders()), (2, ["s0", "s1"]))

    async def test_in_the_middle_of_a_message_counts(self) -> None:
        """Then it is not known whether it arrived: it is not sent again at once."""
        for verb in (".", "LINE"):
            self.server.connections = 0
            self.server.taken.clear()
            self.server.script = self.on_the_second(verb, "close")
            relay = self.keeping()
            first, second = await self.send(relay, 2)
            self.assertEqual(first, "sent")
            self.assertTrue(second.startswith("later: mx.example.org"), second)
            self.assertEqual(self.server.connections, 1)
            self.assertLessEqual(self.senders().count("s1"), 1)

    async def test_the_new_one_fails_too(self) -> None:
        relay = self.keeping()
        await self.send(relay, 1)
        self.server.script = lambda verb, _: "421 4.3.2 going down"
        (found,) = await self.send(relay, 1)
        self.assertEqual(found, "later: mx.example.org: 421 4.3.2 going down")


class FakeConnection:
    fit = True


class FakeDoor:
    def __init__(self) -> None:
        self.left: list[Any] = []

    def leave(self, session: Any) -> Deferred[None]:
        self.left.append(session)
        return succeed(None)


class FakeSession:
    def __init__(self) -> None:
        self.connection = FakeConnection()


class KeptSessionsTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.door = FakeDoor()
        self.sessions = KeptSessions(self.clock, self.door)  # type: ignore[arg-type]

    def keep(self, destination: str = "x", mails: int = 1, idle: float = 2) -> Kept:
        session: Any = FakeSession()
        kept = self.sessions.new(destination, "way", session)
        kept.mails = mails
        self.sessions.keep(kept, 10, idle)
        return kept

    def test_it_waits_so_long(self) -> None:
        kept = self.keep()
        self.clock.advance(1.9)
        self.assertIs(self.sessions.take("x", "way"), kept)
        self.sessions.keep(kept, 10, 2)
        self.clock.advance(1.9)
        self.assertEqual(len(self.sessions), 1)
        self.clock.advance(0.2)
        self.assertIsNone(self.sessions.take("x", "way"))
        self.assertEqual(self.door.left, [kept.session])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_one_used_last(self) -> None:
        first, second = self.keep(), self.keep()
        self.assertIs(self.sessions.take("x", "way"), second)
        self.assertIs(self.sessions.take("x", "way"), first)

    def test_for_whom(self) -> None:
        self.keep()
        self.assertIsNone(self.sessions.take("y", "way"))
        self.assertIsNone(self.sessions.take("x", "other way"))

    def test_its_share(self) -> None:
        kept = self.keep(mails=10)
        self.assertEqual(self.door.left, [kept.session])
        kept = self.keep(mails=9)
        self.assertIs(self.sessions.take("x", "way"), kept)
        self.clock.advance(LONGEST_SECONDS)
        self.sessions.keep(kept, 10, 2)
        self.assertIn(kept.session, self.door.left)

    def test_one_that_is_over(self) -> None:
        good, bad = self.keep(), self.keep()
        bad.session.connection.fit = False  # type: ignore[misc]
        self.assertIs(self.sessions.take("x", "way"), good)
        self.assertEqual(self.door.left, [bad.session])

    def test_so_many_at_once(self) -> None:
        self.patch(kept_module, "MOST_IDLE", 2)
        first, _second, _third = self.keep("a"), self.keep("b"), self.keep("c")
        self.assertEqual((self.door.left, len(self.sessions)), ([first.session], 2))

    def test_closing(self) -> None:
        kept = self.keep()
        self.successResultOf(Deferred.fromCoroutine(self.sessions.close()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        late = self.keep()
        self.assertEqual(self.door.left, [kept.session, late.session])

    def test_no_secret_is_shown(self) -> None:
        kept = self.sessions.new("x", ("host", "geheim"), FakeSession())  # type: ignore[arg-type]
        self.assertNotIn("geheim", repr(kept))
