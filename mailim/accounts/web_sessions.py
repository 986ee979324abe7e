"""Browsers that signed in.

The cookie holds 256 random bits; the store has only their SHA-256, so the database does not
open a session. A session ends when it was unused for `idle` seconds, `absolute` seconds
after it began, when its user signs out, and with every new password of its account. What
is read is kept for a short while, so that a page of many requests costs one read; a sign-out
or a change of accounts takes effect at once all the same.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from hashlib import sha256

from twisted.internet.interfaces import IReactorTime

from mailim.accounts.directory import Directory
from mailim.accounts.recent import Recent
from mailim.background import spawn
from mailim.interfaces.accounts import Account, WebSession
from mailim.interfaces.store import IStore, Priority

_DAY = 86_400.0
_LENGTH = 43  # characters of 32 octets in base64url without padding
_KEPT_SECONDS = 30.0  # a session read from the store is believed for so long
_TOUCH_SECONDS = 300.0  # last_seen is written no more often
_SWEEP_SECONDS = 3600.0  # expired rows are removed no more often
_MAX_AGENT = 300  # characters
_MAX_PEER = 64


class WebSessions:
    """Begins, finds and ends browser sessions.

    clock: an IReactorTime.
    idle, absolute: seconds, see above.
    max_cached: sessions kept in memory.
    """

    def __init__(
        self,
        clock: IReactorTime,
        store: IStore,
        directory: Directory,
        *,
        idle: float = 7 * _DAY,
        absolute: float = 30 * _DAY,
        max_cached: int = 5_000,
    ) -> None:
        self._clock = clock
        self._store = store
        self._directory = directory
        self._idle = _micros(idle)
        self._absolute = _micros(absolute)
        # token hash -> session, generation of the directory, time of reading
        self._cached: Recent[bytes, tuple[WebSession, int, int]] = Recent(max_cached)
        self._ended = 0  # counts ends: what was read before one may be stale
        self._swept = self._now()

    async def create(self, account: Account, peer: str, agent: str) -> str:
        """Begin a session; gives the cookie's value."""
        cookie = secrets.token_urlsafe(32)
        now = self._now()
        session = WebSession(
            token_hash=_hash(cookie),
            account_id=account.id,
            created=now,
            last_seen=now,
            expires=now + min(self._idle, self._absolute),
            peer=peer[:_MAX_PEER],
            agent=agent[:_MAX_AGENT],
        )
        await self._store.write(lambda tx: tx.accounts.add_web_session(session))
        if now - self._swept >= _micros(_SWEEP_SECONDS):
            spawn(self.sweep(), "removing expired browser sessions")
        return cookie

    async def find(self, cookie: str) -> tuple[Account, WebSession] | None:
        """Give the account and session of a cookie; None if it is not, or no longer, one."""
        if len(cookie) != _LENGTH or not cookie.isascii():
            return None
        digest = _hash(cookie)
        session = await self._session(digest)
        now = self._now()
        if session is None or now >= session.expires or now < session.created:
            self._cached.drop(digest)
            return None
        account = await self._directory.get(session.account_id)
        if account is None or not account.enabled:
            return None
        if now - session.last_seen >= _micros(_TOUCH_SECONDS):
            session = self._touched(session, now)
        return account, session

    async def end(self, cookie: str) -> None:
        """End a session, if it is one."""
        digest = _hash(cookie)
        self._forget()
        await self._store.write(lambda tx: tx.accounts.remove_web_sessions(token_hash=digest))
        self._forget()

    async def end_all(self, account_id: int) -> int:
        """End all sessions of an account; gives how many."""
        self._forget()
        count = await self._store.write(
            lambda tx: tx.accounts.remove_web_sessions(account_id=account_id)
        )
        self._forget()
        return count

    async def sweep(self) -> int:
        """Remove expired sessions from the store; gives how many."""
        now = self._swept = self._now()
        return await self._store.write(
            lambda tx: tx.accounts.remove_web_sessions(expired_at=now), Priority.BACKGROUND
        )

    async def _session(self, digest: bytes) -> WebSession | None:
        now = self._now()
        cached = self._cached.get(digest)
        if cached is not None:
            session, generation, read = cached
            if generation == self._directory.generation and now - read < _micros(_KEPT_SECONDS):
                return session
        generation, ended = self._directory.generation, self._ended
        found = await self._store.read(lambda tx: tx.accounts.web_session(digest))
        if found is not None and (generation, ended) == (self._directory.generation, self._ended):
            self._cached.put(digest, (found, generation, now))
        return found

    def _touched(self, session: WebSession, now: int) -> WebSession:
        """Move the idle limit, in the background."""
        expires = min(now + self._idle, session.created + self._absolute)
        moved = replace(session, last_seen=now, expires=expires)
        cached = self._cached.get(session.token_hash)
        if cached is not None:
            self._cached.put(session.token_hash, (moved, *cached[1:]))

        async def touch() -> None:
            await self._store.write(
                lambda tx: tx.accounts.touch_web_session(session.token_hash, now, expires),
                Priority.BACKGROUND,
            )

        spawn(touch(), "moving the idle limit of a browser session")
        return moved

    def _forget(self) -> None:
        self._ended += 1
        self._cached.clear()

    def _now(self) -> int:
        return _micros(self._clock.seconds())


def _hash(cookie: str) -> bytes:
    return sha256(cookie.encode("utf-8", "surrogatepass")).digest()


def _micros(seconds: float) -> int:
    return int(seconds * 1_000_000)
