"""One mail transaction (RFC 5321 3.3): an envelope, a message, and what became of each."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mailim.errors import MailimError
from mailim.interfaces.dsn import NOTHING_SAID, MailDsn
from mailim.remote.relay.connection import SmtpConnection
from mailim.remote.relay.dsn import mail_parameters, recipient_parameters
from mailim.remote.relay.envelope import path
from mailim.remote.relay.session import Session
from mailim.remote.relay.words import (
    Delayed,
    HostFailed,
    Refused,
    Stale,
    is_of_the_network,
    refusal,
    unreachable,
)
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
    session: Session,
    letter: Letter,
    recipients: Sequence[str],
    message: AsyncIterable[bytes],
    again: bool = False,
) -> Outcomes:
    """Send a letter to up to `MOST_RECIPIENTS` recipients; gives what became of each.

    again: the connection carried other mails before. Raises `HostFailed` or what the network
    raises; nothing is known then, and a copy may have arrived. But `Stale`, raised only
    `again`, says that nothing of the message went out, and why: of the mail nothing is said.
    If nothing was raised, `session.connection.fit` says whether another transaction may follow.
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
        outcomes |= await _exchange(session, arguments, paths, message, again)
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


async def _exchange(
    session: Session,
    arguments: str,
    paths: dict[str, str],
    message: AsyncIterable[bytes],
    again: bool,
) -> Outcomes:
    try:
        refused, go = await _envelope(session, arguments, paths, again)
    except Exception as error:
        if again and (isinstance(error, HostFailed) or is_of_the_network(error)):
            raise Stale(unreachable(session.host.name, error)) from None
        raise
    if go is None:
        return refused
    end = await _message(session, message, go, len(refused) < len(paths))
    return {each: refused.get(each, end) for each in paths}


async def _envelope(
    session: Session, arguments: str, paths: dict[str, str], again: bool
) -> tuple[Outcomes, Reply | None]:
    """Go as far as the reply to DATA, None if it was not asked for; gives who was refused."""
    connection = session.connection
    if "SMTPUTF8" in session.offers and "SMTPUTF8" not in arguments.split(" "):
        if not all(each.isascii() for each in paths.values()):
            arguments += " SMTPUTF8"
    together = "PIPELINING" in session.offers
    ask = _together if together else _one_by_one
    replies = await ask(connection, arguments, paths, again)
    if again:
        _check_in_step(replies.values())
    refused: Outcomes = {}
    for each in paths:
        said = _said(session, replies[each])
        if said is not None:
            refused[each] = said
    if not together:
        if len(refused) == len(paths):
            await connection.ask("RSET")
            return refused, None
        connection.send("DATA")
    go = await connection.reply(connection.times.data)
    if again and (len(refused) < len(paths) or go.code == 421):
        _check_in_step([go])
    return refused, go


async def _one_by_one(
    connection: SmtpConnection, arguments: str, paths: dict[str, str], again: bool
) -> dict[str, Reply]:
    if again:
        connection.send("RSET")
        await _check_again(connection)
    mail = await connection.ask("MAIL", arguments)
    if not mail.ok:
        return _refused(mail, paths, again)
    return {each: await connection.ask("RCPT", f"TO:{whole}") for each, whole in paths.items()}


async def _together(
    connection: SmtpConnection, arguments: str, paths: dict[str, str], again: bool
) -> dict[str, Reply]:
    """Send all at once, and DATA with it (RFC 2920 3.1)."""
    seconds = connection.times.command
    if again:
        connection.send("RSET")
    connection.send("MAIL", arguments)
    for whole in paths.values():
        connection.send("RCPT", f"TO:{whole}")
    connection.send("DATA")
    if again:
        await _check_again(connection)
    mail = await connection.reply(seconds)
    if not mail.ok and again:
        return _refused(mail, paths, again)
    replies = {each: await connection.reply(seconds) for each in paths}
    return replies if mail.ok else dict.fromkeys(paths, mail)


async def _check_again(connection: SmtpConnection) -> None:
    """Await the reply to RSET, which ends what the mail before left open."""
    reply = await connection.reply(connection.times.again)
    if not reply.ok:
        raise HostFailed(reply.words)


def _check_in_step(replies: Iterable[Reply]) -> None:
    """See to it that replies of a connection that carried mails are about this one.

    421 ends the connection. That commands are out of order (503), or a 250 for DATA, means that
    the server is at another place than we are: no mail is to fail by that.
    """
    for each in replies:
        if each.code in (421, 503) or (each.verb == "DATA" and each.ok):
            raise HostFailed(each.words)


def _refused(mail: Reply, paths: dict[str, str], again: bool) -> dict[str, Reply]:
    """Give MAIL's refusal to all; where it may be about the connection, that is over."""
    if again:
        raise HostFailed(mail.words)  # "too many mails", say: a new one will tell
    return dict.fromkeys(paths, mail)


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
    session: Session, message: AsyncIterable[bytes], go: Reply, wanted: bool
) -> MailimError | str:
    """Send the message after the reply to DATA; gives the words it was taken with."""
    connection = session.connection
    if go.code != 354:
        if go.code < 400:  # it is out of step: nothing more may follow
            connection.give_up(HostFailed(f"the server is out of step: {go.words}"))
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
