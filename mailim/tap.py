"""The composition root: builds every object and joins them; the only one to see the reactor.

`Core` is what works on a site with or without a server: store, accounts, record, MultiPOP's
settings. `Server` adds what serves: XMPP, HTTP, the queue, collecting. The command line
composes a `Core` alone when no server runs.
"""

from __future__ import annotations

import hmac
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from twisted.application.internet import TimerService
from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python import usage
from twisted.python.failure import Failure

import mailim.store.engine
import mailim.store.indexing
from mailim.accounts.accounts import Accounts
from mailim.accounts.directory import Directory
from mailim.accounts.limiter import LoginLimiter
from mailim.accounts.passwords import Passwords
from mailim.accounts.tokens import OneTimeTokens
from mailim.accounts.vault import Vault
from mailim.accounts.web_sessions import WebSessions
from mailim.admin.account_acts import AccountActs
from mailim.admin.http import AdminApi, by_session, console
from mailim.admin.im_acts import ImActs
from mailim.admin.multipop_acts import MultipopActs
from mailim.admin.operations import Act, Operations
from mailim.admin.record_acts import RecordActs
from mailim.admin.site_acts import SiteActs
from mailim.background import spawn
from mailim.config import Site, load
from mailim.errors import AlreadyExists, Invalid, MailimError
from mailim.events import Events
from mailim.im.service import ImLimits, InstantMessaging
from mailim.interfaces.im import IFeature
from mailim.interfaces.store import ITransaction, Priority
from mailim.listening import Listeners
from mailim.lock import SiteLock
from mailim.mail.delivery import LocalDelivery
from mailim.mail.intake import Intake, IntakeLimits
from mailim.mail.queue import Queue
from mailim.mail.routing import Routing
from mailim.protocols.http.health import Health
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.limits import HttpLimits
from mailim.protocols.http.redirect import RedirectToHttps
from mailim.protocols.http.router import Route, Router
from mailim.protocols.http.site import Site as HttpSite
from mailim.protocols.http.static import StaticFiles
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.service import Jmap
from mailim.protocols.xmpp.client_stream import StreamServices
from mailim.protocols.xmpp.connections import Connections
from mailim.protocols.xmpp.features.carbons import CarbonsSwitch
from mailim.protocols.xmpp.features.disco import Disco
from mailim.protocols.xmpp.features.mam import Mam
from mailim.protocols.xmpp.features.ping import Ping
from mailim.protocols.xmpp.features.version import Version
from mailim.protocols.xmpp.settings import StreamSettings
from mailim.protocols.xmpp.tcp import ClientFactory
from mailim.protocols.xmpp.websocket import WebSocketXmpp
from mailim.record.checkpoints import Checkpoints, load_signer
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.record.text_logs import TextLogs
from mailim.remote.multipop.collector import Multipop
from mailim.tls import Certificates
from mailim.webmail.account_api import AccountApi
from mailim.webmail.frames import Frames
from mailim.webmail.multipop_api import MultipopApi
from mailim.webmail.pages import Pages
from mailim.wire.jmap_ids import ACCOUNT, EMAIL, read_id, write_id

VERSION = "0.1.0"
STATIC = Path(__file__).parent / "webmail" / "static"
_SWEEP_BODIES = 200
_SWEEP_SECONDS = 300.0
_STOP_SECONDS = 10.0  # for logouts to be recorded


class Options(usage.Options):
    """`twistd mailim [--config FILE]`."""

    optParameters = [["config", "c", "etc/mailim.toml", "The site's configuration."]]


def makeService(options: Mapping[str, Any]) -> IService:
    """Twisted calls this: give the server's service."""
    from twisted.internet import reactor

    try:
        return Server(reactor, load(Path(options["config"])), lambda: reactor.stop())
    except MailimError as error:
        raise SystemExit(f"mailim: {error.text}") from None


