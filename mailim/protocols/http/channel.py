"""One connection: twisted.web's HTTP/1.1 parser with our deadlines and refusals.

Deadlines: a head must be complete `head_seconds` after its first octet, however it drips;
a body may not stall; a kept connection may idle. A response given before its request's body
has arrived closes the connection: what still comes is thrown away for a moment, so that
the client can read the answer before the connection is reset (RFC 9112 section 9.6).

Some private names of `HTTPChannel` are overridden or read here and nowhere else; the tests
of this module fail if a later Twisted renames one.
"""

from __future__ import annotations

import enum
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IProtocol
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from mailim.protocols.http.headers import complete
from mailim.protocols.http.limits import HttpLimits
from mailim.protocols.http.problems import CONTENT_TYPE, Problem


class _Phase(enum.Enum):
    IDLE = "between requests"
    HEAD = "reading a head"
    BODY = "reading a body"
    ANSWER = "answering"


class Channel(HTTPChannel):
    """The server's side of one connection; made by `Site`."""

    transport: Any

    def __init__(self, limits: HttpLimits, site: Any, call_later: Any) -> None:
        super().__init__()
        self.site = site
        self.factory = site
        self.requestFactory = site.requestFactory
        self.callLater = call_later  # type: ignore[method-assign]
        self.limits = limits
        self.maxHeaders = limits.head_fields
        self.totalHeadersSize = limits.head_octets
        self.MAX_LENGTH = limits.head_line_octets
        self.timeOut = limits.idle_seconds  # type: ignore[assignment]
        self._phase = _Phase.IDLE
        self._discarding = False
        self._discarded = 0
        self._closing: IDelayedCall | None = None

    # Reading

    def dataReceived(self, data: bytes) -> None:
        """Take octets from the peer."""
        if self._discarding:
            self._discarded += len(data)
            if self._discarded > self.limits.linger_octets:
                self.abort()
            return
        if self._phase is _Phase.IDLE and data:
            self._phase = _Phase.HEAD
            self.setTimeout(self.limits.head_seconds)
        super().dataReceived(data)

    def resetTimeout(self) -> None:
        """Put the deadline off because octets came; never that of a head."""
        if self._phase is not _Phase.HEAD:
            super().resetTimeout()

    def lineReceived(self, line: bytes) -> None:
        """Take a line of a head."""
        if not self._discarding:
            super().lineReceived(line)

    def rawDataReceived(self, data: bytes) -> None:
        """Take octets of a body, or of requests to come."""
        if not self._discarding:
            super().rawDataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line of a head that is too long."""
        self._refuse(Problem(431, "a line of the request's head is too long"))

    def allHeadersReceived(self) -> None:
        """Hand a complete head to its exchange."""
        self._phase = _Phase.BODY
        self.setTimeout(self.limits.body_seconds)
        self.requests[-1].head_received(self._command, self._path, self._version)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        """Tell the exchange that its body is complete."""
        if self._discarding:
            return
        self._phase = _Phase.ANSWER
        # What the base class keeps now, it sets again when the answer is out.
        self.setTimeout(self.limits.idle_seconds)
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        """Go on with the next request, or close."""
        if self._phase is _Phase.ANSWER:
            self._phase = _Phase.IDLE
        super().requestDone(request)

    def pause_reading(self) -> None:
        """Take no more octets for now: whoever uses the body is slower than the peer."""
        if self._phase is _Phase.BODY and not self._discarding:
            self.setTimeout(None)
            self._networkProducer.pauseProducing()

    def resume_reading(self) -> None:
        """Take octets again."""
        if self._phase is _Phase.BODY and not self._discarding:
            self.setTimeout(self.limits.body_seconds)
            self._networkProducer.resumeProducing()

    # Writing and closing

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Write the head of a response, with what every response carries."""
        complete(headers, self.isSecure())
        super().writeHeaders(version, code, reason, headers)

    def close_after_answer(self) -> None:
        """Keep the connection for no further request."""
        self.persistent = False

    def loseConnection(self) -> None:
        """Close once everything is written; linger if a body is still coming in."""
        if self._phase is _Phase.BODY and not self._discarding:
            self._linger()
        else:
            self._close()

    def abort(self) -> None:
        """Cut the connection at once."""
        if self.transport is not None:
            self.transport.abortConnection()

    def timeoutConnection(self) -> None:
        """Refuse what took too long, or close an idle connection."""
        if self._phase is _Phase.BODY and self.requests:
            self.requests[-1].body_stalled()
        elif self._phase is _Phase.HEAD:
            self._refuse(Problem(408, "the request took too long"))
        else:
            super().timeoutConnection()

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        """Free what belongs to the connection."""
        self._no_longer_closing()
        self.site.channel_gone(self)
        super().connectionLost(reason)

    def _linger(self) -> None:
        self._discarding = True
        self.setTimeout(None)
        self._networkProducer.resumeProducing()
        self._closing = self.callLater(self.limits.linger_seconds, self._close)

    def _close(self) -> None:
        """Close when what was written is sent; cut off a peer that does not read it."""
        super().loseConnection()
        self._no_longer_closing()
        self._closing = self.callLater(self.limits.body_seconds, self.abort)

    def _no_longer_closing(self) -> None:
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        self._closing = None

    def _refuse(self, problem: Problem) -> None:
        """Answer what is no request, or not yet one."""
        octets = problem.as_json()
        fields = {
            "Content-Type": [CONTENT_TYPE],
            "Content-Length": [str(len(octets))],
            "Connection": ["close"],
        }
        status, phrase = str(problem.status).encode(), problem.title.encode()
        self.writeHeaders(b"HTTP/1.1", status, phrase, Headers(fields))
        self.transport.write(octets)
        self.persistent = False
        self._linger()

    def _respondToBadRequestAndDisconnect(self) -> None:
        too_large = (
            self._receivedHeaderSize > self.totalHeadersSize
            or self._receivedHeaderCount > self.maxHeaders
        )
        if too_large:
            self._refuse(Problem(431, "the request's head is too large"))
        else:
            self._refuse(Problem(400, "this is not HTTP as we know it"))

    def _send100Continue(self) -> None:
        if not self._discarding:
            super()._send100Continue()

    def _protocolUpgradeForWebsockets(self, protocol: IProtocol) -> None:
        super()._protocolUpgradeForWebsockets(protocol)
        lost = self.connectionLost  # by now the WebSocket's own

        def connection_lost(reason: Failure) -> None:
            self.site.channel_gone(self)
            lost(reason)

        self.connectionLost = connection_lost  # type: ignore[method-assign,assignment]
