"""Everything, served: what runs from the start of the process to its end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.application.internet import TimerService
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from mailim.admin.im_acts import ImActs
from mailim.admin.site_acts import SiteActs
from mailim.background import spawn
from mailim.composition.core import Core
from mailim.composition.reloading import merged
from mailim.composition.web import make_web
from mailim.composition.xmpp import make_streams, stream_settings
from mailim.config import Site, load
from mailim.errors import MailimError
from mailim.im.service import ImLimits, InstantMessaging
from mailim.interfaces.store import ITransaction, Priority
from mailim.listening import Listeners
from mailim.mail.delivery import LocalDelivery
from mailim.mail.queue import Queue
from mailim.mail.routing import Routing
from mailim.protocols.xmpp.connections import Connections
from mailim.protocols.xmpp.tcp import ClientFactory
from mailim.protocols.xmpp.websocket import WebSocketXmpp
from mailim.store.indexing import Indexing
from mailim.tls import Certificates
from mailim.version import VERSION

_SWEEP_BODIES = 200
_SWEEP_SECONDS = 300.0
_STOP_SECONDS = 10.0  # for logouts to be recorded


class Server(MultiService):
    """Everything, served."""

    _log = Logger()

    def __init__(self, reactor: Any, site: Site, give_up: Callable[[], None]) -> None:
        """`give_up` is called if it cannot start."""
        super().__init__()
        self._reactor = reactor
        self._give_up = give_up
        config = site.config
        self._certificates = Certificates(
            site.path(config.tls.certificate), site.path(config.tls.key), config.tls.minimum
        )
        self.core = core = Core(reactor, site)
        self.im = InstantMessaging(
            reactor,
            core.store,
            core.events,
            core.directory,
            core.record,
            ImLimits(
                colleagues=config.im.colleagues_limit,
                resources_per_account=config.im.resources_per_account,
                offline_messages=config.im.offline_messages,
                roster_items=config.im.roster_items,
            ),
        )
        self.queue = Queue(
            reactor,
            core.store,
            core.events,
            [],
            Routing(core.directory),
            LocalDelivery(core.store),
            at_once=config.mail.deliveries_at_once,
        )
        self._connections = Connections(stream_settings(site))
        self._streams = make_streams(core, self.im, self._connections)
        operations = core.operations(
            {
                **ImActs(self.im.sessions, self.im.router, config.server.domain).acts(),
                **SiteActs(lambda: core.site, self.reload, core.threads).acts(),
            }
        )
        websocket = WebSocketXmpp(self._streams, self._connections)
        self._web = make_web(core, operations, websocket, lambda: self.healthy)
        self.listeners = Listeners(reactor)
        self.healthy = False
        self.started: Deferred[None] = Deferred()  # replaced when it starts

    # --- the service -------------------------------------------------------------------

    def startService(self) -> None:
        """Twisted calls this."""
        super().startService()
        self.started = Deferred.fromCoroutine(self._start())
        self.started.addErrback(self._not_started)

    async def _start(self) -> None:
        core, var = self.core, self.core.site.var
        (var / "listeners.json").unlink(missing_ok=True)
        await core.start()
        if not self.running:
            return
        self._listen()
        self.queue.setServiceParent(self)
        core.multipop.setServiceParent(self)
        Indexing(self._reactor, core.store, core.events).setServiceParent(self)
        sweep = TimerService(_SWEEP_SECONDS, self._sweep)
        sweep.clock = self._reactor
        sweep.setServiceParent(self)
        self.healthy = True
        self.listeners.write(var / "listeners.json")
        if hasattr(signal, "SIGHUP"):
            signal.signal(
                signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._reload_by_signal)
            )
        self._log.info("mailim {version} serves {domain}", version=VERSION,
                       domain=core.site.config.server.domain)  # fmt: skip

    def _not_started(self, failure: Failure) -> None:
        text = failure.value.text if isinstance(failure.value, MailimError) else ""
        if text:
            self._log.critical("mailim cannot start: {error}", error=text)
        else:
            self._log.failure("mailim cannot start", failure=failure)
        self._give_up()

    def _listen(self) -> None:
        config = self.core.site.config
        tls = self._certificates
        clients = ClientFactory(self._streams, tls, self._connections)
        factories = {
            "http": self._web.redirect,
            "https": TLSMemoryBIOFactory(tls, False, self._web.public),
            "xmpp": clients,
            "xmpps": TLSMemoryBIOFactory(tls, False, clients),
        }
        for name, factory in factories.items():
            if getattr(config.listeners, name).enabled:
                self.listeners.open(name, config.server.listen, config.port(name), factory)
        socket = self.core.site.var / "admin.sock"
        socket.unlink(missing_ok=True)
        self._console = self._reactor.listenUNIX(str(socket), self._web.console, mode=0o600)

    def _sweep(self) -> None:
        """Let go of uploads whose time is over and of bodies nobody holds, a little at a time."""
        now = int(self._reactor.seconds() * 1_000_000)

        def unit(tx: ITransaction) -> None:
            tx.items.expire_uploads(now, _SWEEP_BODIES)
            tx.bodies.sweep(_SWEEP_BODIES)

        async def sweep() -> None:
            await self.core.store.write(unit, Priority.BACKGROUND)

        spawn(sweep(), "sweeping bodies nobody holds")

    def stopService(self) -> Deferred[None]:
        """Twisted calls this: stop listening, end what is under way, close the store."""
        self.healthy = False
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        (self.core.site.var / "listeners.json").unlink(missing_ok=True)
        closing = self.listeners.close()
        if hasattr(self, "_console"):
            closing.append(self._console.stopListening())
        await DeferredList([maybeDeferred(_same, one) for one in closing])
        for session in self.im.sessions.all():
            session.sink.close("system-shutdown", "the server is being stopped")
        ending = DeferredList([*self._streams.under_way], consumeErrors=True)
        await ending.addTimeout(_STOP_SECONDS, self._reactor, lambda result, _: result)
        await maybeDeferred(super().stopService)
        await self.im.stop()
        self._web.close()
        await self.core.stop()

    # --- reload ------------------------------------------------------------------------

    def _reload_by_signal(self) -> None:
        try:
            self.reload()
        except MailimError as error:
            self._log.error("not reloaded: {error}", error=error.text)

    def reload(self) -> list[str]:
        """Read configuration and certificate again; gives the keys that need a restart.

        Raises `ConfigError` or `Invalid`, and changes nothing then.
        """
        site, waiting = merged(self.core.site, load(self.core.site.file))
        self._certificates.reload()
        self.core.site = site
        self._connections.settings = stream_settings(site)
        self._log.info("configuration reloaded", needs_restart=waiting)
        return waiting


def _same(result: Any) -> Any:
    return result
