"""`/.well-known/jmap`: the session object (RFC 8620 section 2)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from mailim.interfaces.accounts import Account
from mailim.limits import FOLDER_DEPTH, FOLDER_NAME_OCTETS
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, json_octets, json_response
from mailim.protocols.http.router import Route
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import CORE, MAIL
from mailim.wire.jmap_ids import ACCOUNT, write_id

EMAIL_SORTS: Final = (
    "receivedAt", "sentAt", "size", "from", "to", "subject", "hasKeyword",
    "allInThreadHaveKeyword", "someInThreadHaveKeyword",
)  # fmt: skip
COLLATIONS: Final = ("i;unicode-casemap",)


class Session:
    """Makes the session object of an account; one account for each user."""

    def __init__(
        self, identity: Identity, limits: JmapLimits, more: Mapping[str, Any] | None = None
    ) -> None:
        """`more`: what an account can besides mail, by capability (RFC 8621 section 1.3)."""
        self._identity = identity
        self._limits = limits
        self._more = dict(more or {})

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("GET", "/.well-known/jmap", self.get),
            Route("GET", "/jmap/session", self.get),
        ]

    async def get(self, request: Request) -> Response:
        """Answer with the session object."""
        account = await self._identity.account(request, "jmap")
        value = self._object(request, account)
        value["state"] = _digest(value)
        headers = [("Cache-Control", "no-cache, no-store, must-revalidate")]
        return json_response(value, headers=headers)

    def state(self, request: Request, account: Account) -> str:
        """Give the state of the session object, as every API response repeats it."""
        return _digest(self._object(request, account))

    def _object(self, request: Request, account: Account) -> dict[str, Any]:
        scheme = "https" if request.secure else "http"
        here = f"{scheme}://{request.host}/jmap"
        account_id = write_id(ACCOUNT, account.id)
        return {
            "capabilities": {CORE: self._core(), MAIL: {}, **{name: {} for name in self._more}},
            "accounts": {
                account_id: {
                    "name": account.address,
                    "isPersonal": True,
                    "isReadOnly": False,
                    "accountCapabilities": {CORE: {}, MAIL: self._mail(), **self._more},
                }
            },
            "primaryAccounts": dict.fromkeys((CORE, MAIL, *self._more), account_id),
            "username": account.address,
            "apiUrl": f"{here}/api",
            "downloadUrl": f"{here}/download/{{accountId}}/{{blobId}}/{{name}}?accept={{type}}",
            "uploadUrl": f"{here}/upload/{{accountId}}",
            "eventSourceUrl": (
                f"{here}/eventsource?types={{types}}&closeafter={{closeafter}}&ping={{ping}}"
            ),
        }

    def _core(self) -> dict[str, Any]:
        limits = self._limits
        return {
            "maxSizeUpload": limits.size_upload,
            "maxConcurrentUpload": limits.concurrent_uploads,
            "maxSizeRequest": limits.size_request,
            "maxConcurrentRequests": limits.concurrent_requests,
            "maxCallsInRequest": limits.calls_in_request,
            "maxObjectsInGet": limits.objects_in_get,
            "maxObjectsInSet": limits.objects_in_set,
            "collationAlgorithms": list(COLLATIONS),
        }

    def _mail(self) -> dict[str, Any]:
        """RFC 8621 section 1.3.1."""
        return {
            "maxMailboxesPerEmail": 1,
            "maxMailboxDepth": FOLDER_DEPTH,
            "maxSizeMailboxName": FOLDER_NAME_OCTETS,
            "maxSizeAttachmentsPerEmail": self._limits.size_attachments,
            "emailQuerySortOptions": list(EMAIL_SORTS),
            "mayCreateTopLevelMailbox": True,
        }


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(json_octets(value)).hexdigest()[:16]
