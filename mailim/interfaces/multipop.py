"""MultiPOP as the webmail and the administrator see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mailim.interfaces.boxes import Box
from mailim.times import iso

# `Box.next_run` of a box that is not visited any more by itself, until it is changed.
NEVER: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class BoxTest:
    """What a trial login found; `detail` is in plain words."""

    ok: bool
    detail: str
    messages: int = 0
    octets: int = 0


@dataclass(frozen=True, slots=True)
class BoxState:
    """A box and what it does now.

    `state`: idle (all is well), running (or its turn comes), waiting (the last visit failed,
    the next one is later), failed (the login was refused too often: not tried again by
    itself), disabled.
    """

    box: Box
    state: str

    def shown(self) -> dict[str, Any]:
        """Give what people may see of it, as JSON; never the password."""
        box = self.box
        return {
            "id": str(box.id),
            "host": box.host,
            "port": box.port,
            "user": box.user,
            "tls": box.tls,
            "leave": box.leave,
            "enabled": box.enabled,
            "state": self.state,
            "last_run": iso(box.last_run),
            "last_success": iso(box.last_success),
            "last_error": box.last_error or None,
            "next_run": None if box.next_run == NEVER else iso(box.next_run),
            "collected": box.collected,
            "failures": box.failures,
            "pending_deletes": box.pending_deletes,
        }


class IMultipop(Interface):
    """Collects mail from outside boxes."""

    enabled: bool = Attribute("the administrator's master switch")

    def add(account_id: int, values: dict[str, Any]) -> Deferred[BoxState]:
        """Make a box from host, port, user, password, tls (tls, stls, none), ca, leave.

        Raises `Invalid` with the field's name, `AlreadyExists`, `LimitExceeded`.
        """

    def change(box_id: int, values: dict[str, Any]) -> Deferred[BoxState]:
        """Change any of those or `enabled`; a visit under way is ended.

        Raises `NotFound` and as `add`.
        """

    def remove(box_id: int) -> Deferred[None]:
        """Remove a box (after ending its visit); raises `NotFound`."""

    def find(box_id: int) -> Deferred[BoxState]:
        """Give one box; raises `NotFound`."""

    def list(account_id: int | None = None) -> Deferred[Sequence[BoxState]]:
        """Give the boxes of an account, or all."""

    def test(box_id: int) -> Deferred[BoxTest]:
        """Log in and count, collecting nothing; raises `NotFound`."""

    def run(account_id: int | None = None, box_id: int | None = None) -> Deferred[None]:
        """Collect now from these boxes; fires when the visits are over, failed or not.

        What was in a box before this was called has been looked at then. Messages that were
        left alone are tried again. Raises `Invalid` if MultiPOP is switched off.
        """
