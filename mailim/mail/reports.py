"""Delivery reports among the mail that is delivered (RFC 3464).

One about something its receiver has submitted is noted with that, in the unit that delivers
it (`ISubmissionRows.told`). It stays a mail like any other.
"""

from __future__ import annotations

from twisted.logger import Logger

from mailim.errors import StoreUnavailable
from mailim.interfaces.bodies import IBodies, PreparedBody
from mailim.interfaces.spool import SpoolEntry
from mailim.wire.delivery_report import DeliveryReport, read_report, report_parts
from mailim.wire.message import MessageFacts


class Reports:
    """Reads reports; of other mail only the structure is looked at."""

    _log = Logger()

    def __init__(self, bodies: IBodies) -> None:
        self._bodies = bodies

    async def of(self, entry: SpoolEntry, facts: MessageFacts) -> DeliveryReport | None:
        """Give what a mail reports, None if it is no report; raises `StoreUnavailable`."""
        parts = report_parts(facts.structure)
        if parts is None:
            return None
        try:
            status, returned = [
                await self._bodies.read(entry.sha256, *span) for span in parts.spans
            ]
            body = PreparedBody(b"", len(status), status)
            # A stranger wrote it: it is read in a thread.
            return await self._bodies.inspect(body, lambda _: read_report(parts, status, returned))
        except StoreUnavailable:
            raise
        except Exception:
            # The mail is more than what is noted about it.
            self._log.failure("the report {spool_id} cannot be read", spool_id=entry.id)
            return None