class Core:
    """What works on a site, served or not. Blocks while it is made."""

    def __init__(self, reactor: Any, site: Site) -> None:
        self.reactor = reactor
        self.site = site
        config = site.config
        self.lock = SiteLock(site.var)
        self.events = Events()
        secret = _secret(site)
        self.store = mailim.store.engine.Store.open(
            reactor, site.var, self.events, url=config.store.url, readers=config.store.readers
        )
        self.directory = Directory(self.store, self.events)
        self.limiter = LoginLimiter(
            reactor,
            per_account=config.accounts.failures_per_account,
            per_peer=config.accounts.failures_per_peer,
            window=config.accounts.failure_window_minutes * 60.0,
        )
        self.tokens = OneTimeTokens(reactor)
        self.passwords = Passwords(
            reactor,
            self.store,
            self.directory,
            self.limiter,
            hmac.digest(secret, b"salts of unknown accounts", "sha256"),
            config.accounts.scram_iterations,
            min_length=config.accounts.password_min_length,
            tokens=self.tokens,
        )
        self.accounts = Accounts(self.store, self.directory, self.passwords, reactor)
        self._make_record(site)
        self.intake = Intake(
            self.store,
            config.server.hostname,
            reactor,
            IntakeLimits(message_octets=config.mail.message_octets),
        )
        self.multipop = Multipop(
            reactor, self.store, Vault(secret), self.intake, lambda: self.site.config.multipop
        )

    def _make_record(self, site: Site) -> None:
        config, var = site.config, site.var
        signer = load_signer(f"{config.server.hostname}/record", site.path(config.record.key))
        self.checkpoints = Checkpoints(
            self.reactor,
            self.store,
            signer,
            var / "record" / "checkpoints.txt",
            every_leaves=config.record.checkpoint_leaves,
            every_seconds=config.record.checkpoint_minutes * 60.0,
        )
        logs = TextLogs(self.reactor, self.store, var / "LOGS", var / "record" / "logs.json")
        self.record = Record(
            self.store, signer, self.reactor, checkpoints=self.checkpoints, logs=logs
        )

    async def start(self) -> None:
        """Make the first domain if it is not there; get the record ready."""
        try:
            await self.accounts.add_domain(self.site.config.server.domain)
        except AlreadyExists:
            pass
        await self.record.start()

    async def stop(self) -> None:
        """Finish the record, close the store, give the lock back."""
        try:
            await self.record.stop()
        finally:
            await self.store.close()
            self.lock.release()

    def threads(self, work: Any) -> Deferred[Any]:
        """Run what blocks in a thread."""
        return deferToThreadPool(self.reactor, self.reactor.getThreadPool(), work)

    def operations(self, more: Mapping[str, Act] | None = None) -> Operations:
        """Bind what can be done; `more` is what needs a server."""
        serving = more is not None
        acts: dict[str, Act] = {
            **AccountActs(self.accounts, self.store).acts(),
            **MultipopActs(self.accounts, self.multipop, serving).acts(),
            **RecordActs(self.reactor, self.store, self.checkpoints, self.threads).acts(),
            **SiteActs(lambda: self.site, None, self.threads).acts(),
            **(more or {}),
        }
        return Operations(acts, self._done)

    async def _done(self, name: str, actor: str, arguments: Mapping[str, Any]) -> None:
        """Record what an administrator did."""
        details = {key: str(value)[:500] for key, value in arguments.items()}
        sender = actor if "@" in actor else ""
        details["by"] = actor
        await self.record.append(Entry("operation", sender, "", name, details=details))


def _secret(site: Site) -> bytes:
    path = site.directory / "etc" / "secret.key"
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}", "secret.key") from None


