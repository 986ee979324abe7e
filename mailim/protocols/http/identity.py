"""Who is asking: a browser with its session cookie, or a program with HTTP Basic.

A cookie is sent by the browser on its own, so a method that may change something counts
only if the page that sends it is ours: Fetch Metadata says "same-origin", or, where a
browser sends none, Origin names this host. A password in the Authorization field is sent
by nobody else's page, but only ever taken over TLS.

A browser is never asked for a password by the server (no WWW-Authenticate): it has the
sign-in page, and would send cached credentials with other sites' requests.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from mailim.accounts.passwords import Passwords
from mailim.accounts.web_sessions import WebSessions
from mailim.errors import AuthenticationFailed, NotPermitted
from mailim.interfaces.accounts import Account, WebSession
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response

COOKIE: Final = "__Host-sid"
_CHALLENGE: Final = ("WWW-Authenticate", 'Basic realm="mailim", charset="UTF-8"')
_MAX_CREDENTIALS: Final = 4096  # octets of an Authorization field


class Identity:
    """Finds the account behind a request.

    `allow_plain` takes passwords without TLS too; for tests and a local socket.
    """

    def __init__(
        self, sessions: WebSessions, passwords: Passwords, *, allow_plain: bool = False
    ) -> None:
        self._sessions = sessions
        self._passwords = passwords
        self._allow_plain = allow_plain

    async def account(self, request: Request, protocol: str) -> Account:
        """Give the account of a session cookie or of HTTP Basic (RFC 7617).

        `protocol` names the user of the password in the log ("jmap"). Raises `Problem` 401
        or 403, `NotPermitted`, `RateLimited`.
        """
        authorization = request.header("Authorization")
        if authorization is not None:
            return await self._basic(request, authorization, protocol)
        found = await self.session(request)
        if found is None:
            raise self.unauthenticated(request)
        return found[0]

    async def session(self, request: Request) -> tuple[Account, WebSession] | None:
        """Give the account and session of the cookie, None without a live one.

        Raises `NotPermitted` for a method that may change something from a foreign page.
        """
        if not request.safe:
            require_same_origin(request)
        cookie = request.cookie(COOKIE)
        return None if cookie is None else await self._sessions.find(cookie)

    async def signed_in(self, request: Request) -> tuple[Account, WebSession]:
        """Like `session`; raises `Problem` 401 without one."""
        found = await self.session(request)
        if found is None:
            raise Problem(401, "sign in first")
        return found

    async def begin(self, request: Request, account: Account, response: Response) -> None:
        """Begin a session: the response gets its cookie."""
        agent = request.header("User-Agent") or ""
        response.set_cookie(COOKIE, await self._sessions.create(account, request.peer, agent))

    async def end(self, request: Request, response: Response) -> None:
        """End the session of the cookie, if there is one."""
        cookie = request.cookie(COOKIE)
        if cookie is not None:
            await self._sessions.end(cookie)
            response.set_cookie(COOKIE, "", max_age=0)

    def unauthenticated(self, request: Request, text: str = "sign in first") -> Problem:
        """Make the answer to nobody: programs are told how to sign in."""
        headers = () if request.from_browser else (_CHALLENGE,)
        return Problem(401, text, headers=headers)

    async def _basic(self, request: Request, authorization: str, protocol: str) -> Account:
        if not (request.secure or self._allow_plain):
            raise Problem(403, "passwords are taken over TLS only")
        address, password = self._credentials(request, authorization)
        try:
            return await self._passwords.check(address, password, request.peer, protocol)
        except AuthenticationFailed as error:
            raise self.unauthenticated(request, error.text) from None

    def _credentials(self, request: Request, authorization: str) -> tuple[str, str]:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "basic" or len(value) > _MAX_CREDENTIALS:
            raise self.unauthenticated(request)
        try:
            text = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            raise self.unauthenticated(request) from None
        address, colon, password = text.partition(":")
        if not colon:
            raise self.unauthenticated(request)
        return address, password


def require_same_origin(request: Request) -> None:
    """Raises `NotPermitted` unless the request comes from a page of this host."""
    site = request.header("Sec-Fetch-Site")
    if site is not None:
        ours = site == "same-origin"
    else:
        origin = request.header("Origin")
        scheme = "https" if request.secure else "http"
        ours = bool(request.host) and origin == f"{scheme}://{request.host}"
    if not ours:
        raise NotPermitted("this must come from a page of this server")
