"""One mail transaction (RFC 5321 3.3): an envelope, a message, and what became of each."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from typing import Final

from mailim.errors import MailimError
from mailim.interfaces.dsn import NOTHING_SAID, MailDsn
from mailim.remote.relay.connection import SmtpConnection
from mailim.remote.relay.dsn import mail_parameters, recipient_parameters
from mailim.remote.relay.envelope import path
from mailim.remote.relay.session import Session
from mailim.remote.relay.words import Delayed, HostFailed, Refused, refusal
from mailim.wire.smtp_client import Reply
from mailim.wire.smtp_outgoing import Needs, OutgoingBody

Outcomes = dict[str, MailimError | str]  # by recipient; words: the server said so and has it

MOST_RECIPIENTS: Final = 100  # of one transaction, RFC 5321 4.5.3.1.8


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent."""

    sender: str
    size: int  # octets, as stored
    needs: Needs
    dsn: MailDsn = NOTHING_SAID


async def transact(
    session: Session, letter: Letter, recipients: Sequence[str], message: AsyncIterable[bytes]
) -> Outcomes:
    """Send a letter to up to `MOST_RECIPIENTS` recipients; gives what became of each.

    Raises `HostFailed` or what the network raises; nothing is known then, and a copy may
    have arrived. The connection is fit for another transaction if nothing was raised.
    """
    outcomes: Outcomes = {}
    paths: dict[str, str] = {}
    try:
        arguments = _mail(session, letter)
    except MailimError as error:
        return dict.fromkeys(recipients, error)
    for each in recipients:
        try:
            paths[each] = _recipient(session, letter, each)
        except MailimError as error:
            outcomes[each] = error
    if paths:
        outcomes |= await _envelope(session, arguments, paths, message)
    return outcomes


def _mail(session: Session, letter: Letter) -> str:
    """Give the arguments of MAIL; raises `Refused` for what this server cannot take."""
    offers, name = session.offers, session.host.name
    if offers.size is not None and letter.size > offers.size:
        raise Refused(f"{name} takes no message of more than {offers.size} octets.")
    if letter.needs.eight_bit and "8BITMIME" not in offers:
        raise Refused(f"{name} takes only messages of 7-bit characters (no 8BITMIME).")
    whole = path(letter.sender)
    parts = [f"FROM:{whole}"]
    if "SIZE" in offers:
        parts.append(f"SIZE={letter.size}")
    if letter.needs.eight_bit:
        parts.append("BODY=8BITMIME")
    if "SMTPUTF8" in offers:
        if letter.needs.utf8_header or not whole.isascii():
            parts.append("SMTPUTF8")
    elif not whole.isascii():
        # COMPAT: a header in raw UTF-8 goes without, as it always did; an address cannot.
        raise Refused(f"{name} does not take addresses like {letter.sender} (no SMTPUTF8).")
    if "DSN" in offers:
        parts += mail_parameters(letter.dsn)
    return " ".join(parts)


def _recipient(session: Session, letter: Letter, address: str) -> str:
    whole = path(address)
    if not whole.isascii() and "SMTPUTF8" not in session.offers:
        raise Refused(f"{session.host.name} does not take {address} (no SMTPUTF8).")
    if "DSN" in session.offers:
        return " ".join((whole, *recipient_parameters(letter.dsn.of(address))))
    return whole


async def _envelope(
    session: Session, arguments: str, paths: dict[str, str], message: AsyncIterable[bytes]
) -> Outcomes:
    connection = session.connection
    if "SMTPUTF8" in session.offers and "SMTPUTF8" not in arguments.split(" "):
        if not all(each.isascii() for each in paths.values()):
            arguments += " SMTPUTF8"
    together = "PIPELINING" in session.offers
    ask = _together if together else _one_by_one
    replies = await ask(connection, arguments, paths)
    refused: Outcomes = {}
    for each in paths:
        said = _said(session, replies[each])
        if said is not None:
            refused[each] = said
    wanted = len(refused) < len(paths)
    if not together:
        if not wanted:
            await connection.ask("RSET")
            return refused
        connection.send("DATA")
    end = await _message(session, message, wanted)
    return {each: refused.get(each, end) for each in paths}


async def _one_by_one(
    connection: SmtpConnection, arguments: str, paths: dict[str, str]
) -> dict[str, Reply]:
    mail = await connection.ask("MAIL", arguments)
    if not mail.ok:
        return dict.fromkeys(paths, mail)
    return {each: await connection.ask("RCPT", f"TO:{whole}") for each, whole in paths.items()}


async def _together(
    connection: SmtpConnection, arguments: str, paths: dict[str, str]
) -> dict[str, Reply]:
    """Send all at once, and DATA with it (RFC 2920 3.1)."""
    seconds = connection.times.command
    connection.send("MAIL", arguments)
    for whole in paths.values():
        connection.send("RCPT", f"TO:{whole}")
    connection.send("DATA")
    mail = await connection.reply(seconds)
    replies = {each: await connection.reply(seconds) for each in paths}
    return replies if mail.ok else dict.fromkeys(paths, mail)


def _said(session: Session, reply: Reply) -> MailimError | None:
    if reply.ok:
        return None
    if reply.verb == "RCPT" and reply.code == 552:
        # RFC 5321 4.5.3.1.10: some say this for "too many recipients", which is 452.
        return Delayed(f"{session.host.name} said: {reply.words}")
    if session.host.user and reply.code in (530, 535):  # RFC 4954 6: not the mail's fault
        return Delayed(f"{session.host.name} said: {reply.words}")
    return refusal(session.host.name, reply)


async def _message(
    session: Session, message: AsyncIterable[bytes], wanted: bool
) -> MailimError | str:
    """Await the reply to DATA and send the message; gives the words it was taken with."""
    connection = session.connection
    go = await connection.reply(connection.times.data)
    if go.code != 354:
        return refusal(session.host.name, go)
    connection.begin_message()
    try:
        if wanted:
            await _stream(connection, message)
        else:  # RFC 2920 3.1: every recipient was refused, DATA was not; send nothing
            await connection.write(b".\r\n")
        end = await connection.reply(connection.times.end)
    except _Interrupted as interrupted:
        return refusal(session.host.name, interrupted.reply)
    finally:
        connection.end_message()
    return end.words if end.ok else refusal(session.host.name, end)


async def _stream(connection: SmtpConnection, message: AsyncIterable[bytes]) -> None:
    body = OutgoingBody()
    async for piece in message:
        if not await connection.write(body.feed(piece)):
            reply = await connection.reply(connection.times.end)
            # What ends here has no end of data: nothing behind it may become a command.
            connection.give_up(HostFailed("the message was cut off"))
            raise _Interrupted(reply)
    await connection.write(body.finish())


class _Interrupted(Exception):
    """The server replied in the middle of the message."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.words)
        self.reply = reply
