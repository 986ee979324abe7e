"""The whole server inside the test's own process, on free ports of 127.0.0.1."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailim.admin.new_site import NewSite, make
from mailim.composition.server import Server
from mailim.config import STANDARD_PORTS, load
from mailim.config_text import render
from tests.fakes.store import short_directory

DOMAIN = "example.test"
PASSWORD = "correct horse battery"
LISTENERS = tuple(STANDARD_PORTS)


async def serve(
    case: TestCase,
    *names: str,
    admin: str = "",
    changes: dict[str, Any] | None = None,
    clock: Any = reactor,
) -> Server:
    """Start a server with accounts of these names (password `PASSWORD`); it ends with the test.

    clock: the reactor, or what stands for it.
    """
    directory = short_directory(case)
    file = make(NewSite(directory, DOMAIN, 0, "127.0.0.1"))
    settings: dict[str, Any] = {
        "server.hostname": "localhost",
        "server.domain": DOMAIN,
        "server.listen": ("127.0.0.1",),
        "accounts.scram_iterations": 4096,
        **{f"listeners.{name}.port": 0 for name in LISTENERS},
        **(changes or {}),
    }
    file.write_text(render(settings))
    server = Server(clock, load(file), lambda: case.fail("the server cannot start"))
    server.startService()
    case.addCleanup(server.stopService)
    await server.started
    for name in names:
        await server.core.accounts.add(f"{name}@{DOMAIN}", PASSWORD, admin=name == admin)
    return server
