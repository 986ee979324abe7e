"""Sending mail over JMAP put together (RFC 8621 sections 6 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailim.interfaces.store import IStore
from mailim.mail.outgoing import MAX_HOLD_SECONDS, Outgoing
from mailim.protocols.jmap.envelope import EXTENSIONS
from mailim.protocols.jmap.frames import ChangesMethod, GetMethod
from mailim.protocols.jmap.identity_get import IDENTITIES, IdentityGet
from mailim.protocols.jmap.identity_set import IdentitySet
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import SUBMISSION, Method
from mailim.protocols.jmap.submission_get import SUBMISSIONS
from mailim.protocols.jmap.submission_query import (
    EmailSubmissionQuery,
    EmailSubmissionQueryChanges,
)
from mailim.protocols.jmap.submission_set import EmailSubmissionSet


class SubmissionMethods:
    """The methods of the capability.

    now: gives the time in microseconds. undo_seconds: how long mail waits by itself.
    """

    def __init__(
        self, outgoing: Outgoing, now: Callable[[], int], undo_seconds: Callable[[], int]
    ) -> None:
        self._outgoing = outgoing
        self._now = now
        self._undo_seconds = undo_seconds

    def methods(self, store: IStore, limits: JmapLimits) -> list[Method]:
        """Give them."""
        return [
            IdentityGet(store, limits),
            ChangesMethod(IDENTITIES, store, limits),
            IdentitySet(store, self._outgoing, limits),
            GetMethod(SUBMISSIONS, store, limits),
            ChangesMethod(SUBMISSIONS, store, limits),
            EmailSubmissionQuery(store, limits),
            EmailSubmissionQueryChanges(store, limits),
            EmailSubmissionSet(store, self._outgoing, self._now, self._undo_seconds, limits),
        ]

    def capabilities(self) -> dict[str, Any]:
        """Give what an account can (RFC 8621 section 1.3.2)."""
        extensions: dict[str, list[str]] = {name: [] for name in EXTENSIONS}
        extensions["SIZE"] = [str(self._outgoing.message_octets)]
        return {
            SUBMISSION: {
                "maxDelayedSend": MAX_HOLD_SECONDS,
                "submissionExtensions": extensions,
            }
        }
