"""The conversation with one SMTP client (RFC 5321, RFC 6409).

Commands are worked off strictly in order, so a client may send many at once (RFC 2920).
250 for a mail is said when it is durable for all its recipients, never before; on any
failure before that nothing is kept and the mail stays the client's.

What no honest client does ends the connection: line ends other than CRLF, and octets behind
STARTTLS, EHLO, AUTH or DATA that cannot know the answer (RFC 2920 3.1, RFC 3207 4.2).
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.accounts.passwords import Passwords
from mailim.errors import MailimError
from mailim.interfaces.accounts import Account
from mailim.interfaces.dsn import RecipientDsn
from mailim.interfaces.spool import Hop, NewMail
from mailim.mail.allowances import Allowances
from mailim.mail.holding import Holding
from mailim.mail.intake import Intake, PreparedMail
from mailim.mail.rejections import Rejections
from mailim.protocols.smtp.addresses import Addresses
from mailim.protocols.smtp.future_release import keyword, release_of
from mailim.protocols.smtp.limits import SmtpLimits
from mailim.protocols.smtp.link import Link, Lost, Stopped, TimedOut
from mailim.protocols.smtp.login import Login
from mailim.protocols.smtp.reception import Reception
from mailim.protocols.smtp.replies import Ended, Refused, Reply, refused, reply, reply_to
from mailim.protocols.smtp.transaction import Transaction, envelope_of
from mailim.wire.future_release import date_time
from mailim.wire.smtp import Answer, Event, SmtpInputError
from mailim.wire.smtp_commands import (
    Auth,
    Bdat,
    CommandError,
    Hello,
    MailFrom,
    RcptTo,
    Simple,
    from_base64,
)

_DONE: Final = reply(250, "2.0.0", "Done.")
_SLACK: Final = 1 << 20  # octets a chunk may be larger than a mail and still be read


@dataclass(frozen=True, slots=True)
class SmtpServices:
    """What all sessions share. `domain` is the first domain, of names without one."""

    clock: IReactorTime
    intake: Intake
    passwords: Passwords
    addresses: Addresses
    allowances: Allowances
    rejections: Rejections
    hostname: str
    domain: str
    holding: Holding


class Session:
    """One conversation. `submission`: for people with accounts, who must log in."""

    _log = Logger()

    def __init__(
        self, services: SmtpServices, link: Link, submission: bool, limits: SmtpLimits
    ) -> None:
        self._services = services
        self._link = link
        self._submission = submission
        self._limits = limits
        self._hello: Hello | None = None
        self._account: Account | None = None
        self._transaction: Transaction | None = None
        self._mails = self._errors = self._idle = self._logins = 0
        self._acts: dict[type, Callable[..., Awaitable[Reply | None]]] = {
            Hello: self._greet,
            MailFrom: self._mail,
            RcptTo: self._rcpt,
            Bdat: self._bdat,
            Auth: self._auth,
            Simple: self._simple,
        }

    async def run(self) -> None:
        """Talk until it is over; raises nothing."""
        link = self._link
        link.send(reply(220, "", f"{self._services.hostname} ESMTP mailim"))
        try:
            while True:
                await self._answer(await link.next(self._limits.command_seconds))
        except Lost:
            pass
        except Stopped:
            link.send(reply(421, "4.3.2", "The server is being stopped."))
        except TimedOut:
            link.send(reply(421, "4.4.2", "You took too long."))
        except SmtpInputError as error:
            self._log.warn("{peer} is cut off: {text}", peer=link.peer, text=error.text)
            said = reply(521, "5.5.2", error.text)
            self._note(None, self._transaction, said)
            link.send(said)
        except Ended as end:
            if end.reply is not None:
                link.send(end.reply)
        except Exception:
            self._log.failure("an SMTP session failed")
            link.send(reply(421, "4.3.0", "Something went wrong here."))
        finally:
            link.close()
            await self._reset()

    async def _answer(self, event: Event) -> None:
        """Work off one command; every reply but those of the text itself is sent here."""
        transaction = self._transaction
        try:
            if isinstance(event, CommandError):
                raise refused(event.code, event.status, event.text)
            said = await self._acts[type(event)](event)
        except Refused as error:
            said = error.reply
        except MailimError as error:
            said = reply_to(error)
        except Ended as end:
            if end.reply is not None and end.reply.code >= 400:
                self._note(event, transaction, end.reply)
            raise
        if said is None:
            return
        if said.code >= 400:
            self._note(event, transaction, said)
            self._log.info(
                "{peer} is refused: {code} {text}",
                peer=self._link.peer, code=said.code, text=said.lines[0],
            )  # fmt: skip
        if 500 <= said.code < 600:
            self._errors += 1
            if self._errors > self._limits.errors:
                raise Ended(reply(421, "4.7.0", "Too many errors."))
        self._link.send(said)

    def _note(self, event: Event | None, transaction: Transaction | None, said: Reply) -> None:
        """Note that a mail was refused: to one recipient, or for all it was for so far."""
        if said.code == 503:  # commands out of order are not about a mail
            return
        sender, recipients = envelope_of(event, transaction)
        reason = f"{said.status} {said.lines[0]}".strip()
        self._services.rejections.note(self._link.peer, sender, recipients, said.code, reason)

    def _alone(self) -> None:
        """Make sure nothing was sent behind a command whose answer decides what may follow."""
        if self._link.receiver.waiting:
            raise Ended(reply(554, "5.5.0", "You may not send more before the answer."))

    async def _reset(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None and transaction.reception is not None:
            await transaction.reception.give_up()

    # --- greeting -----------------------------------------------------------------------

    async def _greet(self, hello: Hello) -> Reply:
        self._alone()
        self._idled()
        await self._reset()
        self._hello = hello
        if not hello.extended:
            return reply(250, "", self._services.hostname)
        lines = [
            self._services.hostname,
            "PIPELINING",
            f"SIZE {self._services.intake.message_octets}",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "ENHANCEDSTATUSCODES",
            "DSN",
        ]
        if self._submission:
            lines.append(keyword(self._services.intake.now()))
        if not self._link.secure:
            lines.append("STARTTLS")
        elif self._submission:
            lines.append(f"AUTH {' '.join(self._new_login().mechanisms)}")
        return reply(250, "", *lines)

    async def _simple(self, command: Simple) -> Reply | None:
        if command.verb == "DATA":
            return await self._data()
        if command.verb == "STARTTLS":
            await self._start_tls()
            return None
        if command.verb == "QUIT":
            raise Ended(reply(221, "2.0.0", "Good bye."))
        self._idled()
        if command.verb == "RSET":
            await self._reset()
        elif command.verb == "VRFY":
            return reply(252, "2.5.0", "Send a mail, then you will see.")
        elif command.verb == "EXPN":
            return reply(502, "5.5.1", "Lists are not shown.")
        elif command.verb == "HELP":
            return reply(214, "2.0.0", "See RFC 5321.")
        return _DONE

    async def _start_tls(self) -> None:
        if self._link.secure:
            raise refused(503, "5.5.1", "TLS is there already.")
        await self._reset()
        self._alone()
        self._link.send(reply(220, "2.0.0", "Go ahead."))
        self._link.start_tls()
        self._hello = None

    def _idled(self) -> None:
        self._idle += 1
        if self._idle > self._limits.idle_commands:
            raise Ended(reply(421, "4.7.0", "Too many commands that bring no mail."))

    # --- logging in -----------------------------------------------------------------------

    def _new_login(self) -> Login:
        link, services = self._link, self._services
        return Login(services.passwords, services.domain, link.peer, link.channel_bindings())

    async def _auth(self, auth: Auth) -> Reply:
        if not self._submission:
            raise refused(502, "5.5.1", "Nobody logs in here: use port 587 or 465.")
        if not self._link.secure:
            raise refused(538, "5.7.11", "Start TLS first.")
        if self._hello is None or self._account is not None or self._transaction is not None:
            raise refused(503, "5.5.1", "Not now.")
        self._alone()
        try:
            self._account = await self._new_login().run(auth, self._ask)
        except Refused:
            self._logins += 1
            if self._logins >= self._limits.logins:
                raise Ended(reply(421, "4.7.0", "Too many failed logins.")) from None
            raise
        return reply(235, "2.7.0", "Welcome.")

    async def _ask(self, challenge: bytes) -> bytes:
        """Send a challenge, give the client's answer (RFC 4954 4)."""
        self._alone()
        self._link.receiver.expect_answer()
        self._link.send(reply(334, "", base64.b64encode(challenge).decode()))
        event = await self._link.next(self._limits.command_seconds)
        if not isinstance(event, Answer) or event.data == b"*":
            raise refused(501, "5.7.0", "Given up.")
        try:
            return from_base64(event.data)
        except CommandError as error:
            raise refused(error.code, error.status, error.text) from None

    # --- the envelope ---------------------------------------------------------------------

    async def _mail(self, mail: MailFrom) -> Reply:
        if self._submission and self._account is None:
            raise refused(530, "5.7.0", "Log in first, inside TLS.")
        if self._hello is None:
            raise refused(503, "5.5.1", "Say EHLO first.")
        if self._transaction is not None:
            raise refused(503, "5.5.1", "A mail is under way already.")
        if mail.size is not None and mail.size > self._services.intake.message_octets:
            largest = self._services.intake.message_octets
            raise refused(552, "5.3.4", f"Larger than {largest} octets.")
        release = release_of(mail, self._services.intake.now(), self._submission)
        if self._mails >= self._limits.messages:
            raise Ended(reply(421, "4.7.0", "Too many messages in one connection."))
        if self._account is not None:
            if not await self._services.addresses.may_send(self._account):
                raise Ended(reply(421, "4.7.0", "Log in again."))
            self._services.allowances.check(self._account.id)
        sender = await self._services.addresses.sender(mail.path, mail.utf8, self._account)
        self._transaction = Transaction(sender, mail, release)
        return reply(250, "2.1.0", "The sender is welcome.")

    async def _rcpt(self, rcpt: RcptTo) -> Reply:
        transaction = self._transaction
        if transaction is None or transaction.reception is not None:
            raise refused(503, "5.5.1", "No mail is under way.")
        limits = self._limits
        most = limits.recipients if self._account is None else limits.recipients_of_accounts
        if len(transaction.recipients) >= most:
            raise refused(452, "4.5.3", "Too many recipients.")  # RFC 5321 4.5.3.1.10
        address = await self._services.addresses.recipient(
            rcpt.path, transaction.mail.utf8, self._account
        )
        transaction.recipients.setdefault(address, RecipientDsn(rcpt.notify, rcpt.orcpt))
        return reply(250, "2.1.5", "The recipient is welcome.")

    # --- the text ---------------------------------------------------------------------------

    def _reception(self) -> Reception:
        services = self._services
        return Reception(services.clock, self._link, services.intake, self._limits)

    async def _data(self) -> Reply:
        self._alone()
        transaction = self._transaction
        if transaction is None or transaction.reception is not None:
            raise refused(503, "5.5.1", "Not now.")
        if not transaction.recipients:
            raise refused(554, "5.5.1", "There is no recipient.")
        transaction.reception = reception = self._reception()
        self._link.receiver.expect_text()
        self._link.send(reply(354, "", "Send the mail, then a line with a dot."))
        await reception.read()
        return await self._accept(transaction, reception)

    async def _bdat(self, bdat: Bdat) -> Reply:
        """Take a chunk; its octets come whatever the answer will be (RFC 3030 2)."""
        if bdat.octets > self._services.intake.message_octets + _SLACK:
            raise Ended(reply(552, "5.3.4", "The chunk is too large."))
        transaction = self._transaction
        self._link.receiver.expect_chunk(bdat.octets, bdat.last)
        if transaction is None or not transaction.recipients:
            self._link.receiver.forget_message()
            await self._reception().drop()
            self._link.receiver.forget_message()
            raise refused(503, "5.5.1", "There is no recipient.")
        if transaction.reception is None:
            self._link.receiver.forget_message()
            transaction.reception = self._reception()
        reception = transaction.reception
        await reception.read()
        if bdat.last:
            return await self._accept(transaction, reception)
        if reception.failure is not None:
            await self._reset()
            raise Refused(reception.failure)
        return reply(250, "2.0.0", f"{bdat.octets} octets taken.")

    async def _accept(self, transaction: Transaction, reception: Reception) -> Reply:
        """Make the mail durable for all its recipients at once, then say so."""
        self._transaction = None
        services = self._services
        try:
            prepared = await reception.finish()
            if self._account is not None:
                await services.addresses.check_authors(self._account, prepared.authors)
            if self._link.lost:
                raise Lost  # nobody would hear that we took it
            said = await self._keep(transaction, prepared)
        finally:
            await reception.give_up()
        self._mails += 1
        self._idle = 0
        if self._account is not None:
            services.allowances.count(self._account.id)
        return reply(250, "2.0.0", said)

    async def _keep(self, transaction: Transaction, prepared: PreparedMail) -> str:
        """Keep the mail for now, or for later; gives what is said of that."""
        mail, release = self._new_mail(transaction), transaction.release
        if release is None:
            return f"Taken as {await self._services.intake.keep(mail, prepared)}."
        await self._services.holding.keep(mail, prepared, release)
        return f"Held until {date_time(release)}."

    def _new_mail(self, transaction: Transaction) -> NewMail:
        link, hello, account = self._link, self._hello, self._account
        assert hello is not None  # noqa: S101 - MAIL asked for it
        protocol = "SMTP"
        if hello.extended:
            utf8 = "UTF8SMTP" if transaction.mail.utf8 else "ESMTP"
            protocol = f"{utf8}{'S' if link.secure else ''}{'A' if account else ''}"
        name = "".join(char if " " < char < "\x7f" else "?" for char in hello.name[:100])
        source = f"[{link.peer}] ({name})"
        return NewMail(
            transaction.sender,
            tuple(transaction.recipients),
            "submission" if self._submission else "smtp",
            source if account is None else f"{account.address} at {source}",
            self._services.intake.now(),
            None if account is None else account.id,
            Hop(hello.name, link.peer, protocol, link.tls_description()),
            transaction.dsn(),
        )
