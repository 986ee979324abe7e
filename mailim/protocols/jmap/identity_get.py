"""Identity/get and Identity/changes (RFC 8621 sections 6.1 and 6.2).

The identity of an account's own address is made when its identities are first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mailim.interfaces.store import IStore
from mailim.protocols.jmap.arguments import GetArguments
from mailim.protocols.jmap.frames import Asked, GetMethod, Kind
from mailim.protocols.jmap.identities import PROPERTIES, add_own, identity_object
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import SUBMISSION, Caller
from mailim.wire.jmap_ids import IDENTITY


def _identities(asked: Asked) -> Mapping[int, Mapping[str, Any]]:
    identities = asked.tx.identities.list(asked.caller.number)
    return {each.id: identity_object(each, asked.properties) for each in identities}


IDENTITIES: Final = Kind(
    "Identity", SUBMISSION, IDENTITY, lambda tx: tx.identities.changes, PROPERTIES, _identities
)


class IdentityGet(GetMethod):
    """Reads identities; `ids` null gives all."""

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        super().__init__(IDENTITIES, store, limits)
        self._rows = store

    async def call(self, caller: Caller, arguments: GetArguments) -> Mapping[str, Any]:
        """Read; make the account's own one before if it is not there."""
        identities = await self._rows.read(lambda tx: tx.identities.list(caller.number))
        if not any(each.own for each in identities):
            await self._rows.write(lambda tx: add_own(tx, caller.account))
        return await super().call(caller, arguments)
