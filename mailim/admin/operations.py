"""Operations bound to what they do: the one entrance for the command line and the browser.

`Operations.call` checks the arguments with the table, runs the act, and logs who did
what. Acts are `async (values, actor) -> JSON-able`; `actor` is "console" or an address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.logger import Logger

from mailim.admin.table import BY_NAME
from mailim.background import shielded
from mailim.errors import MailimError, NotFound, RecordUnavailable, Unavailable

Act = Callable[[dict[str, Any], str], Awaitable[Any]]

_LOGGED = 200  # characters of one argument in the log
# Acts that only look leave a line in the log, but none in the record.
LOOKING = frozenset(
    {
        "list",
        "show",
        "status",
        "connections",
        "check",
        "search",
        "export",
        "verify",
        "filter.test",
        "trace",
    }
)


class Operations:
    """The acts of this server by name; `done` is told of every act that is not only a look."""

    _log = Logger()

    def __init__(
        self,
        acts: Mapping[str, Act],
        done: Callable[[str, str, Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        unknown = sorted(set(acts) - set(BY_NAME))
        if unknown:
            raise ValueError(f"acts without an operation: {unknown}")
        self._acts = dict(acts)
        self._done = done

    def names(self) -> frozenset[str]:
        """Give the names of what can be done here."""
        return frozenset(self._acts)

    async def call(self, name: str, given: Mapping[str, Any], actor: str) -> Any:
        """Do it; raises a `MailimError` whose text may be shown."""
        operation = BY_NAME.get(name)
        if operation is None:
            raise NotFound(f"there is no operation {name[:60]!r}")
        act = self._acts.get(name)
        if act is None:
            raise Unavailable(f"{name} needs the running server")
        values = operation.checked(given)
        shown = {
            argument.name: values[argument.name]
            for argument in operation.arguments
            if argument.name in values and argument.kind not in ("secret", "octets")
        }
        # An asker that hangs up neither stops it half-way nor keeps it off the record.
        return await shielded(self._perform(name, act, values, shown, actor), name)

    async def _perform(
        self, name: str, act: Act, values: dict[str, Any], shown: Mapping[str, Any], actor: str
    ) -> Any:
        logged = {key: _cut(value) for key, value in shown.items()}
        try:
            result = await act(values, actor)
        except MailimError as error:
            self._log.warn(
                "{actor} failed to {name} {arguments}: {error}",
                actor=actor, name=name, arguments=logged, error=error.text,
            )  # fmt: skip
            raise
        self._log.info("{actor} did {name} {arguments}", actor=actor, name=name, arguments=logged)
        watched = name.startswith("record.")  # who watched is recorded too
        if watched or LOOKING.isdisjoint((name, name.rpartition(".")[2])):
            try:
                await self._done(name, actor, shown)
            except RecordUnavailable:
                raise Unavailable(f"{name} was done, but that cannot be put on record") from None
        return result


def _cut(value: Any) -> Any:
    """Give what is logged of a value."""
    return f"{value[:_LOGGED]}…" if isinstance(value, str) and len(value) > _LOGGED else value
