"""Making a message ready to be sent: what RFC 8621 section 7.5 asks before it is accepted.

The sender must be an address of the account, in the envelope and in the From field; each
recipient must be one that mail is taken for (an unknown address here is refused at once, as
SMTP does); Bcc fields are taken out of what is sent, and nothing else is touched.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mailim.background import spawn
from mailim.errors import Invalid, MailimError
from mailim.interfaces.accounts import Account
from mailim.interfaces.bodies import PreparedBody
from mailim.interfaces.items import Item
from mailim.interfaces.store import IStore
from mailim.interfaces.submissions import Sending
from mailim.mail.allowances import Allowances
from mailim.mail.envelopes import (
    HEADER_OCTETS,
    Envelopes,
    Refusal,
    addresses_in,
    authors_of,
    normal_sender,
)
from mailim.mail.intake import Intake, PreparedMail
from mailim.wire.bcc import without_bcc
from mailim.wire.fields import raw_fields
from mailim.wire.message import MessageFacts
from mailim.wire.smtp_paths import PathError, parse_path

MAX_HOLD_SECONDS: Final = 31 * 24 * 3600  # RFC 8621 1.3.2 maxDelayedSend


@dataclass(frozen=True, slots=True)
class _Header:
    """What the header of a message says; addresses as they are written."""

    size: int
    authors: tuple[str, ...]  # see `authors_of`
    senders: tuple[str, ...]  # of Sender, else of From
    recipients: tuple[str, ...]  # of To, Cc and Bcc
    without_bcc: bytes | None  # None: there is no Bcc


class Unsendable(MailimError):
    """A message that is not sent; `kind` is a SetError type of RFC 8621 section 7.5.

    details: what must or may stand beside the type there.
    """

    def __init__(self, kind: str, text: str, **details: Any) -> None:
        super().__init__(text)
        self.kind = kind
        self.details = details


@dataclass(frozen=True, slots=True)
class Ready:
    """A message that may be sent; `recipients` in the order of the envelope.

    Two of them may lead to the same address, if they are written differently.
    """

    sender: str  # reverse-path, "" for <>
    written_sender: str  # the same as the client or the message writes it
    recipients: tuple[Sending, ...]
    prepared: PreparedMail


class Outgoing:
    """Checks and prepares. `max_recipients`: of one message."""

    def __init__(
        self,
        store: IStore,
        intake: Intake,
        envelopes: Envelopes,
        allowances: Allowances,
        max_recipients: int,
    ) -> None:
        self._store = store
        self._intake = intake
        self._envelopes = envelopes
        self._allowances = allowances
        self._max_recipients = max_recipients

    @property
    def max_recipients(self) -> int:
        """How many recipients a message may have."""
        return self._max_recipients

    @property
    def message_octets(self) -> int:
        """The largest message that is sent."""
        return self._intake.message_octets

    async def is_own(self, account: Account, address: str) -> bool:
        """Say whether the account may send as an address."""
        return await self._envelopes.is_own(account, address)

    async def make_ready(
        self,
        account: Account,
        item: Item,
        facts: MessageFacts,
        identity: str,
        sender: str | None,
        recipients: Sequence[str] | None,
    ) -> Ready:
        """Check a message and count it; raises `Unsendable`, `RateLimited`.

        identity: the address of the identity. sender, recipients: of the envelope, None for
        those the message itself names.
        """
        if not await self._envelopes.may_send(account):
            raise Unsendable("forbiddenToSend", "This account is disabled.")
        self._allowances.check(account.id)
        octets = item.size - len(item.prefix)
        if octets > self.message_octets:
            most = self.message_octets
            raise Unsendable("tooLarge", f"More than {most} octets.", maxSize=most)
        header = await self._header(item, facts, octets)
        await self._check_authors(account, header.authors)
        if sender is None:
            sender = await self._sender(account, header.senders, identity)
        reverse_path = await self._reverse_path(account, sender)
        written = header.recipients if recipients is None else recipients
        sendings = await self._recipients(account, written)
        prepared = await self._prepared(item, octets, facts, header)
        self._allowances.count(account.id)
        return Ready(reverse_path, sender, sendings, prepared)

    # --- who sends ----------------------------------------------------------------------

    async def _check_authors(self, account: Account, authors: Sequence[str]) -> None:
        if not authors or "" in authors:
            text = "The message does not say clearly whom it is from."
            raise Unsendable("invalidEmail", text, properties=["from"])
        try:
            await self._envelopes.check_authors(account, authors)
        except Refusal as error:
            raise Unsendable("forbiddenFrom", error.text) from None

    async def _sender(self, account: Account, senders: Sequence[str], identity: str) -> str:
        """Give the reverse-path for a message without an envelope (RFC 8621 section 7)."""
        if len(senders) > 1:
            text = "It is not clear who of several sends the message: it needs an envelope."
            raise Unsendable("invalidEmail", text, properties=["from"])
        return senders[0] if await self._envelopes.is_own(account, senders[0]) else identity

    async def _reverse_path(self, account: Account, sender: str) -> str:
        try:
            path = parse_path(sender)
            if path.is_null:
                return ""
            address = normal_sender(path)
        except (PathError, Refusal) as error:
            raise Unsendable("forbiddenMailFrom", error.text) from None
        if not path.domain or not await self._envelopes.is_own(account, address):
            raise Unsendable("forbiddenMailFrom", "The sender is not an address of yours.")
        return address

    # --- to whom ------------------------------------------------------------------------

    async def _recipients(self, account: Account, recipients: Sequence[str]) -> tuple[Sending, ...]:
        written = tuple(dict.fromkeys(recipients))
        if not written:
            raise Unsendable("noRecipients", "The message goes to nobody.")
        most = self._max_recipients
        if len(written) > most:
            text = f"A message may have {most} recipients."
            raise Unsendable("tooManyRecipients", text, maxRecipients=most)
        found: list[Sending] = []
        wrong: dict[str, str] = {}
        for email in written:
            try:
                path = parse_path(email)
                if path.is_null:
                    raise PathError("There is no address.")
                address = await self._envelopes.recipient(path, account)
                found.append(Sending(email, address))
            except (PathError, Refusal) as error:
                wrong[email] = error.text
        if wrong:
            text = next(iter(wrong.values()))
            raise Unsendable("invalidRecipients", text, invalidRecipients=list(wrong))
        return tuple(found)

    # --- what is sent -------------------------------------------------------------------

    async def _header(self, item: Item, facts: MessageFacts, octets: int) -> _Header:
        """Read the header in a thread: there may be much of it."""
        end = facts.structure.body_start
        if end > HEADER_OCTETS:
            text = "The header of the message is too long."
            raise Unsendable("invalidEmail", text, properties=["headers"])
        data = await self._store.bodies.read(item.sha256, 0, end)
        body = PreparedBody(b"", end, data)
        return await self._store.bodies.inspect(body, lambda _: _read(data, end < octets))

    async def _prepared(
        self, item: Item, octets: int, facts: MessageFacts, header: _Header
    ) -> PreparedMail:
        """Give the message without Bcc, the same one if it has none."""
        if header.without_bcc is None:
            return PreparedMail(PreparedBody(item.sha256, octets, None), facts)
        writer = self._intake.writer()
        rest: AsyncIterable[bytes] = self._store.bodies.stream(item.sha256, header.size)
        try:
            await writer.write(header.without_bcc)
            async for piece in rest:
                await writer.write(piece)
            return await writer.finish()
        except Invalid as error:
            raise Unsendable("invalidEmail", error.text, properties=["headers"]) from None
        except BaseException:
            # Not waited for: a client that has gone cancels whatever is waited for here.
            spawn(writer.abort(), "throwing a copy without Bcc away")
            raise


def _read(header: bytes, followed: bool) -> _Header:
    fields = list(raw_fields(header))
    sent = without_bcc(header)
    return _Header(
        len(header),
        authors_of(header, followed),
        addresses_in(fields, "sender") or addresses_in(fields, "from"),
        addresses_in(fields, "to", "cc", "bcc"),
        None if sent == header else sent,
    )
