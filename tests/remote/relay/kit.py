"""A relay between a real store, a DNS and scripted servers, all on loopback."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailim.errors import MailimError
from mailim.interfaces.dsn import NOTHING_SAID, MailDsn
from mailim.interfaces.spool import NewMail, SpoolEntry
from mailim.mail.intake import Intake
from mailim.remote.relay.connection import Times
from mailim.remote.relay.exchangers import Exchangers
from mailim.remote.relay.relay import Relay, RelayRules
from mailim.remote.relay.session import Door
from tests.fakes.dns_server import FakeDns
from tests.fakes.smtp_server import FakeSmtp
from tests.fakes.store import open_store
from tests.store.mails import message

# For servers that are silent; who is busy only is waited for.
HASTE = Times(
    connect=5, greeting=0.5, command=0.5, data=0.5, block=0.5, end=0.5, transaction=60
)  # fmt: skip
PATIENCE = Times(
    connect=60, greeting=60, command=60, data=60, block=60, end=60, transaction=120
)  # fmt: skip


class RelayCase(TestCase):
    """Base of tests; `self.server` listens on `self.port` as mx.example.org."""

    timeout = 180

    async def setUp(self) -> None:  # type: ignore[override]
        self.store = open_store(self)
        self.intake = Intake(self.store, "mail.example.test", reactor)
        self.dns = FakeDns()
        self.dns.mx("example.org", (10, "mx.example.org"))
        self.dns.a("mx.example.org", "127.0.0.1")
        self.server = FakeSmtp()
        self.port = self.server.serve(self)
        self.rules: dict[str, Any] = {"port": self.port, "private": True}
        self.resolver = self.dns.serve(self)

    def relay(self, times: Times = PATIENCE, **rules: Any) -> Relay:
        """Make the relay; `rules` are changes to `self.rules`."""
        self.rules |= rules
        exchangers = Exchangers(self.resolver, "mail.example.test", lambda: 0.0)
        self.door = Door(reactor, "mail.example.test", times)
        made = Relay(
            reactor, self.store.bodies, exchangers, self.door, lambda: RelayRules(**self.rules)
        )
        self.addCleanup(made.close)
        return made

    async def entry(
        self,
        *recipients: str,
        data: bytes | None = None,
        sender: str = "bob@example.test",
        dsn: MailDsn = NOTHING_SAID,
    ) -> SpoolEntry:
        """Put a mail into the spool."""
        mail = NewMail(sender, recipients, "smtp", "test", self.intake.now(), dsn=dsn)
        spool_id = await self.intake.accept(mail, data or message())
        entry = await self.store.read(lambda tx: tx.spool.get(spool_id))
        assert entry is not None
        return entry

    async def outcomes(self, relay: Relay, entry: SpoolEntry) -> dict[str, str]:
        """Send to all recipients side by side, as the queue does; gives what came of it."""
        sent = [Deferred.fromCoroutine(relay.send(entry, each)) for each in entry.recipients]
        found = {}
        for each, over in zip(entry.recipients, sent, strict=True):
            try:
                await over
                found[each.address] = "sent"
            except MailimError as error:
                found[each.address] = ("later: " if error.temporary else "never: ") + error.text
        return found

    async def outcome(self, relay: Relay, *recipients: str, **mail: Any) -> str:
        """Send one mail to one recipient (carl@example.org)."""
        entry = await self.entry(*(recipients or ("carl@example.org",)), **mail)
        (outcome,) = (await self.outcomes(relay, entry)).values()
        return outcome

    def refuse(self, verb: str, reply: str, only: str = "") -> None:
        """Let the server answer a command so (if its arguments contain `only`)."""
        self.server.script = lambda said, arguments: (
            reply if said == verb and only in arguments else None
        )
