"""EmailSubmission/get and EmailSubmission/changes (RFC 8621 sections 7.1 and 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.frames import Asked, Kind
from mailim.protocols.jmap.getting import check_size
from mailim.protocols.jmap.methods import SUBMISSION
from mailim.protocols.jmap.submissions import PROPERTIES, submission_object
from mailim.wire.jmap_ids import SUBMISSION as KIND


def _submissions(asked: Asked) -> Mapping[int, Mapping[str, Any]]:
    """Give submissions; all, if they are not too many."""
    rows, account_id, numbers = asked.tx.submissions, asked.caller.number, asked.numbers
    if numbers is None:
        numbers = [each.id for each in rows.brief(account_id)]
        check_size(len(numbers), asked.limits.objects_in_get)
    found = {}
    left = asked.limits.submission_recipients
    for number in numbers:
        # One by one: all of them together may name very many recipients.
        for each in rows.get(account_id, [number]).values():
            left -= len(each.recipients)
            if left < 0:
                raise MethodError("requestTooLarge", "they have too many recipients")
            found[number] = submission_object(asked.tx, each, asked.properties)
    return found


SUBMISSIONS: Final = Kind(
    "EmailSubmission",
    SUBMISSION,
    KIND,
    lambda tx: tx.submissions.changes,
    PROPERTIES,
    _submissions,
)