def perform_without_server(site: Site, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
    """Run operations on a site nobody serves; gives their results.

    Raises `Unavailable` if somebody works on it, and what the operations raise.
    """
    from twisted.internet import reactor

    core = Core(reactor, site)
    outcome: list[Any] = []

    async def work() -> list[Any]:
        try:
            await core.start()
            operations = core.operations()
            return [await operations.call(name, given, "console") for name, given in calls]
        finally:
            await core.stop()

    def over(result: Any) -> None:
        outcome.append(result)
        reactor.callLater(0, reactor.stop)

    def begin() -> None:
        Deferred.fromCoroutine(work()).addBoth(over)

    reactor.callWhenRunning(begin)
    reactor.run()
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    results: list[Any] = outcome[0]
    return results


@dataclass(frozen=True, slots=True)
class _Web:
    """The two HTTP sites: for the world, and for the command line."""

    public: HttpSite
    console: HttpSite
    redirect: HttpSite


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
        self._connections = Connections(_stream_settings(site))
        self._streams = self._make_streams()
        self._web = self._make_web()
        self.listeners = Listeners(reactor)
        self.healthy = False
        self.started: Deferred[None] = Deferred()  # replaced when it starts

    # --- building ----------------------------------------------------------------------

    def _make_streams(self) -> StreamServices:
        features: list[IFeature] = [
            Ping(),
            Version(self._reactor, VERSION),
            CarbonsSwitch(),
            Mam(self.im.archive),
        ]
        features.append(Disco([*features, self.im.roster_iqs]))
        self.im.add_features(features)
        return StreamServices(
            self._reactor,
            self.core.directory,
            self.core.passwords,
            self.im.sessions,
            self.im.router,
            [*features, self.im.roster_iqs],
            lambda: self._connections.settings,
        )

    def _make_web(self) -> _Web:
        core, config = self.core, self.core.site.config
        sessions = WebSessions(
            self._reactor,
            core.store,
            core.directory,
            idle=config.accounts.session_idle_days * 86400.0,
            absolute=config.accounts.session_max_days * 86400.0,
        )
        identity = Identity(sessions, core.passwords)
        static = StaticFiles(self._reactor, STATIC)
        operations = core.operations(
            {
                **ImActs(self.im.sessions, self.im.router, config.server.domain).acts(),
                **SiteActs(lambda: core.site, self.reload, core.threads).acts(),
            }
        )
        overrides = core.site.directory / "etc" / "webmail" / "templates"
        routes: list[Route] = [
            *Health(lambda: self.healthy).routes(),
            *static.routes(),
            *Pages(
                core.store,
                identity,
                core.passwords,
                static,
                config.server.domain,
                config.webmail,
                overrides if overrides.is_dir() else None,
            ).routes(),
            *AccountApi(
                core.store,
                identity,
                core.tokens,
                config.webmail,
                VERSION,
                lambda number: write_id(ACCOUNT, number),
            ).routes(),
            *Frames(
                self._reactor, core.store, identity, lambda text: read_id(EMAIL, text)
            ).routes(),
            *MultipopApi(identity, core.multipop).routes(),
            *AdminApi(operations, by_session(identity)).routes(),
        ]
        router = Router(routes)
        limits = HttpLimits.of(config.http)
        public = HttpSite(self._reactor, router, limits)
        self._jmap = Jmap(
            self._reactor,
            core.store,
            core.events,
            identity,
            public.threads,
            JmapLimits.of(config.http),
        )
        router.add(*self._jmap.routes())
        router.mount("/xmpp-websocket", WebSocketXmpp(self._streams, self._connections))
        return _Web(
            public,
            HttpSite(self._reactor, Router(AdminApi(operations, console).routes()), limits),
            HttpSite(self._reactor, RedirectToHttps(config.port("https") or 443).router(), limits),
        )

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
        indexing = mailim.store.indexing.Indexing(self._reactor, core.store, core.events)
        indexing.setServiceParent(self)
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
        self._jmap.close()
        for site in (self._web.public, self._web.console, self._web.redirect):
            site.close()
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
        fresh = load(self.core.site.file)
        waiting = _needs_restart(self.core.site, fresh)
        self._certificates.reload()
        self.core.site = replace(fresh, config=_merged(self.core.site, fresh))
        self._connections.settings = _stream_settings(self.core.site)
        self._log.info("configuration reloaded", needs_restart=waiting)
        return waiting


def _same(result: Any) -> Any:
    return result


def _stream_settings(site: Site) -> StreamSettings:
    im = site.config.im
    settings = StreamSettings(
        login_seconds=float(im.login_seconds),
        stanzas_per_second=float(im.stanzas_per_second),
        connections=im.connections,
        connections_per_address=im.connections_per_address,
    )
    return settings.with_stanza_octets(im.stanza_octets_before_login, im.stanza_octets)


def _needs_restart(old: Site, fresh: Site) -> list[str]:
    """Give the key paths that changed and take effect only at the next start."""
    waiting = []
    for section in type(old.config).model_fields:
        before, after = getattr(old.config, section), getattr(fresh.config, section)
        for name, field in type(before).model_fields.items():
            now_or_later = section == "listeners" or "(restart)" in (field.description or "")
            if now_or_later and getattr(before, name) != getattr(after, name):
                waiting.append(f"{section}.{name}")
    return waiting


def _merged(old: Site, fresh: Site) -> Any:
    """Give the fresh configuration with those keys kept as they are."""
    changes = {}
    for section in type(old.config).model_fields:
        before, after = getattr(old.config, section), getattr(fresh.config, section)
        kept = {
            name: getattr(before, name)
            for name, field in type(before).model_fields.items()
            if section == "listeners" or "(restart)" in (field.description or "")
        }
        changes[section] = after.model_copy(update=kept)
    return fresh.config.model_copy(update=changes)
