"""An EmailSubmission object as JMAP shows it (RFC 8621 section 7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from mailim.interfaces.mail_events import (
    COPIED,
    DELIVERED,
    EXPANDED,
    FAILED,
    RELAYED,
    MailEvent,
)
from mailim.interfaces.store import ITransaction
from mailim.interfaces.submissions import Submission
from mailim.mail.troubles import behind
from mailim.mail.verdicts import is_copy
from mailim.protocols.jmap.blob_ids import blob_of_message
from mailim.protocols.jmap.emails import utc_date
from mailim.wire.jmap_ids import EMAIL, IDENTITY, SUBMISSION, THREAD, write_id

_QUEUED: Final = "250 2.1.5 Queued"
_STATUS: Final = {"250": "2.1.5", "451": "4.4.0", "550": "5.4.0"}  # RFC 3463
_SAID: Final = re.compile(r"(?:^|said: )([245][0-9]{2} .*)", re.DOTALL)
_DELIVERED: Final = {"failed": "no", "delivered": "yes"}  # RFC 3464 2.3.3
_EVENTS: Final = 10_000  # lines of a mail's trace that are looked at
_MAX_REPLY: Final = 500  # characters

OF_SUBMISSION: Final[Mapping[str, Callable[[Submission], Any]]] = {
    "id": lambda submission: write_id(SUBMISSION, submission.id),
    "identityId": lambda submission: write_id(IDENTITY, submission.identity_id),
    "emailId": lambda submission: write_id(EMAIL, submission.item_id),
    "threadId": lambda submission: write_id(THREAD, submission.thread_id),
    "envelope": lambda submission: submission.envelope,
    "sendAt": lambda submission: utc_date(submission.send_at),
    "undoStatus": lambda submission: submission.undo_status,
    "mdnBlobIds": lambda submission: [],
}
PROPERTIES: Final = frozenset({*OF_SUBMISSION, "deliveryStatus", "dsnBlobIds"})


def submission_object(
    tx: ITransaction, submission: Submission, properties: Collection[str] = PROPERTIES
) -> dict[str, Any]:
    """Give the object with these properties."""
    found = {name: read(submission) for name, read in OF_SUBMISSION.items() if name in properties}
    if submission.spool_id is None:  # nothing can have come back
        later: dict[str, Any] = {"deliveryStatus": None, "dsnBlobIds": []}
        return found | {name: value for name, value in later.items() if name in properties}
    if "deliveryStatus" in properties:
        found["deliveryStatus"] = delivery_status(tx, submission)
    if "dsnBlobIds" in properties:
        ids = tx.submissions.reports(submission.id)
        items = tx.items.get(submission.account_id, ids)
        found["dsnBlobIds"] = [blob_of_message(items[each]) for each in ids if each in items]
    return found


def delivery_status(tx: ITransaction, submission: Submission) -> dict[str, Any] | None:
    """Say what became of each recipient so far; None for what was not sent.

    Where our own part has ended without knowing (mail handed on to another server, mail
    whose trace is not kept), reports that came since say more (RFC 3464).
    """
    statuses = _own_status(tx, submission)
    if statuses is None or all(each["delivered"] != "unknown" for each in statuses.values()):
        return statuses
    told = {each.address: each for each in tx.submissions.reported(submission.id)}
    for sending in submission.recipients:
        said = told.get(sending.address.lower())
        if said is not None and statuses[sending.email]["delivered"] == "unknown":
            delivered = _DELIVERED.get(said.action, "unknown")
            statuses[sending.email] = _said(said.reply, delivered)
    return statuses


def _own_status(tx: ITransaction, submission: Submission) -> dict[str, Any] | None:
    """Say what is known here of each recipient; None for what was not sent.

    It is read from the spool and from the trace the mail has left; of mail whose trace is
    forgotten, or not kept, nothing is known once it has left the spool.
    """
    if submission.spool_id is None:
        return None
    entry = tx.spool.get(submission.spool_id)
    events: dict[str, list[MailEvent]] = {}
    for each in tx.mail_events.events([submission.spool_id], _EVENTS):
        events.setdefault(each.address, []).append(each)
    waiting = {each.address: each for each in entry.recipients} if entry is not None else {}
    # Aliases and groups stand for others, whom the sender did not name: together. Of copies
    # that rules made he hears nothing, nor why one held a mail.
    aside = {each.address.lower() for each in submission.recipients} | _copied(events)
    others = [each for address, them in events.items() if address not in aside for each in them]
    open_others = any(
        address.lower() not in aside and not is_copy(each) for address, each in waiting.items()
    )
    together = _said(_QUEUED, "queued") if open_others else _ended(others, _of_others)
    statuses = {}
    for sending in submission.recipients:
        mine = events.get(sending.address.lower(), [])
        if sending.address in waiting:
            mail = waiting[sending.address]
            error = "" if mail.held else mail.last_error
            statuses[sending.email] = _said(_reply(error, "451") if error else _QUEUED, "queued")
        elif not any(each.what == EXPANDED for each in mine):
            statuses[sending.email] = _ended(mine)
        else:
            statuses[sending.email] = together
    return statuses


def _copied(events: Mapping[str, Sequence[MailEvent]]) -> set[str]:
    """Give the addresses that rules copied the mail to, and what those stand for."""
    found = {name for name, them in events.items() if any(each.what == COPIED for each in them)}
    for name in tuple(found):
        for each in events[name]:
            if each.what == EXPANDED:
                found.update(each.detail.lower().split(", "))
    return found


def _ended(
    events: Sequence[MailEvent], told: Callable[[MailEvent], str] = lambda event: event.detail
) -> dict[str, str]:
    """Give the DeliveryStatus of recipients that have left the spool: the worst of them.

    told: gives what may be said of an end that is no delivery here.
    """
    for what, delivered in ((FAILED, "no"), (RELAYED, "unknown"), (DELIVERED, "yes")):
        found = [each for each in events if each.what == what]
        if found:
            detail = "Delivered" if what == DELIVERED else told(found[-1])
            return _said(_reply(detail, "550" if what == FAILED else "250"), delivered)
    return _said("250 2.0.0 Sent", "unknown")


def _of_others(event: MailEvent) -> str:
    """Tell nothing of what is behind an alias or a group: neither the server nor its words."""
    return behind(event.detail) if event.what == FAILED else "Sent"


def _reply(text: str, code: str) -> str:
    """Give a reply of SMTP: what a server said, or our own words with a code before them."""
    said = _SAID.search(text)
    return said[1] if said else f"{code} {_STATUS[code]} {text}"


def _said(reply: str, delivered: str) -> dict[str, str]:
    """Give a DeliveryStatus object."""
    return {"smtpReply": reply[:_MAX_REPLY], "delivered": delivered, "displayed": "unknown"}
