"""Everything, served: what runs from the start of the process to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.internet import TimerService
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredLock, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from mailim.admin.contact_acts import ContactActs
from mailim.admin.im_acts import ImActs
from mailim.admin.site_acts import SiteActs
from mailim.background import spawn
from mailim.composition.core import Core
from mailim.composition.programs import make_expiry, make_notices_api, make_semaphores
from mailim.composition.relay import make_autoreplies, make_bounces, make_relay
from mailim.composition.reloading import merged
from mailim.composition.smtp import make_rejections, make_smtp, smtp_limits
from mailim.composition.web import make_web
from mailim.composition.xmpp import make_streams, stream_settings
from mailim.config import Config, Site, load
from mailim.errors import MailimError
from mailim.im.service import ImLimits, InstantMessaging
from mailim.interfaces.store import ITransaction, Priority
from mailim.interfaces.vacation import MAX_DAYS
from mailim.listening import Listeners
from mailim.mail.delivery import LocalDelivery
from mailim.mail.emptying import Emptying
from mailim.mail.forgetting import Forgetting
from mailim.mail.queue import Queue
from mailim.mail.routing import Routing
from mailim.mail.submission import KEPT_SECONDS, Submitting
from mailim.protocols.xmpp.connections import Connections
from mailim.protocols.xmpp.tcp import ClientFactory
from mailim.protocols.xmpp.websocket import WebSocketXmpp
from mailim.store.indexing import Indexing
from mailim.tls import Certificates
from mailim.version import VERSION

_SWEEP_BODIES = 200
_SWEEP_SUBMISSIONS = 200
_SWEEP_SECONDS = 300.0
_ANSWERED = MAX_DAYS * 86_400_000_000  # who was answered is remembered so long
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
        self._socket = site.admin_socket
        self.core = Core(reactor, site)
        self._compose(config)
        self.listeners = Listeners(reactor)
        self.healthy = False
        self.started: Deferred[None] = succeed(None)
        """Fires when it serves, or has given up."""
        self._ending: list[Deferred[None]] | None = None
        self._ended = False
        self._reloading = DeferredLock()

    def _compose(self, config: Config) -> None:
        reactor, core = self._reactor, self.core
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
        self._relay = make_relay(core)
        self.queue = Queue(
            reactor,
            core.store,
            core.events,
            [],
            Routing(core.directory),
            LocalDelivery(core.store, make_autoreplies(core, self._relay is not None)),
            self._relay,
            rules=core.content_filter,
            bounces=make_bounces(core, self._relay is not None),
            at_once=config.mail.deliveries_at_once,
        )
        self._connections = Connections(stream_settings(core.site))
        self._streams = make_streams(core, self.im, self._connections)
        operations = core.operations(
            {
                **ImActs(
                    self.im.sessions, self.im.notices, config.server.domain, core.intake.now
                ).acts(),
                **ContactActs(core.accounts, self.im.restoring).acts(),
                **SiteActs(lambda: core.site, self.reload, core.threads).acts(),
            }
        )
        websocket = WebSocketXmpp(self._streams, self._connections)
        programs = make_notices_api(core, self.im.notices)
        self._web = make_web(core, operations, websocket, programs, lambda: self.healthy)
        self._rejections = make_rejections(core)
        self._smtp = make_smtp(core, self._certificates, self._rejections)

    # --- the service -------------------------------------------------------------------

    def startService(self) -> None:
        """Twisted calls this."""
        super().startService()
        self.started = Deferred.fromCoroutine(self._start())
        self.started.addErrback(self._not_started)

    async def _start(self) -> None:
        core, told = self.core, self.core.site.var / "listeners.json"
        told.unlink(missing_ok=True)
        await core.start()
        if self._ending is not None:
            return
        self._listen()
        # A broken file is told of now, not with the first mail.
        spawn(core.content_filter.file.look(now=True), "reading the rules for mail")
        self.queue.setServiceParent(self)
        Submitting(self._reactor, core.store, core.events, core.intake).setServiceParent(self)
        core.multipop.setServiceParent(self)
        self.im.notices.setServiceParent(self)
        semaphores = make_semaphores(core, self.im.notices)
        for service in (make_expiry(core), *([semaphores] if semaphores else ())):
            service.setServiceParent(self)
        Indexing(self._reactor, core.store, core.events).setServiceParent(self)
        days = core.site.config.mail.trace_days
        Forgetting(self._reactor, core.store, days).setServiceParent(self)
        self._rejections.setServiceParent(self)
        Emptying(self._reactor, core.store, core.events).setServiceParent(self)
        sweep = TimerService(_SWEEP_SECONDS, self._sweep)
        sweep.clock = self._reactor
        sweep.setServiceParent(self)
        self.healthy = True
        self.listeners.write(told)
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
            "smtp": self._smtp.exchange(),
            "submission": self._smtp.submission(),
            "submissions": TLSMemoryBIOFactory(tls, False, self._smtp.submission()),
            "http": self._web.redirect,
            "https": TLSMemoryBIOFactory(tls, False, self._web.public),
            "xmpp": clients,
            "xmpps": TLSMemoryBIOFactory(tls, False, clients),
        }
        for name, factory in factories.items():
            if getattr(config.listeners, name).enabled:
                self.listeners.open(name, config.server.listen, config.port(name), factory)
        self._web.redirect_to(self.listeners.port("https") or config.port("https"))
        self.listeners.open_local(self._socket, self._web.console)

    def _sweep(self) -> None:
        """Let go of what nobody needs any more, a little at a time."""
        now = int(self._reactor.seconds() * 1_000_000)

        def unit(tx: ITransaction) -> None:
            tx.items.expire_uploads(now, _SWEEP_BODIES)
            tx.submissions.expire(now - KEPT_SECONDS * 1_000_000, _SWEEP_SUBMISSIONS)
            tx.bodies.sweep(_SWEEP_BODIES)
            tx.vacation.forget(now - _ANSWERED, _SWEEP_BODIES)
            tx.spool.recall(now)

        async def sweep() -> None:
            await self.core.store.write(unit, Priority.BACKGROUND)

        spawn(sweep(), "sweeping bodies nobody holds")

    def stopService(self) -> Deferred[None]:
        """Twisted calls this: stop listening, end what is under way, close the store.

        May be called at any moment, also while it starts, and more than once.
        """
        self.healthy = False
        over: Deferred[None] = Deferred()
        if self._ended:
            return succeed(None)
        if self._ending is not None:
            self._ending.append(over)
            return over
        self._ending = [over]
        spawn(self._stop(), "ending the server")
        return over

    async def _stop(self) -> None:
        await self.started
        steps: tuple[tuple[str, Callable[[], Any]], ...] = (
            ("telling that nobody listens", self._untell),
            ("closing listeners", self.listeners.close),
            ("ending SMTP", self._smtp.close),
            ("ending streams", self._end_streams),
            ("ending services", super().stopService),
            ("ending connections to other servers", self._end_relay),
            ("ending instant messaging", self.im.stop),
            ("ending the web server", self._web.close),
            ("closing the store", self.core.stop),
        )
        for what, step in steps:
            try:
                await maybeDeferred(step)
            except Exception:
                self._log.failure("{what} failed", what=what)
        self._ended = True
        waiting, self._ending = self._ending or [], []
        for over in waiting:
            over.callback(None)

    async def _end_relay(self) -> None:
        if self._relay is not None:
            await self._relay.close()

    def _untell(self) -> None:
        (self.core.site.var / "listeners.json").unlink(missing_ok=True)

    def _end_streams(self) -> Deferred[None]:
        """Fires when all streams are told and the logouts are on record, or it takes too long."""
        self._streams.end_all()
        return self._streams.idle(_STOP_SECONDS)

    # --- reload ------------------------------------------------------------------------

    async def reload(self) -> list[str]:
        """Read configuration and certificate again; gives the keys that need a restart.

        Raises `ConfigError` or `Invalid`, and changes nothing then.
        """
        return await self._reloading.run(lambda: Deferred.fromCoroutine(self._reload()))

    async def _reload(self) -> list[str]:
        core = self.core
        fresh = await core.threads(lambda: load(core.site.file))
        pair = await core.threads(self._certificates.read)
        core.site, waiting = merged(core.site, fresh)
        self._certificates.use(pair)
        self._connections.settings = stream_settings(core.site)
        self._smtp.use(smtp_limits(core.site.config.smtp))
        await core.content_filter.file.look(now=True)
        self._log.info("configuration reloaded", needs_restart=waiting)
        return waiting
