"""One-time tokens: a page that is signed in gets one, and logs in to another protocol with it.

A token may stand for the browser session that asked for it: what is opened with the token
ends with that session.

A token is 256 random bits; only its SHA-256 is kept, in memory. It serves once, for the
purpose it was issued for, within its seconds; showing it for another purpose uses it up.
A restart forgets all.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Collection
from hashlib import sha256

from twisted.internet.interfaces import IReactorTime

from mailim.accounts.recent import Recent
from mailim.interfaces.accounts import Account

_OCTETS = 32
_REDEEMED = 1000  # tokens whose session is remembered until it is asked for
_LENGTH = 43  # characters of 32 octets in base64url without padding


class OneTimeTokens:
    """Issues and redeems tokens.

    clock: an IReactorTime.
    max_tokens, max_per_account: tokens that may be waiting; beyond, the oldest is forgotten.
    """

    def __init__(
        self, clock: IReactorTime, *, max_tokens: int = 10_000, max_per_account: int = 20
    ) -> None:
        self._clock = clock
        self._max_tokens = max_tokens
        self._max_per_account = max_per_account
        self._waiting: OrderedDict[bytes, tuple[int, str, float, bytes]] = OrderedDict()
        self._redeemed: Recent[bytes, bytes] = Recent(_REDEEMED)  # digest -> session
        self._by_account: dict[int, list[bytes]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def issue(
        self, account: Account, purpose: str, seconds: float = 60, session: bytes = b""
    ) -> str:
        """Give a new token of an account, good for `seconds`; `session`: who asked for it."""
        self._forget_expired()
        token = secrets.token_urlsafe(_OCTETS)
        digest = sha256(token.encode()).digest()
        own = self._by_account.setdefault(account.id, [])
        if len(own) >= self._max_per_account:
            self._take(own[0])
        elif len(self._waiting) >= self._max_tokens:
            self._take(next(iter(self._waiting)))
        self._waiting[digest] = (account.id, purpose, self._clock.seconds() + seconds, session)
        self._by_account.setdefault(account.id, []).append(digest)
        return token

    def redeem(self, token: str, purpose: str) -> int | None:
        """Use a token up; give its account's id, or None if it is none or no longer one."""
        if len(token) != _LENGTH or not token.isascii():
            return None
        # Looking up a digest tells nothing about the token by its time.
        digest = sha256(token.encode()).digest()
        found = self._take(digest)
        if found is None:
            return None
        account_id, meant_for, expires, session = found
        if meant_for != purpose or self._clock.seconds() >= expires:
            return None
        if session:
            self._redeemed.put(digest, session)
        return account_id

    def session_behind(self, token: str) -> bytes:
        """Give the browser session behind a token just redeemed; empty if there is none."""
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        session = self._redeemed.get(digest) or b""
        self._redeemed.drop(digest)
        return session

    def forget(self, account_id: int) -> None:
        """Make all waiting tokens of an account void."""
        for digest in list(self._by_account.get(account_id, ())):
            self._take(digest)

    def end_sessions(self, sessions: Collection[bytes]) -> None:
        """Make the waiting tokens of browser sessions void."""
        for digest in [key for key, found in self._waiting.items() if found[3] in sessions]:
            self._take(digest)

    def _take(self, digest: bytes) -> tuple[int, str, float, bytes] | None:
        found = self._waiting.pop(digest, None)
        if found is not None:
            own = self._by_account[found[0]]
            own.remove(digest)
            if not own:
                del self._by_account[found[0]]
        return found

    def _forget_expired(self) -> None:
        """Drop expired ones from the oldest on; those behind a longer-lived one wait for it."""
        now = self._clock.seconds()
        while self._waiting:
            digest, (_, _, expires, _) = next(iter(self._waiting.items()))
            if expires > now:
                return
            self._take(digest)
