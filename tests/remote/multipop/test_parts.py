"""The parts that need no server: settings, hosts, places, work side by side, plans, words."""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid, StoreUnavailable
from mailim.interfaces.boxes import SeenMessage
from mailim.remote.multipop.hosts import is_public
from mailim.remote.multipop.keeping import Keeping
from mailim.remote.multipop.listing import (
    FORGET_AFTER,
    RETRY_QUARANTINED_AFTER,
    Listed,
    Plan,
    PlanRules,
    plan,
)
from mailim.remote.multipop.places import Places
from mailim.remote.multipop.settings import changed_box, new_box
from mailim.remote.multipop.words import LoginRefused, in_words, is_known


class SettingsTest(SynchronousTestCase):
    """What a box may be."""

    def box(self, **values: Any) -> dict[str, Any]:
        return new_box(
            {"host": "pop.example.org", "user": "kate", "password": "p", **values}, False
        )

    def test_defaults(self) -> None:
        box = self.box()
        self.assertEqual(
            (box["port"], box["tls"], box["ca"], box["leave"]), (995, "tls", "", False)
        )

    def test_hosts(self) -> None:
        for given, host, port in (
            ("POP.Example.ORG.", "pop.example.org", 995),
            (" pop.example.org:1995 ", "pop.example.org", 1995),
            ("münchen.example", "xn--mnchen-3ya.example", 995),
            ("localhost", "localhost", 995),
            ("192.0.2.1:110", "192.0.2.1", 110),
            ("2001:db8::1", "2001:db8::1", 995),
            ("[2001:DB8::1]:110", "2001:db8::1", 110),
            ("[2001:db8::1]", "2001:db8::1", 995),
        ):
            box = self.box(host=given)
            self.assertEqual((box["host"], box["port"]), (host, port))

    def test_refused(self) -> None:
        surrogate = "a\ud800b"
        for field, values in {
            "host": (
                "",
                " ",
                "a b",
                "a/b",
                "http://x",
                "a@b",
                "x" * 254,
                "a\nb",
                5,
                None,
                surrogate,
            ),
            "port": (0, -1, 65536, "995", True, 1.5, None),
            "user": (
                "",
                " ",
                "a\r\nb",
                "a\0b",
                "a\u2028b",
                "a\x85b",
                "a\x0bb",
                "x" * 256,
                5,
                surrogate,
            ),
            "password": ("", "a\nDELE 1", "x" * 1025, None, surrogate),
            "tls": ("", "none", "TLS", True, 1),
            "leave": (1, "yes", None),
            "enabled": (1, "no"),
            "ca": ("relative.pem", "/a\nb", 5, "x" * 5000),
        }.items():
            for value in values:
                with self.assertRaises(Invalid) as caught:
                    self.box(**{field: value})
                self.assertEqual(caught.exception.path, field, value)
        for port in ("0", "65536", "999999999999999999999"):
            with self.assertRaises(Invalid):
                self.box(host=f"pop.example.org:{port}")

    def test_missing_and_unknown(self) -> None:
        for missing in ("host", "user", "password"):
            values = {"host": "h", "user": "u", "password": "p"}
            del values[missing]
            with self.assertRaises(Invalid) as caught:
                new_box(values, False)
            self.assertEqual(caught.exception.path, missing)
        with self.assertRaises(Invalid):
            changed_box({"secret": b"x"}, True)

    def test_no_secret_in_errors(self) -> None:
        with self.assertRaises(Invalid) as caught:
            self.box(password="hush\n")
        self.assertNotIn("hush", caught.exception.text)


class HostsTest(SynchronousTestCase):
    """Which addresses are on the internet."""

    def test_public(self) -> None:
        for text in ("93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"):
            self.assertTrue(is_public(text), text)
        for text in (
            "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0",
            "100.64.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1%eth0", "fd00::1",
            "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
        ):  # fmt: skip
            self.assertFalse(is_public(text), text)


class PlacesTest(SynchronousTestCase):
    """Few at once, and everybody's turn comes."""

    def test_fair(self) -> None:
        places = Places(lambda: 2)
        turns: list[str] = []
        for number in range(5):
            name = f"greedy {number}"
            places.take(1).addCallback(lambda _, name: turns.append(name), name)
        places.take(2).addCallback(lambda _: turns.append("modest"))
        self.assertEqual(turns, ["greedy 0", "greedy 1"])
        places.give_back(1)
        self.assertEqual(turns[2:], ["modest"])
        places.give_back(1)
        places.give_back(2)
        self.assertEqual(turns[3:], ["greedy 2", "greedy 3"])

    def test_cancelled_and_limit_changed(self) -> None:
        limit = 1
        places = Places(lambda: limit)
        places.take(1)
        second, third, fourth = (places.take(1) for _ in range(3))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertNoResult(third)
        limit = 2
        places.give_back(1)
        self.successResultOf(third)
        self.successResultOf(fourth)
        self.assertEqual(places.taken, 2)
        places.give_back(1)
        places.give_back(1)
        self.assertEqual(places.taken, 0)


class KeepingTest(SynchronousTestCase):
    """Coroutines side by side."""

    def test_bounded(self) -> None:
        keeping = Keeping(2)
        gates: list[Deferred[None]] = [Deferred() for _ in range(3)]

        async def work(number: int) -> None:
            await gates[number]

        added = [Deferred.fromCoroutine(keeping.add(work(n))) for n in range(2)]
        for each in added:
            self.successResultOf(each)
        third = Deferred.fromCoroutine(keeping.add(work(2)))
        self.assertNoResult(third)
        gates[1].callback(None)
        self.successResultOf(third)
        settled = Deferred.fromCoroutine(keeping.settle())
        gates[0].callback(None)
        self.assertNoResult(settled)
        gates[2].callback(None)
        self.successResultOf(settled)
        keeping.check()

    def test_the_first_error_ends_it(self) -> None:
        keeping = Keeping(2)
        gate: Deferred[None] = Deferred()

        async def work() -> None:
            await gate

        self.successResultOf(Deferred.fromCoroutine(keeping.add(work())))
        gate.errback(StoreUnavailable("full"))
        late = Deferred.fromCoroutine(keeping.add(work()))
        self.failureResultOf(late, StoreUnavailable)
        self.assertRaises(StoreUnavailable, keeping.check)


class PlanTest(SynchronousTestCase):
    """What a visit will do."""

    def plan(self, listed: list[Listed], seen: Mapping[str, SeenMessage], **rules: Any) -> Plan:
        usual: dict[str, Any] = {
            "leave": False, "max_octets": 1000, "max_failures": 2, "again": False, "now": 0,
        }  # fmt: skip
        return plan(listed, seen, PlanRules(**(usual | rules)))

    def seen(self, **states: tuple[str, int]) -> dict[str, SeenMessage]:
        return {
            uidl: SeenMessage(uidl, state, None, 0, failures)
            for uidl, (state, failures) in states.items()
        }

    def test_every_state(self) -> None:
        seen = self.seen(
            stored=("stored", 0),
            deleting=("deleting", 0),
            told=("deleting", 1),
            deleted=("deleted", 0),
            gone=("gone", 0),
            failing=("failing", 1),
            quarantined=("quarantined", 2),
        )
        listed = [Listed(n, uidl, 10, uidl) for n, uidl in enumerate([*seen, "new"], 1)]
        for leave, delete, stay in ((False, ["stored", "deleting"], []), (True, [], ["deleting"])):
            todo = self.plan(listed, seen, leave=leave)
            self.assertEqual([one.uidl for one in todo.delete], delete)
            self.assertEqual(todo.stay, stay)
            fetched = {one.message.uidl: one.uncertain for one in todo.fetch}
            wanted = {"told": True, "deleted": True, "gone": True, "failing": False, "new": False}
            self.assertEqual((fetched, todo.quarantined), (wanted, 1))
            self.assertEqual((todo.gone, todo.deleted, todo.forget), ([], [], []))
        todo = self.plan(listed, seen, again=True)
        self.assertEqual((todo.fetch[-1].message.uidl, todo.quarantined), ("quarantined", 0))
        todo = self.plan(listed, seen, now=RETRY_QUARANTINED_AFTER + 1)
        self.assertEqual((todo.fetch[-1].message.uidl, todo.quarantined), ("quarantined", 0))
        # Nothing is listed any more.
        todo = self.plan([], seen)
        self.assertEqual((todo.gone, todo.deleted), (["stored", "deleting"], ["told"]))
        self.assertEqual(todo.forget, ["failing", "quarantined"])
        todo = self.plan([], seen, now=FORGET_AFTER["deleted"] + 1)
        self.assertEqual(todo.forget, ["deleted", "failing", "quarantined"])
        todo = self.plan([], seen, now=FORGET_AFTER["gone"] + 1)
        self.assertEqual(todo.forget, ["deleted", "gone", "failing", "quarantined"])

    def test_looking_again_does_not_go_on_for_ever(self) -> None:
        listed = [Listed(1, "u", 10, "u")]
        for state, failures, wanted in (("deleted", 1, 1), ("deleted", 2, 0), ("deleting", 3, 0)):
            todo = self.plan(listed, self.seen(u=(state, failures)))
            self.assertEqual((len(todo.fetch), todo.quarantined), (wanted, 1 - wanted))

    def test_too_large(self) -> None:
        listed = [Listed(n, f"u{n}", size, f"u{n}") for n, size in ((1, 1000), (2, 1001))]
        todo = self.plan(listed, {})
        self.assertEqual(([one.message.number for one in todo.fetch], todo.too_large), ([1], 1))

    def test_large_boxes(self) -> None:
        """50,000 messages, ten of them new."""
        seen = {f"u{n}": SeenMessage(f"u{n}", "stored", b"", 0) for n in range(49_990)}
        listed = [Listed(n + 1, f"u{n}", 10, f"u{n}") for n in range(50_000)]
        begun = time.thread_time()
        todo = self.plan(listed, seen, leave=True)
        self.assertEqual(len(todo.fetch), 10)
        self.assertLess(time.thread_time() - begun, 10)  # a list looked through each time: minutes


class WordsTest(SynchronousTestCase):
    """Every error becomes a sentence."""

    def test_words(self) -> None:
        refused = OSError(errno.EHOSTUNREACH, "No route to host")
        for error, words in (
            (StoreUnavailable("x"), "could not store the mail"),
            (LoginRefused("the server refused"), "The server refused"),
            (ConnectError(refused), "cannot be reached: No route to host"),
            (refused, "cannot be reached: No route to host"),
            (ConnectError(), "cannot be reached: no reason given"),
            (ConnectionLost(), "connection was lost"),
            (SSL.Error([("SSL routines", "", "certificate verify failed")]), "not trusted"),
            (SSL.Error([("SSL routines", "", "no shared cipher")]), "TLS with the server failed"),
        ):
            self.assertIn(words, in_words(error))
            self.assertTrue(is_known(error))
        self.assertFalse(is_known(ZeroDivisionError("secret detail")))
        self.assertNotIn("secret", in_words(ZeroDivisionError("secret detail")))
