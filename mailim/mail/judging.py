"""Asking all filters about a mail, and making one verdict of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailim.errors import Invalid
from mailim.interfaces.filters import Action, IFilter, Verdict
from mailim.interfaces.spool import SpoolEntry
from mailim.wire.message import MessageFacts

FILTER_SECONDS: Final = 300.0  # a filter that takes longer has failed


class Judging:
    """The filters in their order."""

    def __init__(
        self, clock: IReactorTime, filters: Sequence[IFilter], seconds: float = FILTER_SECONDS
    ) -> None:
        self._clock = clock
        self._filters = tuple(filters)
        self._seconds = seconds

    async def check(self, entry: SpoolEntry, facts: MessageFacts) -> Verdict:
        """Give what all filters say together; whatever one raises comes out of here.

        HOLD ends it. JUNK stays, whatever later filters say. Headers of later filters stand
        above those of earlier ones, as trace headers do.
        """
        action, reasons, headers = Action.ACCEPT, [], b""
        for each in self._filters:
            asked = Deferred.fromCoroutine(each.check(entry, facts))
            said: Verdict = await asked.addTimeout(self._seconds, self._clock)
            headers = _fields(said.headers, each.name) + headers
            if said.reason:
                reasons.append(said.reason)
            if said.action is not Action.ACCEPT:
                action = said.action
            if action is Action.HOLD:
                break
        return Verdict(action, "; ".join(reasons), headers)


def _fields(headers: bytes, name: str) -> bytes:
    """Check that these are whole header fields: they will stand before the mail."""
    if headers and (
        not headers.endswith(b"\r\n") or b"\r\n\r\n" in headers or headers[:1] in b" \t\r\n"
    ):
        raise Invalid(f"The filter {name} gave no whole header fields.", "headers")
    return headers
