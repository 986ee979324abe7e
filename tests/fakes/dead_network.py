"""A network that dies without a word: a TCP proxy that stalls, so that neither side hears more."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase


class _Side(Protocol):
    """One side of a connection; what comes before there is another side waits."""

    def __init__(self) -> None:
        self.other: _Side | None = None
        self.waiting: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        """Twisted calls this."""
        if self.other is None:
            self.waiting.append(data)
        else:
            self.other.transport.write(data)  # type: ignore[union-attr]


class DeadNetwork(Factory[_Side]):
    """Passes connections on to a port of 127.0.0.1; its own is `port`."""

    noisy = False

    def __init__(self, case: TestCase, to: int) -> None:
        self._endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", to)
        self._sides: list[_Side] = []
        sockets: Any = reactor
        listening = sockets.listenTCP(0, self, interface="127.0.0.1")
        self.port: int = listening.getHost().port
        case.addCleanup(listening.stopListening)
        case.addCleanup(self._end)

    def buildProtocol(self, addr: object) -> _Side:
        """Twisted calls this."""
        near, far = _Side(), _Side()

        def joined(_far: _Side) -> None:
            near.other, far.other = far, near
            for data in near.waiting:
                near.dataReceived(data)

        connectProtocol(self._endpoint, far).addCallback(joined)
        self._sides += [near, far]
        return near

    def die(self) -> None:
        """Pass on nothing any more, not even that a connection was closed."""
        for side in self._sides:
            side.transport.pauseProducing()  # type: ignore[union-attr]

    def _end(self) -> None:
        for side in self._sides:
            if side.transport is not None:
                side.transport.abortConnection()  # type: ignore[attr-defined]
