"""Programs of others that tests need as peers."""

from __future__ import annotations

import os
import shutil
import socket

from twisted.trial.unittest import SkipTest


def peer(program: str, package: str) -> str:
    """Give the path of a peer program; without it the test is skipped.

    With MAILIM_REQUIRE_PEERS=1 (as CI sets it) a missing peer is a failure instead.
    """
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if path:
        return path
    if os.environ.get("MAILIM_REQUIRE_PEERS"):
        raise AssertionError(f"{program} is missing: install Debian's {package}")
    raise SkipTest(f"needs {program} (Debian's {package})")


class HeldPort:
    """A TCP port, the same of all `addresses`, that nobody is given until it is released.

    A server that sets SO_REUSEADDR, as servers do, can listen on it all the same: between
    choosing a port and listening on it no other process gets it.
    """

    def __init__(self, *addresses: str) -> None:
        for _ in range(50):
            self._sockets = [socket.socket() for _ in addresses]
            try:
                self.number = self._bind(addresses)
                return
            except OSError:
                self.release()
        raise AssertionError(f"no port is free on all of {addresses}")

    def _bind(self, addresses: tuple[str, ...]) -> int:
        port = 0
        for one, address in zip(self._sockets, addresses, strict=True):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, port))
            port = one.getsockname()[1]
        return port

    def release(self) -> None:
        """Let anybody have it."""
        for one in self._sockets:
            one.close()
