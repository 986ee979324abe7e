"""Email/copy and Blob/copy (RFC 8621 section 4.7, RFC 8620 section 6.3).

Whoever signs in has one account, and one cannot copy messages from an account to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailim.errors import NotFound
from mailim.interfaces.store import IStore
from mailim.protocols.jmap.arguments import AccountArguments, Id, Object, State
from mailim.protocols.jmap.blobs import Blobs
from mailim.protocols.jmap.errors import MethodError, SetError
from mailim.protocols.jmap.getting import check_size
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import CORE, MAIL, Caller


class EmailCopyArguments(AccountArguments):
    """RFC 8620 section 5.4."""

    from_account_id: Id
    if_from_in_state: State | None = None
    if_in_state: State | None = None
    create: dict[Id, Object]
    on_success_destroy_original: bool = False
    destroy_from_if_in_state: State | None = None


class EmailCopy:
    """Says that there is no other account to copy from."""

    name = "Email/copy"
    capability = MAIL
    arguments = EmailCopyArguments

    async def call(self, caller: Caller, arguments: EmailCopyArguments) -> Mapping[str, Any]:
        """Raises `MethodError`."""
        if arguments.from_account_id == caller.account_id:
            raise MethodError("invalidArguments", "the accounts have to differ")
        raise MethodError("fromAccountNotFound")


class BlobCopyArguments(AccountArguments):
    """RFC 8620 section 6.3."""

    from_account_id: Id
    blob_ids: list[Id]


class BlobCopy:
    """Gives files to an account; those of the same one are there already."""

    name = "Blob/copy"
    capability = CORE
    arguments = BlobCopyArguments

    def __init__(self, store: IStore, limits: JmapLimits) -> None:
        self._blobs = Blobs(store)
        self._limits = limits

    async def call(self, caller: Caller, arguments: BlobCopyArguments) -> Mapping[str, Any]:
        """Look for them."""
        if arguments.from_account_id != caller.account_id:
            raise MethodError("fromAccountNotFound")
        check_size(len(arguments.blob_ids), self._limits.objects_in_set)
        copied: dict[str, str] = {}
        missing: dict[str, Any] = {}
        for id in dict.fromkeys(arguments.blob_ids):
            try:
                await self._blobs.find(caller.number, id)
                copied[id] = id
            except NotFound as error:
                missing[id] = SetError("notFound", error.text).to_json()
        return {
            "fromAccountId": arguments.from_account_id,
            "accountId": caller.account_id,
            "copied": copied or None,
            "notCopied": missing or None,
        }
