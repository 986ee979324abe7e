"""What works on a site with or without a server: store, accounts, record, MultiPOP's settings.

The command line composes this alone when no server runs.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from mailim.accounts.accounts import Accounts
from mailim.accounts.api_tokens import ApiTokens
from mailim.accounts.directory import Directory
from mailim.accounts.limiter import LoginLimiter
from mailim.accounts.passwords import Passwords
from mailim.accounts.tokens import OneTimeTokens
from mailim.accounts.vault import Vault
from mailim.admin.account_acts import AccountActs
from mailim.admin.autoresponder_acts import AutoresponderActs
from mailim.admin.contact_acts import ContactActs
from mailim.admin.filter_acts import FilterActs
from mailim.admin.multipop_acts import MultipopActs
from mailim.admin.operations import Act, Operations
from mailim.admin.queue_acts import QueueActs
from mailim.admin.record_acts import RecordActs
from mailim.admin.site_acts import SiteActs
from mailim.admin.token_acts import TokenActs
from mailim.admin.trace_acts import TraceActs
from mailim.composition.filters import make_filter
from mailim.config import Site
from mailim.errors import AlreadyExists, Invalid, Unavailable
from mailim.events import Events
from mailim.im.restoring import restoring_of_nobody_connected
from mailim.lock import SiteLock
from mailim.mail.allowances import Allowances
from mailim.mail.envelopes import Envelopes
from mailim.mail.intake import Intake, IntakeLimits
from mailim.mail.outgoing import Outgoing
from mailim.record.checkpoints import Checkpoints, load_signer
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.record.text_logs import TextLogs
from mailim.remote.multipop.collector import Multipop
from mailim.store.engine import Store
from mailim.wire.notes import Signer


class Core:
    """What works on a site, served or not. Blocks while it is made."""

    def __init__(self, reactor: Any, site: Site) -> None:
        self.reactor = reactor
        self.site = site
        self.events = Events()
        secret, vault = _secret(site)
        signer = _signer(site)
        self.lock = SiteLock(site.var)
        try:
            self.store = _store(reactor, site, self.events)
        except BaseException:
            self.lock.release()
            raise
        self._compose(secret, vault, signer)

    def _compose(self, secret: bytes, vault: Vault, signer: Signer) -> None:
        reactor, config = self.reactor, self.site.config
        self.directory = Directory(self.store, self.events)
        self.limiter = LoginLimiter(
            reactor,
            per_account=config.accounts.failures_per_account,
            per_peer=config.accounts.failures_per_peer,
            window=config.accounts.failure_window_minutes * 60.0,
        )
        self.tokens = OneTimeTokens(reactor)
        self.api_tokens = ApiTokens(self.store, self._now)
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
        self._make_record(self.site, signer)
        self.intake = Intake(
            self.store,
            config.server.hostname,
            reactor,
            IntakeLimits(message_octets=config.mail.message_octets),
        )
        self.envelopes = Envelopes(
            self.directory, config.server.domain, can_relay=config.relay.enabled
        )
        self.allowances = Allowances(reactor, config.smtp.messages_per_hour)
        self.outgoing = Outgoing(
            self.store,
            self.intake,
            self.envelopes,
            self.allowances,
            config.smtp.recipients_of_accounts,
        )
        self.content_filter = make_filter(reactor, self.site, self.store, self.directory, secret)
        self.multipop = Multipop(
            reactor, self.store, vault, self.intake, lambda: self.site.config.multipop
        )

    def _make_record(self, site: Site, signer: Signer) -> None:
        config, var = site.config, site.var
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

    def _now(self) -> int:
        return int(self.reactor.seconds() * 1_000_000)

    def threads(self, work: Any) -> Deferred[Any]:
        """Run what blocks in a thread."""
        return deferToThreadPool(self.reactor, self.reactor.getThreadPool(), work)

    def operations(self, more: Mapping[str, Act] | None = None) -> Operations:
        """Bind what can be done; `more` is what needs a server, or does more with one."""
        serving = more is not None
        restoring = restoring_of_nobody_connected(
            self.store, self.events, self.directory, self.site.config.im.colleagues_limit
        )
        acts: dict[str, Act] = {
            **AccountActs(self.accounts, self.store).acts(),
            **AutoresponderActs(self.accounts, self.store).acts(),
            **ContactActs(self.accounts, restoring).acts(),
            **MultipopActs(self.accounts, self.multipop, serving).acts(),
            **FilterActs(self.content_filter).acts(),
            **QueueActs(self.store, self.intake.now).acts(),
            **TraceActs(self.store).acts(),
            **TokenActs(self.api_tokens).acts(),
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


def _secret(site: Site) -> tuple[bytes, Vault]:
    path = site.directory / "etc" / "secret.key"
    try:
        secret = path.read_bytes().strip()
        return secret, Vault(secret)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}", "secret.key") from None
    except Invalid as error:
        raise Invalid(f"{path}: {error.text}", "secret.key") from None


def _signer(site: Site) -> Signer:
    path = site.path(site.config.record.key)
    try:
        return load_signer(f"{site.config.server.hostname}/record", path)
    except Invalid as error:
        raise Invalid(f"{path}: {error.text}", "record.key") from None


def _store(reactor: Any, site: Site, events: Events) -> Store:
    store = site.config.store
    try:
        return Store.open(
            reactor,
            site.var,
            events,
            url=store.url,
            readers=store.readers,
            traces=site.config.mail.trace_days > 0,
        )
    except OSError as error:
        raise Unavailable(f"{error.filename}: {error.strerror}") from None
