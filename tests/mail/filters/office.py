"""An office whose mail meets rules: a real store and queue, and a file one writes."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.threads import deferToThread

from mailim.interfaces.notices import Notice
from mailim.mail.filters.content_filter import ContentFilter, Surroundings
from mailim.mail.filters.rule_file import RuleFile
from tests.fakes.store import short_directory
from tests.mail.post import Post

TELL = 'do = "instant_message", text = "From $SENDER$ to $RECIPIENT$: $SUBJECT$"'


class RulesCase(Post):
    """Base: an office with a file of rules."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.path = short_directory(self) / "filters.toml"
        around = Surroundings(
            self.store.bodies,
            self.directory,
            "example.test",
            b"key",
            self.intake.now,
            deferToThread,
        )
        self.filter = ContentFilter(RuleFile(self.clock, self.path, deferToThread), around)
        self.age = 1000.0

    def write(self, *rules: str, text: str | None = None) -> None:
        """Put rules into force for what comes a second later."""
        self.path.write_text("enabled = true\n" + "".join(rules) if text is None else text)
        self.age -= 10
        time = self.path.stat().st_mtime - self.age
        os.utime(self.path, (time, time))

    def begin(self, *rules: str, **more: Any) -> None:
        self.write(*rules)
        self.start(rules=self.filter, **more)

    async def notices(self) -> list[tuple[str, str, str]]:
        """Give the instant messages that were handed in."""
        waiting: list[Notice] = list(await self.store.read(lambda tx: tx.notices.waiting(100)))
        return [(one.new.sender, one.new.recipient, one.new.body) for one in waiting]

    async def trace(self, spool_id: int) -> list[tuple[str, str, str]]:
        lines = await self.store.read(lambda tx: tx.mail_events.events([spool_id], 100))
        return [(one.what, one.address, one.detail) for one in lines]

    async def folders_of(self, account_id: int) -> dict[str, int]:
        """Give the mails in each folder by its path."""
        folders = await self.store.read(lambda tx: tx.folders.list(account_id))
        by_id = {each.id: each for each in folders}

        def path(folder: Any) -> str:
            above = by_id.get(folder.parent_id)
            return f"{path(above)}/{folder.name}" if above else str(folder.name)

        return {path(each): each.total for each in folders}
