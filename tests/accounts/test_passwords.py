"""Checking passwords: outcomes, limits, what is remembered, and that nothing leaks."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger, LogPublisher, capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailim.accounts.passwords import CHAT, Passwords
from mailim.errors import AuthenticationFailed, Invalid, NotFound, RateLimited, Unavailable
from mailim.interfaces.accounts import Account
from mailim.wire.scram import derive_keys
from tests.accounts.sites import PASSWORD, QUICK, HashingHere, HashingLater, Site
from tests.wire.memory import resident_bytes

ALICE = "alice@example.test"
HERE = "192.0.2.1"


class PasswordsCase(TestCase):
    async def site(self, hashing: HashingHere | None = None) -> Site:
        site = Site(self, hashing)
        await site.people()
        return site

    async def refused(self, site: Site, error: Any, *args: str) -> Any:
        errors = error if isinstance(error, tuple) else (error,)
        address, password, peer, protocol = [*args, *[ALICE, "wrong", HERE, "imap"][len(args) :]]
        return await self.assertFailure(
            Deferred.fromCoroutine(site.passwords.check(address, password, peer, protocol)), *errors
        )

    async def accepted(self, site: Site, password: str = PASSWORD, peer: str = HERE) -> Account:
        return await site.passwords.check(ALICE, password, peer, "imap")


class CheckTests(PasswordsCase):
    async def test_right(self) -> None:
        site = await self.site()
        account = await site.passwords.check("Alice@Example.test", PASSWORD, HERE, "imap")
        self.assertEqual(account.address, ALICE)
        await site.settle()
        stored = await site.store.read(lambda tx: tx.accounts.get(account.id))
        assert stored is not None
        self.assertEqual(stored.last_login, 1_800_000_000_000_000)

    async def test_refusals_look_alike(self) -> None:
        site = await self.site()
        await site.accounts.add("off@example.test", PASSWORD)
        await site.accounts.disable("off@example.test")
        texts = set()
        for address, password in (
            (ALICE, "wrong"),
            (ALICE, ""),
            (ALICE, "x" * 2000),
            (ALICE, "x\ud800"),
            ("nobody@example.test", PASSWORD),
            ("alice@elsewhere.test", PASSWORD),
            ("off@example.test", PASSWORD),
            ("no address", PASSWORD),
            ("", ""),
        ):
            error = await self.refused(site, AuthenticationFailed, address, password)
            texts.add(str(error))
        self.assertEqual(len(texts), 1)

    async def test_unknown_and_disabled_cost_a_hash_too(self) -> None:
        site = await self.site()
        await site.accounts.add("off@example.test", PASSWORD)
        await site.accounts.disable("off@example.test")
        for address in (ALICE, "nobody@example.test", "x@elsewhere.test", "off@example.test"):
            site.hashing.count = 0
            await self.refused(site, AuthenticationFailed, address)
            self.assertEqual(site.hashing.count, 1, address)

    async def test_rate_limited_whatever_the_password(self) -> None:
        site = await self.site()
        for number in range(10):
            await self.refused(site, AuthenticationFailed, ALICE, f"guess {number}")
        site.hashing.count = 0
        error = await self.refused(site, RateLimited, ALICE, PASSWORD)
        self.assertGreater(error.retry_after, 0)
        self.assertEqual(site.hashing.count, 0)
        site.clock.advance(error.retry_after)
        await self.accepted(site)

    async def test_unknown_addresses_are_limited_alike(self) -> None:
        site = await self.site()
        for number in range(10):
            await self.refused(site, AuthenticationFailed, "nobody@example.test", f"guess {number}")
        await self.refused(site, RateLimited, "nobody@example.test", PASSWORD)

    async def test_owner_gets_in_while_others_guess(self) -> None:
        site = await self.site()
        await self.accepted(site, peer="203.0.113.5")
        for number in range(30):
            await self.refused(
                site,
                AuthenticationFailed if number < 10 else RateLimited,
                ALICE,
                f"guess {number}",
                f"192.0.2.{number}",
            )
        site.clock.advance(400)  # what was remembered is over
        for number in range(5):
            await self.refused(
                site, (AuthenticationFailed, RateLimited), ALICE, f"more {number}", "192.0.2.9"
            )
        await self.accepted(site, peer="203.0.113.5")

    async def test_guesses_at_once_are_counted_at_once(self) -> None:
        hashing = HashingLater()
        site = Site(self, hashing)
        outcomes: list[str] = []

        def note(failure: Failure) -> None:
            outcomes.append(type(failure.value).__name__)

        tries = [
            Deferred.fromCoroutine(
                site.passwords.check("x@example.test", f"guess {number}", HERE, "imap")
            ).addErrback(note)
            for number in range(50)
        ]
        self.assertEqual(outcomes.count("RateLimited"), 40)
        while len(hashing.waiting) < 10:
            await site.store.read(lambda tx: None)
        for work in hashing.waiting:
            work()
        for each in tries:
            await each
        self.assertEqual(outcomes.count("AuthenticationFailed"), 10)

    async def test_full_queue_is_no_failure(self) -> None:
        class Full(HashingHere):
            def run(self, work: Any, *args: Any) -> Deferred[Any]:
                return Deferred.fromCoroutine(self._full())

            async def _full(self) -> None:
                raise RateLimited("full", 1.0)

        site = await self.site()
        site.passwords._hashing = Full()
        for _ in range(30):
            await self.refused(site, RateLimited, ALICE, PASSWORD)
        site.passwords._hashing = site.hashing
        await self.accepted(site)

    async def test_old_telephone_does_not_lock_its_owner_out(self) -> None:
        """The same wrong password again and again, once a minute, and the right one elsewhere."""
        site = await self.site()
        for _ in range(60):
            await self.refused(site, AuthenticationFailed, ALICE, "last year's")
            site.clock.advance(60)
        await self.accepted(site)

    async def test_hanging_up_does_not_take_a_guess_back(self) -> None:
        hashing = HashingLater()
        site = Site(self, hashing)
        for number in range(10):
            attempt = Deferred.fromCoroutine(
                site.passwords.check("x@example.test", f"guess {number}", HERE, "imap")
            )
            attempt.cancel()
            await self.assertFailure(attempt, CancelledError)
        await self.refused(site, RateLimited, "x@example.test", "guess 11")
        while len(hashing.waiting) < 10:
            await site.store.read(lambda tx: None)
        for work in hashing.waiting:
            work()


class RememberedTests(PasswordsCase):
    async def test_a_storm_costs_one_hash(self) -> None:
        site = await self.site()
        for _ in range(50):
            await self.accepted(site)
        self.assertEqual(site.hashing.count, 1)
        site.clock.advance(301)
        await self.accepted(site)
        self.assertEqual(site.hashing.count, 2)

    async def test_at_once_costs_one_hash(self) -> None:
        hashing = HashingLater()
        site = await self.site()
        site.passwords._hashing = hashing
        tries = [Deferred.fromCoroutine(self.accepted(site)) for _ in range(50)]
        while not hashing.waiting:
            await site.store.read(lambda tx: None)
        self.assertEqual(len(hashing.waiting), 1)
        tries[0].cancel()
        await self.assertFailure(tries[0], CancelledError)
        hashing.waiting[0]()
        for each in tries[1:]:
            self.assertEqual((await each).address, ALICE)
        self.assertEqual(site.passwords._checking, {})

    async def test_change_of_accounts_voids_it(self) -> None:
        site = await self.site()
        account = await self.accepted(site)
        await site.passwords.set_password(account.id, "another password")
        await self.refused(site, AuthenticationFailed, ALICE, PASSWORD)
        await self.accepted(site, "another password")
        await site.accounts.disable(ALICE)
        await self.refused(site, AuthenticationFailed, ALICE, "another password")
        await site.accounts.delete(ALICE)
        await self.refused(site, AuthenticationFailed, ALICE, "another password")

    async def test_remembered_is_not_told_to_who_is_limited(self) -> None:
        site = await self.site()
        await self.accepted(site)
        for number in range(10):
            await self.refused(site, AuthenticationFailed, ALICE, f"guess {number}", "198.51.100.1")
        await self.refused(site, RateLimited, ALICE, PASSWORD, "198.51.100.1")

    async def test_disabled_while_hashing(self) -> None:
        hashing = HashingLater()
        site = await self.site()
        site.passwords._hashing = hashing
        first = Deferred.fromCoroutine(self.accepted(site))
        while not hashing.waiting:
            await site.store.read(lambda tx: None)
        await site.accounts.disable(ALICE)
        hashing.waiting[0]()
        await first  # it was right when it was asked
        site.passwords._hashing = HashingHere()
        await self.refused(site, AuthenticationFailed, ALICE, PASSWORD)


class ScramTests(PasswordsCase):
    async def test_keys(self) -> None:
        site = await self.site()
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
            keys, account = await site.passwords.scram_keys("ALICE@example.test", mechanism, HERE)
            assert account is not None
            self.assertEqual(account.address, ALICE)
            self.assertEqual(keys, derive_keys(PASSWORD, mechanism, keys.salt, 4096))

    async def test_unknown_gets_the_same_fake_again(self) -> None:
        site = await self.site()
        again = []
        for address in ("nobody@example.test", "Nobody@example.test", "junk", "other junk"):
            keys, account = await site.passwords.scram_keys(address, "SCRAM-SHA-256", HERE)
            self.assertIsNone(account)
            self.assertEqual(keys.iterations, 4096)
            again.append(keys)
        self.assertEqual(again[0], again[1])
        self.assertNotEqual(again[0], again[2])

    async def test_mechanism_without_keys(self) -> None:
        site = await self.site()
        _, account = await site.passwords.scram_keys(ALICE, "SCRAM-SHA-512", HERE)
        self.assertIsNone(account)

    async def test_disabled_keeps_its_salt_and_cannot_log_in(self) -> None:
        site = await self.site()
        before, _ = await site.passwords.scram_keys(ALICE, "SCRAM-SHA-256", HERE)
        await site.accounts.disable(ALICE)
        after, account = await site.passwords.scram_keys(ALICE, "SCRAM-SHA-256", HERE)
        self.assertIsNone(account)
        self.assertEqual((after.salt, after.iterations), (before.salt, before.iterations))
        self.assertNotEqual(after.stored_key, before.stored_key)
        self.assertNotEqual(after.server_key, before.server_key)

    async def test_outcomes_are_counted(self) -> None:
        site = await self.site()
        alice = await site.directory.find(ALICE)
        assert alice is not None
        await site.passwords.succeeded(alice, "203.0.113.5", "xmpp")
        for _ in range(10):
            await site.passwords.scram_keys(ALICE, "SCRAM-SHA-1", HERE)
            site.passwords.failed("Alice@example.test", HERE)
        await self.assertFailure(
            Deferred.fromCoroutine(site.passwords.scram_keys(ALICE, "SCRAM-SHA-1", HERE)),
            RateLimited,
        )
        await self.refused(site, RateLimited, ALICE, PASSWORD)  # one limiter for all
        await site.passwords.scram_keys(ALICE, "SCRAM-SHA-1", "203.0.113.5")
        await site.settle()
        stored = await site.store.read(lambda tx: tx.accounts.get(alice.id))
        assert stored is not None
        self.assertIsNotNone(stored.last_login)

    async def test_disabled_between_challenge_and_proof(self) -> None:
        site = await self.site()
        alice = await site.directory.find(ALICE)
        assert alice is not None
        await site.accounts.disable(ALICE)
        await self.assertFailure(
            Deferred.fromCoroutine(site.passwords.succeeded(alice, HERE, "xmpp")),
            AuthenticationFailed,
        )


class ChatTokenTests(PasswordsCase):
    async def test_token_is_a_password_for_xmpp_once(self) -> None:
        site = await self.site()
        alice = await site.directory.find(ALICE)
        assert alice is not None
        token = site.tokens.issue(alice, CHAT)
        await self.refused(site, AuthenticationFailed, ALICE, token, HERE, "imap")
        account = await site.passwords.check(ALICE, token, HERE, "xmpp")
        self.assertEqual(account.id, alice.id)
        self.assertEqual(site.hashing.count, 1)
        await self.refused(site, AuthenticationFailed, ALICE, token, HERE, "xmpp")

    async def test_token_of_somebody_else(self) -> None:
        site = await self.site()
        alice = await site.directory.find(ALICE)
        assert alice is not None
        token = site.tokens.issue(alice, CHAT)
        await self.refused(site, AuthenticationFailed, "admin@example.test", token, HERE, "xmpp")
        token = site.tokens.issue(alice, CHAT)
        await site.accounts.disable(ALICE)
        await self.refused(site, AuthenticationFailed, ALICE, token, HERE, "xmpp")

    async def test_password_still_works_for_xmpp(self) -> None:
        site = await self.site()
        await site.passwords.check(ALICE, PASSWORD, HERE, "xmpp")


class SetTests(PasswordsCase):
    async def test_all_verifiers_change(self) -> None:
        site = await self.site()
        alice = await site.directory.find(ALICE)
        assert alice is not None
        await site.passwords.set_password(alice.id, "another password")
        keys, _ = await site.passwords.scram_keys(ALICE, "SCRAM-SHA-1", HERE)
        self.assertEqual(keys, derive_keys("another password", "SCRAM-SHA-1", keys.salt, 4096))
        await self.accepted(site, "another password")

    async def test_refused(self) -> None:
        site = await self.site()
        for account_id, password, error in ((1, "short", Invalid), (4711, PASSWORD, NotFound)):
            await self.assertFailure(
                Deferred.fromCoroutine(site.passwords.set_password(account_id, password)), error
            )


class SecrecyTests(PasswordsCase):
    async def test_no_secret_in_errors_logs_and_reprs(self) -> None:
        site = await self.site()
        with capturedLogs() as events:
            error = await self.refused(site, AuthenticationFailed, ALICE, "my secret guess")
            await self.accepted(site)
        self.assertTrue(any(event.get("peer") == HERE for event in events))
        seen = repr(events) + repr(error) + repr(site.passwords) + repr(vars(site.passwords))
        for secret in ("my secret guess", PASSWORD):
            self.assertNotIn(secret, seen)

    async def test_hostile_address_is_not_logged(self) -> None:
        site = await self.site()
        with capturedLogs() as events:
            await self.refused(site, AuthenticationFailed, "x@y\nroot logged in", "a guess")
        self.assertNotIn("root", repr(events))


class MemoryTests(PasswordsCase):
    async def test_ten_thousand_failed_logins(self) -> None:
        """At most 5 MB more, whoever they claim to be and wherever they come from."""
        site = await self.site()
        # A worker of trial keeps log events until its reactor runs again.
        self.patch(Passwords, "_log", Logger(observer=LogPublisher()))

        async def storm(count: int, start: int) -> None:
            for number in range(start, start + count):
                peer = f"10.{number % 200}.{number // 200 % 250}.1"
                address = f"user{number}@example.test" if number % 2 else ALICE
                try:
                    await site.passwords.check(address, f"guess {number}", peer, "imap")
                except (AuthenticationFailed, RateLimited):
                    pass

        await storm(500, 0)
        growth: list[int] = []
        while not growth or (growth[-1] >= 5_000_000 and len(growth) < 3):
            # What the allocator takes once, after many other tests, is no leak.
            gc.collect()
            before = resident_bytes()
            await storm(10_000, 500 + 10_000 * len(growth))
            gc.collect()
            growth.append(resident_bytes() - before)
        self.assertLess(growth[-1], 5_000_000, growth)


class ThreadTests(TestCase):
    async def test_in_real_threads(self) -> None:
        from twisted.internet import reactor

        from mailim.accounts.hashing import HashingThreads

        site = Site(self)
        await site.people()
        hashing = HashingThreads(reactor, threads=2, queue=3)
        self.addCleanup(hashing.stop)
        passwords = Passwords(
            reactor,
            site.store,
            site.directory,
            site.limiter,
            b"a secret",
            hasher=QUICK,
            hashing=hashing,
        )
        self.assertEqual((await passwords.check(ALICE, PASSWORD, HERE, "imap")).address, ALICE)
        runs = [hashing.run(lambda: 1) for _ in range(5)]
        for each in runs[3:]:
            await self.assertFailure(each, RateLimited)
        for each in runs[:3]:
            self.assertEqual(await each, 1)
        self.assertEqual(await hashing.run(lambda: 2), 2)
        hashing.stop()
        await self.assertFailure(hashing.run(lambda: 3), Unavailable)
