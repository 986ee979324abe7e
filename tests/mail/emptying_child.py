"""A process that empties deleted folders and says "step" after each unit; the tests kill it.

python -m tests.mail.emptying_child DIRECTORY
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailim.events import Events
from mailim.mail.emptying import Emptying
from mailim.store.engine import Store


class Telling:
    """A store that says so when a unit is durable."""

    def __init__(self, store: Store) -> None:
        self.read = store.read
        self._store = store

    def write(self, *arguments: Any) -> Deferred[Any]:
        return self._store.write(*arguments).addCallback(self._told)

    def _told(self, result: Any) -> Any:
        os.write(1, b"step\n")
        return result


async def main(reactor: Any, directory: str) -> None:
    store: Any = Telling(Store.open(reactor, Path(directory), Events()))
    service = Emptying(reactor, store, Events())
    service.running = True
    await service.empty()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
