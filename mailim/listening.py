"""Opening listeners: every configured address, IPv4 and IPv6 apart, ports by number or free."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from mailim.errors import Unavailable

_BACKLOG = 256
# Accepted connections inherit these (socket(7), tcp(7)): a peer that vanished is found out
# after four minutes, not after two hours; one that takes nothing of what waits, after five.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 120),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300_000),  # milliseconds
)
_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


class Listeners:
    """The open ports of the server by listener name."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._ports: dict[str, list[IListeningPort]] = {}
        self._bound: dict[str, list[tuple[str, int]]] = {}

    def open(self, name: str, addresses: tuple[str, ...], port: int, factory: Any) -> None:
        """Listen on all addresses; raises `Unavailable` naming what cannot be opened.

        "::" where the machine has no IPv6 is passed over if there is another address. Port 0
        takes a free one, the same on all addresses.
        """
        for address in addresses:
            try:
                opened = _socket(address, port)
            except OSError as error:
                wanted = address == "::" and len(addresses) > 1
                if wanted and error.errno in _NO_SUCH_FAMILY:
                    self._log.info("no IPv6 here: {name} listens without it", name=name)
                    continue
                raise Unavailable(
                    f"{name} cannot listen on {address} port {port}: {error.strerror or error}"
                ) from None
            with opened:  # adopting duplicates it
                port = opened.getsockname()[1]
                listening = self._reactor.adoptStreamPort(opened.fileno(), opened.family, factory)
            self._ports.setdefault(name, []).append(listening)
            self._bound.setdefault(name, []).append((address, port))
            self._log.info(
                "{name} listens on {address} port {port}", name=name, address=address, port=port
            )

    def open_local(self, path: Path, factory: Any) -> None:
        """Listen on a socket only our own user can open; one left behind is replaced.

        Raises `Unavailable`.
        """
        try:
            path.unlink(missing_ok=True)
            listening = self._reactor.listenUNIX(str(path), factory, mode=0o600)
        except (OSError, CannotListenError) as error:
            raise Unavailable(f"cannot listen on {path}: {error}") from None
        self._ports.setdefault("", []).append(listening)

    def write(self, path: Path) -> None:
        """Write what is bound as JSON, whole or not at all."""
        shown = {
            name: {
                "address": bound[0][0],
                "port": bound[0][1],
                "addresses": [address for address, _ in bound],
            }
            for name, bound in self._bound.items()
        }
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(shown, indent=1) + "\n")
        os.replace(temporary, path)

    def port(self, name: str) -> int | None:
        """Give the port a listener is bound to."""
        bound = self._bound.get(name)
        return bound[0][1] if bound else None

    def close(self) -> Deferred[Any]:
        """Stop listening; fires when that is done."""
        ports = [port for ports in self._ports.values() for port in ports]
        self._ports.clear()
        self._bound.clear()
        waiting = [maybeDeferred(port.stopListening) for port in ports]
        return DeferredList(waiting, consumeErrors=True)


def _socket(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for level, option, value in _KEEPALIVE:
            opened.setsockopt(level, option, value)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, port))
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened
