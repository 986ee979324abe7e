"""Checking and setting passwords, for all protocols.

A wrong password, an unknown address and a disabled account look the same and take the same
time. Hashing runs in threads of its own (`hashing`), failures are counted by the one
`LoginLimiter`, and a password found right is remembered for some minutes, so that a mail
program that signs in anew for each request costs a hash only now and then. What is
remembered is an HMAC under a key that lives as long as the process; any `AccountsChanged`
makes all of it void.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Sequence
from typing import Any

from argon2 import PasswordHasher
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailim.accounts.directory import Directory
from mailim.accounts.hashing import HashingThreads, IHashing
from mailim.accounts.limiter import Attempt, LoginLimiter, network_of
from mailim.accounts.recent import Recent
from mailim.accounts.tokens import OneTimeTokens
from mailim.accounts.verifiers import (
    check_new_password,
    make_credentials,
    matches,
    new_hasher,
    scram_keys_of,
    too_long,
)
from mailim.address import parse_address
from mailim.background import spawn
from mailim.errors import AuthenticationFailed, Invalid
from mailim.interfaces.accounts import Account, Credential
from mailim.interfaces.store import IStore, Priority
from mailim.wire.scram import ScramKeys, fake_keys

CHAT = "chat"
"""Purpose of the one-time token that is an XMPP password."""
_MALFORMED = "(malformed)"  # what the limiter counts for an address that cannot be one
_REMEMBERED = 4096  # right and wrong passwords remembered


class Passwords:
    """Checks logins and sets passwords.

    reactor: a clock, and the home of the hashing threads.
    secret: octets of this server that outlive restarts, for the salts of unknown accounts.
    iterations: PBKDF2 rounds of new SCRAM keys.
    min_length: characters of a new password.
    remember: seconds for which a right password is not hashed again.
    tokens: one-time tokens that XMPP takes instead of a password; none if None.
    hasher: argon2id parameters of new passwords.
    hashing: where hashing runs; two threads of its own if None.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        store: IStore,
        directory: Directory,
        limiter: LoginLimiter,
        secret: bytes,
        iterations: int = 10_000,
        *,
        min_length: int = 8,
        remember: float = 300.0,
        tokens: OneTimeTokens | None = None,
        hasher: PasswordHasher | None = None,
        hashing: IHashing | None = None,
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._directory = directory
        self._limiter = limiter
        self._secret = secret
        self._iterations = iterations
        self._min_length = min_length
        self._remember = remember
        self._tokens = tokens
        self._hasher = hasher or new_hasher()
        self._hashing: IHashing = hashing or HashingThreads(reactor)
        self._decoy = self._hasher.hash(secrets.token_bytes(32))
        self._key = os.urandom(32)
        # fingerprint -> account, generation of the directory, end
        self._right: Recent[bytes, tuple[int, int, float]] = Recent(_REMEMBERED)
        self._wrong: Recent[tuple[str, str], bytes] = Recent(_REMEMBERED)
        self._checking: dict[tuple[bytes, str], list[Deferred[Account | None]]] = {}

    def __repr__(self) -> str:
        return "<Passwords>"

    async def check(self, address: str, password: str, peer: str, protocol: str) -> Account:
        """Give the account whose password this is.

        peer: IP address of the client; protocol: what it speaks ("imap", "xmpp", …), for the
        log. Raises `AuthenticationFailed`, `RateLimited`, `StoreUnavailable`.
        """
        name = _name(address)
        account = await self._checked(name, password, peer, protocol)
        if account is None:
            self._log.info(
                "login as {address} over {protocol} from {peer} failed",
                address=name,
                protocol=protocol,
                peer=peer,
            )
            raise AuthenticationFailed("the address or the password is wrong")
        return account

    def session_behind(self, password: str) -> bytes:
        """Give the browser session behind a one-time token that `check` has just accepted."""
        return b"" if self._tokens is None else self._tokens.session_behind(password)

    async def scram_keys(
        self, address: str, mechanism: str, peer: str
    ) -> tuple[ScramKeys, Account | None]:
        """Give the keys for a SCRAM exchange, made-up ones for whoever may not log in.

        mechanism: without -PLUS. The caller reports the outcome with `succeeded` or `failed`.
        Raises `RateLimited`, `StoreUnavailable`.
        """
        name = _name(address)
        self._limiter.check(name, peer)
        fake = fake_keys(self._secret, name, mechanism, self._iterations)
        account = await self._directory.find(name)
        keys = scram_keys_of(await self._credentials_of(account), mechanism)
        if account is None or keys is None:
            return fake, None
        if not account.enabled:
            # The salt stays what it was, so that nobody sees the account was disabled.
            return (
                ScramKeys(mechanism, keys.salt, keys.iterations, fake.stored_key, fake.server_key),
                None,
            )
        return keys, account

    async def succeeded(self, account: Account, peer: str, protocol: str) -> None:
        """Say that an account has logged in by other means than `check`.

        Raises `AuthenticationFailed` if it was disabled or deleted meanwhile.
        """
        current = await self._directory.get(account.id)
        if current is None or not current.enabled:
            raise AuthenticationFailed("the address or the password is wrong")
        self._limiter.succeeded(account.address, peer)
        self._touch(account.id)

    def may_try(self, address: str, peer: str) -> None:
        """Raises `RateLimited` if this login may not be tried now.

        For what is looked at some time after `scram_keys`: many may have failed meanwhile.
        """
        self._limiter.check(_name(address), peer)

    def failed(self, address: str, peer: str) -> None:
        """Say that a login by other means than `check` has failed."""
        self._limiter.failed(_name(address), peer)

    async def credentials(self, password: str) -> tuple[Credential, ...]:
        """Make the verifiers of a new password; raises `Invalid`, `RateLimited`."""
        check_new_password(password, self._min_length)
        return await self._hashing.run(make_credentials, self._hasher, self._iterations, password)

    async def set_password(self, account_id: int, password: str) -> None:
        """Set an account's password and end its browser sessions.

        Raises `Invalid` (the password breaks a rule), `NotFound`, `RateLimited`.
        """
        made = await self.credentials(password)
        await self._store.write(lambda tx: tx.accounts.set_credentials(account_id, made))

    # --- one check --------------------------------------------------------------------

    async def _checked(self, name: str, password: str, peer: str, protocol: str) -> Account | None:
        if self._tokens is not None and protocol == "xmpp":
            account = await self._by_token(self._tokens, name, password)
            if account is not None:
                await self.succeeded(account, peer, protocol)
                return account
        fingerprint = self._fingerprint(name, password)
        remembered = await self._remembered(name, fingerprint, peer)
        if remembered is not None:
            return remembered
        key = (fingerprint, network_of(peer))
        waiting = self._checking.get(key)
        if waiting is not None:
            # The same login, twice at once: one hash, and one failure counted.
            self._limiter.check(name, peer)
            return await _one_more(waiting)
        attempt = self._limiter.begin(name, peer)
        waiting = self._checking[key] = []
        result = _one_more(waiting)
        # Not cancelled with the caller: a client that hangs up has used its attempt.
        work = Deferred.fromCoroutine(self._verified(name, password, fingerprint, peer, attempt))
        work.addBoth(self._spread, key)
        return await result

    async def _verified(
        self, name: str, password: str, fingerprint: bytes, peer: str, attempt: Attempt
    ) -> Account | None:
        """Hash and compare; settles the attempt whatever happens."""
        try:
            generation = self._directory.generation
            account = await self._directory.find(name)
            credentials = await self._credentials_of(account)
            right = not too_long(password) and await self._hashing.run(
                matches, self._hasher, self._decoy, credentials, password
            )
        except BaseException:
            attempt.cancelled()
            raise
        if account is None or not account.enabled or not right:
            where = (name, network_of(peer))
            if self._wrong.get(where) == fingerprint:
                attempt.repeated()
            self._wrong.put(where, fingerprint)
            return None
        attempt.succeeded()
        self._wrong.drop((name, network_of(peer)))
        until = self._reactor.seconds() + self._remember
        self._right.put(fingerprint, (account.id, generation, until))
        self._touch(account.id)
        return account

    async def _remembered(self, name: str, fingerprint: bytes, peer: str) -> Account | None:
        """Give the account if this password was right a moment ago."""
        found = self._right.get(fingerprint)
        if found is None:
            return None
        # Looked at only by those who may try: else it would answer guesses beyond the limit.
        self._limiter.check(name, peer)
        account_id, generation, until = found
        if generation == self._directory.generation and self._reactor.seconds() < until:
            account = await self._directory.get(account_id)
            if account is not None and account.enabled:
                self._limiter.succeeded(name, peer)
                return account
        self._right.drop(fingerprint)
        return None

    async def _by_token(self, tokens: OneTimeTokens, name: str, token: str) -> Account | None:
        account_id = tokens.redeem(token, CHAT)
        account = None if account_id is None else await self._directory.get(account_id)
        if account is None or not account.enabled or account.address != name:
            return None
        return account

    async def _credentials_of(self, account: Account | None) -> Sequence[Credential]:
        """Read the verifiers; for no account too, to take the time it takes."""
        account_id = -1 if account is None else account.id
        return await self._store.read(lambda tx: tx.accounts.credentials(account_id))

    def _fingerprint(self, name: str, password: str) -> bytes:
        message = f"{name}\0{password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256")

    def _spread(self, result: Any, key: tuple[bytes, str]) -> None:
        """Give the outcome of one check to everybody who waits for it."""
        for waiting in self._checking.pop(key):
            waiting.callback(result)

    def _touch(self, account_id: int) -> None:
        now = int(self._reactor.seconds() * 1_000_000)

        async def touch() -> None:
            await self._store.write(
                lambda tx: tx.accounts.touch_login(account_id, now), Priority.BACKGROUND
            )

        spawn(touch(), "remembering a login")


def _one_more(waiting: list[Deferred[Account | None]]) -> Deferred[Account | None]:
    result: Deferred[Account | None] = Deferred()
    waiting.append(result)
    return result


def _name(address: str) -> str:
    """Give what is counted and logged for an address somebody tries."""
    try:
        return str(parse_address(address))
    except Invalid:
        return _MALFORMED
