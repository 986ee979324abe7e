"""EmailSubmission/get and EmailSubmission/changes (RFC 8621 sections 7.1 and 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.jmap.arguments import ChangesArguments, GetArguments, state_number
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.getting import (
    changes_limit,
    changes_response,
    check_size,
    get_response,
    numbers_of,
    wanted_properties,
)
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import SUBMISSION, Caller
from mailim.protocols.jmap.submissions import PROPERTIES, submission_object
from mailim.wire.jmap_ids import SUBMISSION as KIND


class EmailSubmissionGet:
    """Reads submissions; `ids` null gives all, if they are not too many."""

    name = "EmailSubmission/get"
    capability = SUBMISSION
    arguments = GetArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: GetArguments) -> Mapping[str, Any]:
        """Read."""
        properties = wanted_properties(arguments.properties, PROPERTIES)
        check_size(len(arguments.ids or ()), self._limits.objects_in_get)

        def unit(tx: ITransaction) -> dict[str, Any]:
            missing: list[str] = []
            if arguments.ids is None:
                asked = [each.id for each in tx.submissions.brief(caller.number)]
                check_size(len(asked), self._limits.objects_in_get)
            else:
                numbers = numbers_of(KIND, arguments.ids, caller)
                asked = sorted({each for each in numbers.values() if each})
            chosen = {}
            left = self._limits.submission_recipients
            for number in asked:
                # One by one: all of them together may name very many recipients.
                for each in tx.submissions.get(caller.number, [number]).values():
                    left -= len(each.recipients)
                    if left < 0:
                        raise MethodError("requestTooLarge", "they have too many recipients")
                    chosen[number] = submission_object(tx, each, properties)
            if arguments.ids is not None:
                missing = [id for id, number in numbers.items() if number not in chosen]
            return get_response(
                caller, tx.items.state(caller.number), list(chosen.values()), missing
            )

        return await self._store.read(unit)


class EmailSubmissionChanges:
    """Says what happened to submissions."""

    name = "EmailSubmission/changes"
    capability = SUBMISSION
    arguments = ChangesArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: ChangesArguments) -> Mapping[str, Any]:
        """Say it."""
        since = state_number(arguments.since_state)
        limit = changes_limit(arguments, self._limits.changes)
        changes = await self._store.read(
            lambda tx: tx.submissions.changes(caller.number, since, limit)
        )
        return changes_response(caller, KIND, changes)
