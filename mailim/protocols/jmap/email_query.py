"""Email/query (RFC 8621 section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailim.interfaces.store import IStore
from mailim.protocols.jmap.arguments import QueryArguments
from mailim.protocols.jmap.email_filter import ask, question
from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.wire.jmap_ids import EMAIL, read_id, write_id


class EmailQueryArguments(QueryArguments):
    """RFC 8621 section 4.4."""

    collapse_threads: bool = False


class EmailQuery:
    """Looks for messages."""

    name = "Email/query"
    capability = MAIL
    arguments = EmailQueryArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._store = store
        self._limits = limits

    async def call(self, caller: Caller, arguments: EmailQueryArguments) -> Mapping[str, Any]:
        """Look."""
        anchor = None
        if arguments.anchor is not None:
            anchor = read_id(EMAIL, caller.resolve(arguments.anchor))
            if anchor is None:
                raise MethodError("anchorNotFound")
        most = self._limits.objects_in_query
        limit = most if arguments.limit is None else min(arguments.limit, most)
        query = question(
            caller,
            arguments,
            arguments.collapse_threads,
            position=arguments.position,
            anchor=anchor,
            anchor_offset=arguments.anchor_offset,
            limit=limit,
            count=arguments.calculate_total,
        )
        found = await self._store.read(lambda tx: ask(tx, query))
        response: dict[str, Any] = {
            "accountId": caller.account_id,
            "queryState": str(found.state),
            "canCalculateChanges": True,
            "position": found.position,
            "ids": [write_id(EMAIL, each) for each in found.ids],
        }
        if arguments.calculate_total:
            response["total"] = found.total
        if limit == most and arguments.limit != most:
            response["limit"] = limit
        return response
