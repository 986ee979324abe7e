"""A small site for tests of accounts: a real store, and hashing that costs next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from argon2 import PasswordHasher
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailim.accounts.accounts import Accounts
from mailim.accounts.directory import Directory
from mailim.accounts.limiter import LoginLimiter
from mailim.accounts.passwords import Passwords
from mailim.accounts.tokens import OneTimeTokens
from mailim.events import Events
from mailim.interfaces.store import Priority
from tests.fakes.store import open_store

T = TypeVar("T")

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse"


class HashingHere:
    """Hashes at once, in the caller's thread, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        self.count += 1
        return execute(work, *args)


class HashingLater(HashingHere):
    """Hashes when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], object]] = []

    def run(self, work: Callable[..., T], *args: Any) -> Deferred[T]:
        self.count += 1
        result: Deferred[T] = Deferred()
        self.waiting.append(lambda: execute(work, *args).chainDeferred(result))
        return result


class Site:
    """Everything of `mailim.accounts`, wired as in a server; the clock is a `Clock`."""

    def __init__(self, case: TestCase, hashing: HashingHere | None = None) -> None:
        self.events = Events()
        self.store = open_store(case, self.events)
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.directory = Directory(self.store, self.events)
        self.limiter = LoginLimiter(self.clock)
        self.tokens = OneTimeTokens(self.clock)
        self.hashing = hashing or HashingHere()
        self.passwords = Passwords(
            self.clock,
            self.store,
            self.directory,
            self.limiter,
            b"a secret",
            4096,
            tokens=self.tokens,
            hasher=QUICK,
            hashing=self.hashing,
        )
        self.accounts = Accounts(self.store, self.directory, self.passwords, self.clock)

    async def people(self) -> None:
        """Add example.test with admin and alice."""
        await self.accounts.add_domain("example.test")
        await self.accounts.add("admin@example.test", PASSWORD, admin=True)
        await self.accounts.add("alice@example.test", PASSWORD, "Alice")
        self.hashing.count = 0

    async def settle(self) -> None:
        """Wait until everything written so far, also in the background, is committed."""
        await self.store.write(lambda tx: None, Priority.BACKGROUND)
