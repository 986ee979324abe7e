"""Which hosts are tried in which order: RFC 5321 5.1, RFC 7505."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import RateLimited
from mailim.remote.relay.destinations import FIRST_REST, Destinations
from mailim.remote.relay.exchangers import name_servers
from mailim.remote.relay.words import Delayed
from tests.fakes.smtp_server import FakeSmtp
from tests.remote.relay.kit import HASTE, PATIENCE, RelayCase


class ExchangerTest(RelayCase):
    def host(self, number: int) -> FakeSmtp:
        """Serve one more host, at 127.0.0.N and the same port."""
        server = FakeSmtp(f"mx{number}.example.org")
        server.serve(self, f"127.0.0.{number}", self.port)
        self.dns.a(server.name, f"127.0.0.{number}")
        return server

    async def test_in_order(self) -> None:
        second, third = self.host(2), self.host(3)
        self.dns.mx(
            "example.org",
            (30, "mx3.example.org"),
            (20, "MX2.example.org."),
            (10, "gone.example.org"),
        )
        self.dns.a("gone.example.org", "127.0.0.9")  # nobody listens there
        self.assertEqual(await self.outcome(self.relay()), "sent")
        self.assertEqual((len(second.taken), len(third.taken)), (1, 0))

    async def test_the_next_one_where_one_is_out_of_order(self) -> None:
        second = self.host(2)
        self.dns.mx("example.org", (10, "mx.example.org"), (20, "mx2.example.org"))
        for verb, reply in (("CONNECT", "554 no"), ("CONNECT", "close"), ("EHLO", "451 no"),
                            ("CONNECT", "silence")):  # fmt: skip
            self.refuse(verb, reply)
            second.taken.clear()
            times = replace(PATIENCE, greeting=3)
            self.assertEqual(await self.outcome(self.relay(times)), "sent", reply)
            self.assertEqual(len(second.taken), 1)

    async def test_not_the_next_one_where_the_mail_is_refused(self) -> None:
        second = self.host(2)
        self.dns.mx("example.org", (10, "mx.example.org"), (20, "mx2.example.org"))
        self.refuse("RCPT", "550 no")
        self.assertIn("550 no", await self.outcome(self.relay()))
        self.assertEqual(second.commands, [])

    async def test_every_address_of_a_host(self) -> None:
        self.dns.records["mx.example.org"].clear()
        self.dns.a("mx.example.org", "127.0.0.8", "::1", "127.0.0.1")
        self.assertEqual(await self.outcome(self.relay()), "sent")

    async def test_the_domain_itself(self) -> None:
        self.dns.a("plain.example", "127.0.0.1")
        self.assertEqual(await self.outcome(self.relay(), "x@plain.example"), "sent")

    async def test_null_mx(self) -> None:
        self.dns.mx("nomail.example", (0, ""))
        self.assertEqual(
            await self.outcome(self.relay(), "x@nomail.example"),
            "never: nomail.example does not take mail.",
        )

    async def test_no_such_domain(self) -> None:
        self.assertEqual(
            await self.outcome(self.relay(), "x@typo.example"),
            "never: There is no domain typo.example.",
        )

    async def test_a_domain_without_any_host(self) -> None:
        self.dns.records["empty.example"] = []
        self.dns.mx("dangling.example", (10, "nothing.example"))
        for domain in ("empty.example", "dangling.example"):
            self.assertEqual(
                await self.outcome(self.relay(), f"x@{domain}"),
                f"never: There is no mail server for {domain}.",
            )

    async def test_dns_that_fails(self) -> None:
        self.dns.broken.add("example.org")
        found = await self.outcome(self.relay())
        self.assertTrue(found.startswith("later: The DNS gives no answer about example.org"), found)
        self.dns.broken = {"mx.example.org"}
        found = await self.outcome(self.relay())
        self.assertTrue(found.startswith("later: "), found)
        self.flushLoggedErrors(RuntimeError)  # the fake's own

    async def test_we_are_among_them(self) -> None:
        """RFC 5321 5.1: whom we back up is sent to, who backs us up is not."""
        third = self.host(3)
        self.dns.mx(
            "example.org", (10, "mx.example.org"), (20, "mail.example.TEST"), (30, third.name)
        )
        self.refuse("CONNECT", "554 no")
        self.assertIn("later", await self.outcome(self.relay()))
        self.dns.mx("example.org", (20, "mx.example.org"), (20, "mail.example.test"))
        self.assertEqual(
            await self.outcome(self.relay()),
            "never: Mail for example.org would come back to this server.",
        )
        self.assertEqual(third.commands, [])

    async def test_private_networks(self) -> None:
        found = await self.outcome(self.relay(private=False))
        self.assertEqual(found, "never: The mail server of example.org is on a private network.")
        self.assertEqual(self.server.commands, [])


class SmarthostTest(RelayCase):
    async def test_everything_goes_there(self) -> None:
        self.dns.a("out.example.net", "127.0.0.1")
        relay = self.relay(host="out.example.net")
        entry = await self.entry("a@one.example", "b@two.example")
        self.assertEqual(set((await self.outcomes(relay, entry)).values()), {"sent"})
        self.assertEqual(len(self.server.taken), 1)
        self.assertEqual({name for name, _ in self.dns.asked}, {"out.example.net"})

    async def test_by_its_address(self) -> None:
        self.assertEqual(await self.outcome(self.relay(host="127.0.0.1")), "sent")
        self.assertEqual(self.dns.asked, [])

    async def test_away(self) -> None:
        found = await self.outcome(self.relay(host="127.0.0.9"))
        self.assertEqual(found, "later: 127.0.0.9 refuses connections")
        found = await self.outcome(self.relay(host="out.example.net"))
        self.assertTrue(found.startswith("later: "), found)


class BusyTest(RelayCase):
    async def test_a_destination_that_is_away_rests(self) -> None:
        self.refuse("CONNECT", "554 no")
        relay = self.relay()
        self.assertEqual(await self.outcome(relay), "later: mx.example.org: 554 no")
        self.server.script = lambda verb, arguments: None
        self.assertEqual(await self.outcome(relay), "later: mx.example.org: 554 no (a moment ago)")
        self.dns.a("other.example", "127.0.0.1")
        self.assertEqual(await self.outcome(relay, "x@other.example"), "sent")

    async def test_no_more_connections_than_allowed(self) -> None:
        relay = self.relay(HASTE, at_once=2, waiting=3)
        self.refuse("MAIL", "silence")
        entries = [await self.entry("carl@example.org") for _ in range(7)]
        sent = [Deferred.fromCoroutine(self.outcomes(relay, each)) for each in entries]
        most = 0
        found = []
        while not all(each.called for each in sent):
            await deferLater(reactor, 0.02)
            most = max(most, len(self.server.sessions))
        for each in sent:
            found += list((await each).values())
        self.assertEqual(most, 2)
        self.assertEqual(sum("Much other mail" in one for one in found), 2)


class DestinationsTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.destinations = Destinations(self.clock, lambda: 1, lambda: 1)

    def enter(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.destinations.enter("x"))

    def test_slots_are_handed_over(self) -> None:
        self.successResultOf(self.enter())
        second = self.enter()
        self.assertNoResult(second)
        first = self.failureResultOf(self.enter(), RateLimited).value
        second_away = self.failureResultOf(self.enter(), RateLimited).value
        self.assertGreater(second_away.retry_after, first.retry_after)  # they part
        self.destinations.leave("x")
        self.successResultOf(second)
        self.destinations.leave("x")
        self.successResultOf(self.enter())

    def test_rest_grows_and_ends(self) -> None:
        for rest in (FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST):
            self.successResultOf(self.enter())
            self.destinations.failed("x", "away")
            self.destinations.leave("x")
            self.clock.advance(rest - 1)
            self.failureResultOf(self.enter(), Delayed)
            self.clock.advance(1)
        self.successResultOf(self.enter())
        self.destinations.succeeded("x")
        self.destinations.leave("x")
        self.successResultOf(self.enter())

    def test_who_waits_is_told(self) -> None:
        self.successResultOf(self.enter())
        second = self.enter()
        self.destinations.failed("x", "away")
        self.destinations.leave("x")
        self.failureResultOf(second, Delayed)
        self.clock.advance(FIRST_REST)
        self.successResultOf(self.enter())


class NameServersTest(SynchronousTestCase):
    def test_read(self) -> None:
        text = "# x\nsearch a.test\nnameserver 192.0.2.1\nnameserver\noptions x\nnameserver ::1\n"
        self.assertEqual(name_servers(text), (("192.0.2.1", 53), ("::1", 53)))
        self.assertEqual(name_servers(""), (("127.0.0.1", 53),))
