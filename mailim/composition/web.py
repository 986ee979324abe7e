"""The web put together: pages, their API, JMAP, the admin API, XMPP over WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailim.accounts.web_sessions import WebSessions
from mailim.admin.http import AdminApi, by_session, console
from mailim.admin.operations import Operations
from mailim.composition.core import Core
from mailim.protocols.http.health import Health
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.limits import HttpLimits
from mailim.protocols.http.redirect import RedirectToHttps
from mailim.protocols.http.router import Route, Router
from mailim.protocols.http.site import Site as HttpSite
from mailim.protocols.http.static import StaticFiles
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.service import Jmap
from mailim.protocols.jmap.submission_methods import SubmissionMethods
from mailim.protocols.xmpp.websocket import WebSocketXmpp
from mailim.version import VERSION
from mailim.webmail.account_api import AccountApi
from mailim.webmail.frames import Frames
from mailim.webmail.multipop_api import MultipopApi
from mailim.webmail.notices_api import NoticesApi
from mailim.webmail.pages import Pages
from mailim.webmail.people_api import PeopleApi
from mailim.wire.jmap_ids import ACCOUNT, EMAIL, read_id, write_id

STATIC: Final = Path(__file__).parent.parent / "webmail" / "static"


@dataclass(frozen=True, slots=True)
class Web:
    """The HTTP sites: for the world, for the command line, and the one that only redirects."""

    public: HttpSite
    console: HttpSite
    redirect: HttpSite
    jmap: Jmap

    def redirect_to(self, port: int) -> None:
        """Send browsers to where https listens, now that this is known."""
        self.redirect.router = RedirectToHttps(port).router()

    def close(self) -> None:
        """End what waits for news, and cut all connections."""
        self.jmap.close()
        for site in (self.public, self.console, self.redirect):
            site.close()


def make_web(
    core: Core,
    operations: Operations,
    websocket: WebSocketXmpp,
    notices: NoticesApi,
    healthy: Callable[[], bool],
) -> Web:
    """Build the sites; `healthy` says whether all listeners listen."""
    config = core.site.config
    sessions = WebSessions(
        core.reactor,
        core.store,
        core.directory,
        idle=config.accounts.session_idle_days * 86400.0,
        absolute=config.accounts.session_max_days * 86400.0,
    )
    identity = Identity(sessions, core.passwords)
    router = Router(_routes(core, identity, operations))
    router.add(*Health(healthy).routes(), *notices.routes())
    limits = HttpLimits.of(config.http)
    public = HttpSite(core.reactor, router, limits)
    jmap = Jmap(
        core.reactor,
        core.store,
        core.events,
        identity,
        public.threads,
        JmapLimits.of(config.http, config.mail),
        SubmissionMethods(
            core.outgoing, core.intake.now, lambda: core.site.config.mail.undo_seconds
        ),
    )
    router.add(*jmap.routes())
    router.mount("/xmpp-websocket", websocket)
    return Web(
        public,
        HttpSite(core.reactor, Router(AdminApi(operations, console).routes()), limits),
        HttpSite(core.reactor, Router(), limits),
        jmap,
    )


def _routes(core: Core, identity: Identity, operations: Operations) -> list[Route]:
    config = core.site.config
    static = StaticFiles(core.reactor, STATIC)
    overrides = core.site.directory / "etc" / "webmail" / "templates"
    return [
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
            core.reactor,
            core.store,
            identity,
            core.directory.get,
            lambda text: read_id(EMAIL, text),
        ).routes(),
        *PeopleApi(core.store, identity, core.directory, core.reactor.seconds).routes(),
        *MultipopApi(identity, core.multipop).routes(),
        *AdminApi(operations, by_session(identity)).routes(),
    ]
