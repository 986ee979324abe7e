"""The content filter put together."""

from __future__ import annotations

import hmac
from typing import Any

from twisted.internet.threads import deferToThreadPool

from mailim.accounts.directory import Directory
from mailim.config import Site
from mailim.interfaces.store import IStore
from mailim.mail.filters.content_filter import ContentFilter, Surroundings
from mailim.mail.filters.rule_file import RuleFile
from mailim.mail.filters.rules import file_of


def make_filter(
    reactor: Any, site: Site, store: IStore, directory: Directory, secret: bytes
) -> ContentFilter:
    """Give the rules of a site; they are read when first needed."""

    def threads(work: Any) -> Any:
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    around = Surroundings(
        store.bodies,
        directory,
        site.config.server.domain,
        hmac.digest(secret, b"copies made by rules for mail", "sha256"),
        lambda: int(reactor.seconds() * 1_000_000),
        threads,
    )
    return ContentFilter(RuleFile(reactor, file_of(site.directory), threads), around)
