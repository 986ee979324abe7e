"""The SMTP listeners of one server: counts their connections and ends them in order."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from mailim.accounts.limiter import network_of
from mailim.protocols.smtp.connections import Connections
from mailim.protocols.smtp.limits import SmtpLimits
from mailim.protocols.smtp.link import Link
from mailim.protocols.smtp.replies import reply
from mailim.protocols.smtp.session import Session, SmtpServices
from mailim.tls import Certificates

_STOP_SECONDS: Final = 10.0  # for mails that are being made durable
_READ_SECONDS: Final = 1.0  # for clients to read our last words


class Smtp:
    """All SMTP conversations."""

    _log = Logger()

    def __init__(
        self, services: SmtpServices, certificates: Certificates, limits: SmtpLimits
    ) -> None:
        self._services = services
        self._certificates = certificates
        self._limits = limits
        self._connections = Connections(limits.connections, limits.connections_per_address)
        self._under_way: dict[Link, Deferred[None]] = {}
        self._counted: set[Link] = set()
        self._empty: Deferred[None] | None = None

    def use(self, limits: SmtpLimits) -> None:
        """Let other limits hold from the next connection on."""
        self._limits = limits
        self._connections.use(limits.connections, limits.connections_per_address)

    def exchange(self) -> Factory:
        """Give the factory of port 25: other servers bring mail."""
        return _Links(self, False)

    def submission(self) -> Factory:
        """Give the factory of 587, and inside TLS of 465: people with accounts send mail."""
        return _Links(self, True)

    async def close(self) -> None:
        """End all conversations; a mail that is being made durable is still answered."""
        ends = [*self._under_way.values()]
        for link in tuple(self._under_way):
            link.interrupt()
        waiting = DeferredList(ends, consumeErrors=True)
        await waiting.addTimeout(_STOP_SECONDS, self._services.clock, lambda result, _: result)
        if self._counted:
            # The last replies are on their way; whoever does not take them is cut off.
            self._empty = empty = Deferred[None]()
            giving_up = self._services.clock.callLater(_READ_SECONDS, self._abort)
            await empty
            if giving_up.active():
                giving_up.cancel()

    def _abort(self) -> None:
        for link in tuple(self._counted):
            link.abort()

    def make_link(self, submission: bool) -> Link:
        """Make the protocol of a connection."""

        def arrived(link: Link) -> Coroutine[Any, Any, None] | None:
            return self._arrived(link, submission)

        return Link(self._services.clock, self._certificates, self._limits, arrived, self._gone)

    def _arrived(self, link: Link, submission: bool) -> Coroutine[Any, Any, None] | None:
        if not self._connections.enter(network_of(link.peer)):
            self._log.warn("too many SMTP connections from {peer}", peer=link.peer)
            link.send(reply(421, "", "Too many connections; come back later."))
            link.close()
            return None
        self._counted.add(link)
        session = Session(self._services, link, submission, self._limits)
        over: Deferred[None] = Deferred()
        self._under_way[link] = over

        async def run() -> None:
            try:
                await session.run()
            finally:
                self._under_way.pop(link)
                over.callback(None)

        return run()

    def _gone(self, link: Link) -> None:
        if link in self._counted:
            self._counted.remove(link)
            self._connections.leave(network_of(link.peer))
        if self._empty is not None and not self._counted:
            empty, self._empty = self._empty, None
            empty.callback(None)


class _Links(Factory):
    noisy = False

    def __init__(self, smtp: Smtp, submission: bool) -> None:
        self._smtp = smtp
        self._submission = submission

    def buildProtocol(self, addr: IAddress | None) -> Link:
        """Twisted calls this."""
        return self._smtp.make_link(self._submission)
