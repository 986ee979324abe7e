"""Thread/get and Thread/changes (RFC 8621 sections 3.1 and 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.frames import Asked, Kind
from mailim.protocols.jmap.methods import MAIL
from mailim.wire.jmap_ids import EMAIL, THREAD, write_id


def _threads(asked: Asked) -> Mapping[int, Mapping[str, Any]]:
    """Give the ids of the messages of conversations, oldest first."""
    if asked.numbers is None:
        raise MethodError("requestTooLarge", "name the threads")
    found: dict[int, Mapping[str, Any]] = {}
    for number, items in asked.tx.items.thread(asked.caller.number, asked.numbers).items():
        emails = [write_id(EMAIL, each) for each in items]
        thread = {"id": write_id(THREAD, number), "emailIds": emails}
        found[number] = {name: thread[name] for name in thread if name in asked.properties}
    return found


THREADS: Final = Kind(
    "Thread", MAIL, THREAD, lambda tx: tx.items.thread_changes, ("id", "emailIds"), _threads
)
