"""The server as a process of twistd: composed late, ended with a status that tells.

twistd makes the service, then goes into the background by forking, and starts it there.
Threads and database connections do not survive a fork, so everything is composed when the
service starts. What cannot start ends the process with status 1 and the reason, on standard
error or in the log.
"""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from mailim.background import spawn
from mailim.composition.server import Server
from mailim.config import Config, Site
from mailim.errors import MailimError

_OTHER_FILES = 256  # database, bodies, logs, listeners, outgoing connections


class Process(Service):
    """Composes a `Server` when it is started.

    fail: makes the process end with status 1 once the reactor has stopped.
    """

    _log = Logger()

    def __init__(self, reactor: Any, site: Site, fail: Callable[[], None]) -> None:
        self._reactor = reactor
        self._site = site
        self._fail = fail
        self._server: Server | None = None
        # From here on, so that a hangup while it starts does not end it.
        signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(self._hangup))

    def startService(self) -> None:
        """Twisted calls this; raises `SystemExit` if the server cannot be composed."""
        super().startService()
        allow_files(self._site.config)
        try:
            self._server = Server(self._reactor, self._site, self._give_up)
        except MailimError as error:
            self._log.critical("mailim cannot start: {error}", error=error.text)
            # sys.stderr leads into the log by now.
            print(f"mailim: {error.text}", file=sys.__stderr__)
            raise SystemExit(1) from None
        self._server.startService()

    def stopService(self) -> Deferred[None]:
        """Twisted calls this."""
        super().stopService()
        return succeed(None) if self._server is None else self._server.stopService()

    def _give_up(self) -> None:
        self._fail()
        if self.running:  # else it is being stopped already
            self._reactor.stop()

    def _hangup(self) -> None:
        if self._server is None or not self._server.healthy:
            self._log.warn("not reloaded: the server is not serving")
            return
        spawn(self._reload(self._server), "reloading")

    async def _reload(self, server: Server) -> None:
        try:
            await server.reload()
        except MailimError as error:
            self._log.error("not reloaded: {error}", error=error.text)


def allow_files(config: Config) -> None:
    """Raise the soft limit of open files as far as the configured connections need."""
    sections = [getattr(config, name) for name in Config.model_fields]
    wanted = sum(getattr(one, "connections", 0) for one in sections) + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        Process._log.warn(
            "the system allows {allowed} open files; the connections that the configuration"
            " allows need {wanted}",
            allowed=allowed,
            wanted=wanted,
        )
