"""Receiving the text of one mail, after DATA or in the chunks of BDAT (RFC 3030).

What arrives goes straight on to the intake's writer. If that fails (too large, no room),
the rest is read and dropped up to a bound, so that the client hears why.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from mailim.errors import LimitExceeded, MailimError
from mailim.mail.intake import Intake, MailWriter, PreparedMail
from mailim.protocols.smtp.limits import SmtpLimits
from mailim.protocols.smtp.link import Link, TimedOut
from mailim.protocols.smtp.replies import Ended, Refused, Reply, reply, reply_to
from mailim.wire.smtp import Text, TextEnd


class Reception:
    """One mail on its way in."""

    def __init__(self, clock: IReactorTime, link: Link, intake: Intake, limits: SmtpLimits) -> None:
        self._clock = clock
        self._link = link
        self._intake = intake
        self._limits = limits
        self._writer: MailWriter | None = intake.writer()
        self._end = clock.seconds() + limits.message_seconds
        self._dropped = 0
        self.failure: Reply | None = None

    async def read(self) -> None:
        """Take octets up to the end of the text or chunk.

        Raises `Ended` if the client goes on beyond all bounds, and what the link raises.
        """
        while True:
            left = self._end - self._clock.seconds()
            if left <= 0:
                raise TimedOut
            event = await self._link.next(min(left, self._limits.data_seconds))
            if isinstance(event, TextEnd):
                return
            if isinstance(event, Text):
                await self._take(event.data)

    async def finish(self) -> PreparedMail:
        """Give the whole mail; raises `Refused`."""
        writer, self._writer = self._writer, None
        if writer is None or self.failure is not None:
            raise Refused(self.failure or reply_to(LimitExceeded("")))
        try:
            return await writer.finish()
        except MailimError as error:
            raise Refused(self._reply(error)) from None

    async def give_up(self) -> None:
        """Forget what came."""
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                await writer.abort()
            except MailimError:
                pass  # the store is closed, and will look for what is left when it opens

    async def drop(self) -> None:
        """Read and forget a text or chunk nobody asked for."""
        await self.give_up()
        await self.read()

    async def _take(self, data: bytes) -> None:
        if self._writer is not None:
            try:
                await self._writer.write(data)
                return
            except MailimError as error:
                self.failure = self._reply(error)
                await self.give_up()
        self._dropped += len(data)
        if self._dropped > self._intake.message_octets:
            raise Ended(self.failure or reply(552, "5.3.4", "The message is too large."))

    def _reply(self, error: MailimError) -> Reply:
        if isinstance(error, LimitExceeded):
            return reply(552, "5.3.4", f"More than {self._intake.message_octets} octets.")
        return reply_to(error)
