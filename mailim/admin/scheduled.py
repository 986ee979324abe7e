"""Mail that waits for the time its sender named (RFC 4865, RFC 8621 section 7), for `queue`.

It is not in the spool yet. So its number is that of a submission, written with an "s"
before it: s17.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.logger import Logger

from mailim.errors import NotFound
from mailim.interfaces.store import IStore, ITransaction
from mailim.interfaces.submissions import Submission
from mailim.times import iso

_NAMED: Final = 5  # recipients named in one row of the list
_LARGEST_ID: Final = 2**63 - 1


def scheduled_id(text: str) -> int | None:
    """Read "s17"; None for anything else."""
    digits = text[1:]
    if text[:1] != "s" or not (digits.isascii() and digits.isdigit()):
        return None
    number = int(digits[:20])
    return number if 0 < number <= _LARGEST_ID else None


class Scheduled:
    """Shows and decides about such mail; `now` gives the time in microseconds."""

    _log = Logger()

    def __init__(self, store: IStore, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    async def list(self, limit: int) -> Sequence[dict[str, Any]]:
        """Give up to `limit` of them, the next to be sent first."""
        return await self._store.read(
            lambda tx: [_row(tx, each) for each in tx.submissions.scheduled(limit)]
        )

    async def show(self, number: int) -> tuple[dict[str, Any], Sequence[dict[str, Any]]]:
        """Give what is known of one, and of its recipients; raises `NotFound`."""
        return await self._store.read(lambda tx: _about(tx, _waiting(tx, number)))

    async def release(self, number: int, actor: str) -> int:
        """Send one at once; gives to how many recipients. Raises `NotFound`."""

        def unit(tx: ITransaction) -> int:
            waiting = _waiting(tx, number)
            tx.submissions.send_now(number, self._now())
            return len(waiting.recipients)

        recipients = await self._store.write(unit)
        self._log.info("submission {number} is released by {actor}", number=number, actor=actor)
        return recipients

    async def remove(self, number: int, actor: str) -> None:
        """Throw one away; who made it by JMAP sees it canceled. Raises `NotFound`."""

        def unit(tx: ITransaction) -> None:
            _waiting(tx, number)
            tx.submissions.cancel(number, self._now())

        await self._store.write(unit)
        self._log.info("submission {number} is removed by {actor}", number=number, actor=actor)


def _waiting(tx: ITransaction, number: int) -> Submission:
    found = tx.submissions.pending(number)
    if found is None:
        raise NotFound("There is no such mail that waits for its time.")
    return found


def _size(tx: ITransaction, waiting: Submission) -> int:
    assert waiting.body_id is not None  # noqa: S101 - what waits holds its body
    octets: int = tx.bodies.get(waiting.body_id)[1]
    return len(waiting.trace) + octets


def _row(tx: ITransaction, waiting: Submission) -> dict[str, Any]:
    return {
        "id": f"s{waiting.id}",
        "received": None,
        "size": _size(tx, waiting),
        "from": waiting.sender or "<>",
        "recipients": len(waiting.recipients),
        "to": [each.address for each in waiting.recipients[:_NAMED]],
        "state": "scheduled",
        "next_attempt": iso(waiting.send_at),
        "reason": "",
    }


def _about(
    tx: ITransaction, waiting: Submission
) -> tuple[dict[str, Any], Sequence[dict[str, Any]]]:
    account, body_id = tx.accounts.get(waiting.account_id), waiting.body_id
    facts = tx.items.facts([body_id]).get(body_id) if body_id is not None else None
    about = {
        "id": f"s{waiting.id}",
        "account": account.address if account is not None else "",
        "origin": waiting.origin,
        "source": waiting.source,
        "from": waiting.sender or "<>",
        "subject": (facts.subject or "") if facts is not None else "",
        "message_id": " ".join(facts.message_id) if facts is not None else "",
        "size": _size(tx, waiting),
    }
    recipients = [
        {
            "address": each.address,
            "state": "scheduled",
            "attempts": 0,
            "next_attempt": iso(waiting.send_at),
            "reason": "",
        }
        for each in waiting.recipients
    ]
    return about, recipients
