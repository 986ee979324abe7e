"""XMPP put together: the features, and what client streams need."""

from __future__ import annotations

from mailim.composition.core import Core
from mailim.config import Site
from mailim.events import PasswordChanged, WebSessionsEnded
from mailim.im.service import InstantMessaging
from mailim.interfaces.im import IFeature
from mailim.protocols.xmpp.connections import Connections
from mailim.protocols.xmpp.features.carbons import CarbonsSwitch
from mailim.protocols.xmpp.features.disco import Disco
from mailim.protocols.xmpp.features.mam import Mam
from mailim.protocols.xmpp.features.ping import Ping
from mailim.protocols.xmpp.features.session import SessionEstablishment
from mailim.protocols.xmpp.features.version import Version
from mailim.protocols.xmpp.services import StreamServices
from mailim.protocols.xmpp.settings import StreamSettings
from mailim.version import VERSION


def make_streams(core: Core, im: InstantMessaging, connections: Connections) -> StreamServices:
    """Add the features to `im` and give what every client stream needs."""
    features: list[IFeature] = [
        SessionEstablishment(),
        Ping(),
        Version(core.reactor, VERSION),
        CarbonsSwitch(),
        Mam(im.archive),
    ]
    features.append(Disco([*features, im.roster_iqs]))
    im.add_features(features)
    services = StreamServices(
        core.reactor,
        core.directory,
        core.passwords,
        im.sessions,
        im.router,
        [*features, im.roster_iqs],
        lambda: connections.settings,
    )
    if core.site.config.im.stream_management:
        services.manage_streams()
    core.events.subscribe(PasswordChanged, services.password_changed)
    core.events.subscribe(WebSessionsEnded, services.web_sessions_ended)
    core.events.subscribe(
        WebSessionsEnded, lambda event: core.tokens.end_sessions(event.token_hashes)
    )
    core.events.subscribe(PasswordChanged, lambda event: core.tokens.forget(event.account_id))
    return services


def stream_settings(site: Site) -> StreamSettings:
    """Give the limits of streams as the configuration has them."""
    im = site.config.im
    settings = StreamSettings(
        login_seconds=float(im.login_seconds),
        stanzas_per_second=float(im.stanzas_per_second),
        connections=im.connections,
        connections_per_address=im.connections_per_address,
        acknowledgement_seconds=float(im.acknowledgement_seconds),
        unacknowledged_stanzas=im.unacknowledged_stanzas,
        unacknowledged_octets=im.unacknowledged_octets,
        unacknowledged_octets_in_all=im.unacknowledged_octets_in_all,
        resumption_seconds=float(im.resumption_seconds),
        resumable_per_account=im.resumable_per_account,
    )
    return settings.with_stanza_octets(im.stanza_octets_before_login, im.stanza_octets)
