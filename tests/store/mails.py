"""Messages and accounts for tests of the mail repositories."""

from __future__ import annotations

import hashlib

from mailim.interfaces.accounts import Account
from mailim.interfaces.bodies import PreparedBody
from mailim.interfaces.items import Item
from mailim.interfaces.store import ITransaction
from mailim.wire.message import describe


def message(
    subject: str = "Lunch",
    sender: str = "Ann <ann@example.org>",
    to: str = "bob@example.test",
    body: str = "At noon?",
    message_id: str = "",
    references: tuple[str, ...] = (),
    more: str = "",
) -> bytes:
    """Compose a plain message, CRLF line ends."""
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}"]
    if message_id:
        lines.append(f"Message-ID: <{message_id}>")
    if references:
        lines.append("References: " + " ".join(f"<{each}>" for each in references))
    if more:
        lines.append(more)
    return "\r\n".join([*lines, "Content-Type: text/plain; charset=utf-8", "", body, ""]).encode()


def prepared(data: bytes) -> PreparedBody:
    """Give a body as `IBodies.prepare` does."""
    return PreparedBody(hashlib.sha256(data).digest(), len(data), data)


def add_account(tx: ITransaction, address: str = "bob@example.test") -> Account:
    """Add an account, and its domain if it is not there."""
    domain = address.partition("@")[2]
    if domain not in [each.name for each in tx.accounts.domains()]:
        tx.accounts.add_domain(domain, 0)
    return tx.accounts.add(address, "", False, 0)


def add_item(
    tx: ITransaction,
    folder_id: int,
    data: bytes | None = None,
    keywords: frozenset[str] = frozenset(),
    received: int = 1_700_000_000_000_000,
    prefix: bytes = b"",
) -> Item:
    """Put a message into a folder."""
    data = message() if data is None else data
    body_id = tx.bodies.add(prepared(data))
    return tx.items.add(folder_id, body_id, prefix, describe(data), keywords, received)
