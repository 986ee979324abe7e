"""Email/parse (RFC 8621 section 4.9): what is in a message that is in no mailbox.

The blob becomes an upload of its own, so that its parts can be fetched for as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mailim.errors import NotFound
from mailim.interfaces.items import Item
from mailim.interfaces.store import IStore, ITransaction
from mailim.protocols.http.request import Threads
from mailim.protocols.jmap.arguments import AccountArguments, Id
from mailim.protocols.jmap.email_composer import Composed, EmailComposer
from mailim.protocols.jmap.email_view import EmailView, ViewArguments
from mailim.protocols.jmap.errors import MethodError, SetError
from mailim.protocols.jmap.getting import check_size
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import MAIL, Caller
from mailim.protocols.jmap.upload import hold_upload

# RFC 8621 section 4.9
DEFAULT: Final = (
    "messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo",
    "subject", "sentAt", "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody",
    "attachments",
)  # fmt: skip
_NOT_YET: Final = ("id", "mailboxIds", "keywords", "receivedAt", "threadId")


class EmailParseArguments(ViewArguments, AccountArguments):
    """RFC 8621 section 4.9."""

    blob_ids: list[Id]


class EmailParse:
    """Shows messages that are files or attachments."""

    name = "Email/parse"
    capability = MAIL
    arguments = EmailParseArguments

    def __init__(
        self, store: IStore, composer: EmailComposer, threads: Threads, limits: JmapLimits
    ) -> None:
        self._store = store
        self._composer = composer
        self._threads = threads
        self._limits = limits

    async def call(self, caller: Caller, arguments: EmailParseArguments) -> Mapping[str, Any]:
        """Look at them, one after the other."""
        check_size(len(arguments.blob_ids), self._limits.objects_in_parse)
        view = EmailView(arguments, self._limits, DEFAULT)
        asked = DEFAULT if arguments.properties is None else arguments.properties
        parsed: dict[str, Any] = {}
        not_parsable: list[str] = []
        not_found: list[str] = []
        for id in dict.fromkeys(arguments.blob_ids):
            try:
                found = await self._composer.copy(caller.account, caller.resolve(id))
            except NotFound:
                not_found.append(id)
                continue
            except SetError as error:
                raise MethodError("requestTooLarge", error.description) from None
            if found is None:
                not_parsable.append(id)
            else:
                email = await self._shown(caller, found, view)
                email |= {name: None for name in _NOT_YET if name in email}
                email |= {"blobId": id} if "blobId" in email else {}
                parsed[id] = {name: email[name] for name in asked}
        return {
            "accountId": caller.account_id,
            "parsed": parsed or None,
            "notParsable": not_parsable or None,
            "notFound": not_found or None,
        }

    async def _shown(self, caller: Caller, found: Composed, view: EmailView) -> dict[str, Any]:
        body, facts, now = found.body, found.facts, self._composer.now()
        if len(view.spans(facts)) > self._limits.header_reads:
            raise MethodError("requestTooLarge", "too many headers at once")

        def unit(tx: ITransaction) -> Item:
            known = tx.bodies.find(body.sha256)
            if known is None or not tx.items.seen_body(caller.number, body.sha256):
                body_id = hold_upload(tx, caller.number, body, now, self._limits)
            else:
                body_id = known[0]
            tx.items.keep_facts(body_id, facts)
            return Item(
                id=0, account_id=caller.number, folder_id=0, uid=0, body_id=body_id,
                sha256=body.sha256, size=body.size, prefix=b"", keywords=frozenset(), received=0,
                thread_id=0, modseq=0, created_modseq=0,
            )  # fmt: skip

        item = await self._store.write(unit)
        email = view.simple(item, facts, caller.budget)
        await view.complete(self._store.bodies, self._threads, item, facts, email, caller.budget)
        return email
