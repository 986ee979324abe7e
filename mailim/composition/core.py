"""What works on a site with or without a server: store, accounts, record, MultiPOP's settings.

The command line composes this alone when no server runs.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

import mailim.store.engine
from mailim.accounts.accounts import Accounts
from mailim.accounts.directory import Directory
from mailim.accounts.limiter import LoginLimiter
from mailim.accounts.passwords import Passwords
from mailim.accounts.tokens import OneTimeTokens
from mailim.accounts.vault import Vault
from mailim.admin.account_acts import AccountActs
from mailim.admin.multipop_acts import MultipopActs
from mailim.admin.operations import Act, Operations
from mailim.admin.queue_acts import QueueActs
from mailim.admin.record_acts import RecordActs
from mailim.admin.site_acts import SiteActs
from mailim.config import Site
from mailim.errors import AlreadyExists, Invalid
from mailim.events import Events
from mailim.lock import SiteLock
from mailim.mail.intake import Intake, IntakeLimits
from mailim.record.checkpoints import Checkpoints, load_signer
from mailim.record.entries import Entry
from mailim.record.record import Record
from mailim.record.text_logs import TextLogs
from mailim.remote.multipop.collector import Multipop


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
            **QueueActs(self.store, self.intake.now).acts(),
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
