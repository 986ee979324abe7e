"""An account that sends mail over JMAP, and the service that sends it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from mailim.interfaces.spool import SpoolEntry
from mailim.mail.submission import Submitting
from mailim.protocols.jmap.limits import JmapLimits
from tests.protocols.jmap.kit import ALICE, BOB, Kit, mail

FROM_ALICE = "Alice <alice@example.test>"


class SubmissionCase(TestCase):
    async def start(self, limits: JmapLimits | None = None) -> Kit:
        self.kit = kit = await Kit.start(self, limits)
        await kit.site.accounts.add_alias("sales@example.test", ALICE)
        self.identity = (await kit.call("Identity/get"))["list"][0]["id"]
        service = Submitting(kit.clock, kit.store, kit.site.events, kit.intake)
        service.startService()
        self.addCleanup(service.stopService)
        self.service = service
        return kit

    async def draft(self, to: str = BOB, sender: str = FROM_ALICE, extra: str = "") -> str:
        data = mail("draft", sender=sender, extra=extra).replace(
            b"To: alice@example.test", f"To: {to}".encode()
        )
        return await self.kit.add(data, "drafts", ("$draft",))

    async def send(self, email: str, envelope: Any = None, **more: Any) -> dict[str, Any]:
        value = {"identityId": self.identity, "emailId": email, **more}
        if envelope is not None:
            value["envelope"] = envelope
        return await self.kit.call("EmailSubmission/set", create={"s": value})

    async def sent(self, email: str, envelope: Any = None) -> dict[str, Any]:
        answer = await self.send(email, envelope)
        self.assertIsNone(answer["notCreated"])
        made: dict[str, Any] = answer["created"]["s"]
        return made

    async def refused(self, email: str, envelope: Any = None, **more: Any) -> dict[str, Any]:
        answer = await self.send(email, envelope, **more)
        self.assertIsNone(answer["created"])
        error: dict[str, Any] = answer["notCreated"]["s"]
        return error

    async def shown(self, id: str) -> dict[str, Any]:
        found = await self.kit.call("EmailSubmission/get", ids=[id])
        self.assertEqual(found["notFound"], [])
        value: dict[str, Any] = found["list"][0]
        return value

    async def spooled(self) -> list[SpoolEntry]:
        return list(await self.kit.store.read(lambda tx: tx.spool.list(100)))

    async def octets(self, entry: SpoolEntry) -> bytes:
        return await self.kit.store.bodies.read(entry.sha256)

    async def later(self, seconds: float) -> None:
        """Let time pass, and wait for what the service does about it."""
        await self.quiet()
        self.kit.clock.advance(seconds)
        await self.quiet()

    async def quiet(self) -> None:
        await self.kit.site.settle()
        while self.service.busy:
            await self.kit.store.read(lambda tx: None)
