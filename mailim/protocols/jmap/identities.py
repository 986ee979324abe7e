"""An Identity object as JMAP shows it (RFC 8621 section 6), and how one is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from mailim.interfaces.accounts import Account
from mailim.interfaces.store import ITransaction
from mailim.interfaces.submissions import Identity
from mailim.limits import IDENTITY_ADDRESSES, IDENTITY_NAME_CHARS, SIGNATURE_CHARS
from mailim.protocols.jmap.errors import invalid_properties
from mailim.wire.jmap_ids import IDENTITY, write_id
from mailim.wire.smtp_paths import PathError, parse_path

OF_IDENTITY: Final[Mapping[str, Callable[[Identity], Any]]] = {
    "id": lambda identity: write_id(IDENTITY, identity.id),
    "name": lambda identity: identity.name,
    "email": lambda identity: identity.email,
    "replyTo": lambda identity: identity.reply_to,
    "bcc": lambda identity: identity.bcc,
    "textSignature": lambda identity: identity.text_signature,
    "htmlSignature": lambda identity: identity.html_signature,
    "mayDelete": lambda identity: not identity.own,
}
PROPERTIES: Final = frozenset(OF_IDENTITY)
_COLUMNS: Final = {
    "name": "name",
    "replyTo": "reply_to",
    "bcc": "bcc",
    "textSignature": "text_signature",
    "htmlSignature": "html_signature",
}


def identity_object(identity: Identity, properties: Collection[str] = PROPERTIES) -> dict[str, Any]:
    """Give the object with these properties."""
    return {name: read(identity) for name, read in OF_IDENTITY.items() if name in properties}


def add_own(tx: ITransaction, account: Account) -> None:
    """Make the identity of the account itself if it is not there."""
    if not any(each.own for each in tx.identities.list(account.id)):
        own = Identity(0, account.id, account.name, account.address, None, None, "", "", True)
        tx.identities.add(own)


def read_columns(value: Mapping[str, Any]) -> dict[str, Any]:
    """Check properties a client may set; gives them as the store names them.

    Raises `SetError` "invalidProperties" naming all that are wrong.
    """
    columns = {}
    wrong = []
    for name, given in value.items():
        if name not in _COLUMNS or not _fits(name, given):
            wrong.append(name)
        else:
            columns[_COLUMNS[name]] = given
    if wrong:
        known = all(name in PROPERTIES for name in wrong)
        text = "cannot be set so" if known else "there is no such property"
        raise invalid_properties(text, *wrong)
    return columns


def _fits(name: str, value: Any) -> bool:
    if name in ("replyTo", "bcc"):
        return value is None or (
            isinstance(value, list)
            and len(value) <= IDENTITY_ADDRESSES
            and all(map(_is_address, value))
        )
    if name == "name":
        return _is_line(value)
    return isinstance(value, str) and len(value) <= SIGNATURE_CHARS and "\0" not in value


def _is_address(value: Any) -> bool:
    """Say whether this is an EmailAddress (RFC 8621 section 4.1.2.3)."""
    if not isinstance(value, dict) or not {"email"} <= set(value) <= {"name", "email"}:
        return False
    if value.get("name") is not None and not _is_line(value["name"]):
        return False
    return isinstance(value["email"], str) and is_mailbox(value["email"])


def is_mailbox(text: str) -> bool:
    """Say whether this is one address with a domain."""
    try:
        return bool(parse_path(text).domain)
    except PathError:
        return False


def _is_line(value: Any) -> bool:
    """Say whether this may stand in a header: no control character can end the field."""
    return isinstance(value, str) and len(value) <= IDENTITY_NAME_CHARS and value.isprintable()
