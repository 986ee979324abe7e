"""The way out put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import random

from twisted.names.client import Resolver

from mailim.composition.core import Core
from mailim.config import Site
from mailim.config_mail import Relay as RelaySection
from mailim.config_values import name_server
from mailim.errors import Unavailable
from mailim.mail.autoreply import Autoreplies
from mailim.mail.bounce import Bounces
from mailim.remote.relay.exchangers import Exchangers, name_servers
from mailim.remote.relay.relay import Relay, RelayRules
from mailim.remote.relay.session import Door

_MAX_FILE = 1024 * 1024
_WAITING = 3  # mails for each connection to a destination
_RESOLV_CONF = Path("/etc/resolv.conf")


def make_relay(core: Core) -> Relay | None:
    """Give the way out, None if the configuration wants none."""
    config = core.site.config
    if not config.relay.enabled:
        return None
    servers = [name_server(each) for each in config.relay.dns_servers] or _of_the_system()
    exchangers = Exchangers(
        Resolver(servers=servers, reactor=core.reactor), config.server.hostname, random
    )
    door = Door(core.reactor, config.server.hostname)
    return Relay(core.reactor, core.store.bodies, exchangers, door, Rules(lambda: core.site))


def make_bounces(core: Core, can_relay: bool) -> Bounces:
    """Give what tells senders of their mail; without a way out, senders here."""
    server = core.site.config.server

    async def reaches(address: str) -> bool:
        return can_relay or await core.directory.is_local(address.rpartition("@")[2])

    return Bounces(core.store, core.intake, server.hostname, server.domain, reaches)


def make_autoreplies(core: Core, can_relay: bool) -> Autoreplies:
    """Give what answers for people who are away; without a way out, people here."""
    config = core.site.config
    return Autoreplies(
        core.store,
        core.intake,
        config.server.hostname,
        core.threads,
        can_relay=can_relay,
        per_hour=config.mail.autoreplies_per_hour,
    )


def _of_the_system() -> list[tuple[str, int]]:
    try:
        text = _RESOLV_CONF.read_text()
    except OSError:
        text = ""
    return list(name_servers(text))


class Rules:
    """Gives the rules in force; files are read again after each reload, when first needed."""

    def __init__(self, site: Callable[[], Site]) -> None:
        self._site = site
        self._read: tuple[RelaySection, RelayRules] | None = None

    def __call__(self) -> RelayRules:
        """Give them; raises `Unavailable` if a file they name cannot be read: mail waits."""
        site = self._site()
        section = site.config.relay
        if self._read is None or self._read[0] is not section:
            self._read = section, _rules(site, section)
        return self._read[1]


def _rules(site: Site, section: RelaySection) -> RelayRules:
    standard = 25 if not section.host else 465 if section.security == "tls" else 587
    password, ca = "", None
    if section.user:
        first, _, _ = _content(site, section.password_file).decode().partition("\n")
        password = first.rstrip("\r")
    if section.ca:
        ca = _content(site, Path(section.ca))
    return RelayRules(
        section.host,
        section.port or standard,
        section.security,
        section.user,
        password,
        ca,
        section.allow_private_hosts,
        section.connections_per_destination,
        _WAITING * section.connections_per_destination,
        section.mails_per_connection,
        section.connection_idle_seconds,
    )


def _content(site: Site, path: Path) -> bytes:
    try:
        with site.path(path).open("rb") as stream:
            return stream.read(_MAX_FILE)
    except OSError as error:
        raise Unavailable(f"{path} for the relay cannot be read: {error.strerror}") from None
