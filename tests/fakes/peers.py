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


def free_port() -> int:
    """Give a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
