"""Waiting for what is to become true, not for a time: a busy machine is no fault."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater


async def until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait, while the reactor works, until `true` (which may have to be awaited) is so.

    Gives what it gave. Raises AssertionError when it was not so for that long.
    """
    clock: Any = reactor
    end = clock.seconds() + seconds
    while True:
        found = true()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        if clock.seconds() > end:
            raise AssertionError(f"it did not become true in {seconds} seconds")
        await deferLater(clock, 0.005)
