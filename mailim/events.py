"""Events are hints: losing one costs freshness, never an effect.

The store publishes them on the reactor thread after the commit that caused them; caches,
IMAP IDLE, JMAP push and the presence of the browser application listen. A listener that
raises is logged and does not disturb the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twisted.logger import Logger


@dataclass(frozen=True, slots=True)
class AccountsChanged:
    """Accounts, domains, aliases or groups changed; `address` is "" for "many"."""

    address: str


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """The password of an account was set; what the old one opened is to end."""

    account_id: int


@dataclass(frozen=True, slots=True)
class WebSessionsEnded:
    """Browsers signed out, or were signed out; by the hashes of their cookies."""

    token_hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ItemsChanged:
    """Items or folders of an account changed; `modseq` is the account's newest."""

    account_id: int
    modseq: int


@dataclass(frozen=True, slots=True)
class ObjectsChanged:
    """Objects of an account changed that are no items; `type` is their JMAP type.

    `modseq` is the account's newest, of the same counter as in `ItemsChanged`.
    """

    account_id: int
    type: str  # Identity, EmailSubmission, VacationResponse
    modseq: int


@dataclass(frozen=True, slots=True)
class FolderRemoved:
    """A folder was deleted whose items still have to go."""

    folder_id: int


@dataclass(frozen=True, slots=True)
class MailDelivered:
    """A mail was put into a folder of an account."""

    account_id: int
    folder_id: int
    item_id: int


@dataclass(frozen=True, slots=True)
class SpoolChanged:
    """A mail entered the spool, or an entry became due; `spool_id` 0: any of them."""

    spool_id: int


@dataclass(frozen=True, slots=True)
class NoticesChanged:
    """A program handed in an instant message."""


@dataclass(frozen=True, slots=True)
class BoxChanged:
    """The state of a MultiPOP box changed."""

    account_id: int
    box_id: int


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """The roster of an account changed."""

    account_id: int


Event = (
    AccountsChanged
    | PasswordChanged
    | WebSessionsEnded
    | ItemsChanged
    | ObjectsChanged
    | FolderRemoved
    | MailDelivered
    | SpoolChanged
    | NoticesChanged
    | BoxChanged
    | RosterChanged
)
E = TypeVar("E")


class Events:
    """A list of listeners per event class."""

    _log = Logger()

    def __init__(self) -> None:
        self._listeners: dict[type, list[Callable[[Event], None]]] = {}

    def subscribe(self, kind: type[E], listener: Callable[[E], None]) -> Callable[[], None]:
        """Call `listener` with every event of class `kind`; the result ends that."""
        listeners = self._listeners.setdefault(kind, [])
        listeners.append(listener)  # type: ignore[arg-type]

        def unsubscribe() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Tell every listener of this event's class, now."""
        for listener in tuple(self._listeners.get(type(event), ())):
            try:
                listener(event)
            except Exception:
                self._log.failure("listener of {event} failed", event=event)
