"""How much the calls of one request may read and show of messages, whoever sent those.

Each message is bounded by what is kept of it; this bounds all of a request together. A call
that goes beyond gets "requestTooLarge" (RFC 8620 sections 3.6.2 and 5.1), and the client asks
for fewer; nothing is left out silently.
"""

from __future__ import annotations

from typing import Any, Final

from mailim.protocols.jmap.errors import MethodError
from mailim.protocols.jmap.limits import JmapLimits

_EACH: Final = 8  # octets of JSON around a value, and those of a number


class Budget:
    """What is left for a request; every method raises `MethodError` when there is no more.

    each_text: the most octets one text may have.
    """

    def __init__(self, limits: JmapLimits) -> None:
        self.each_text = limits.body_value_octets
        self._texts = limits.body_values_octets
        self._rest = limits.get_octets

    def text(self, octets: int) -> None:
        """Count octets of texts that are shown."""
        self._texts -= octets
        if self._texts < 0:
            raise MethodError("requestTooLarge", "too much text at once; ask for fewer emails")

    def read(self, octets: int) -> None:
        """Count octets that are read to make objects."""
        self._rest -= octets
        if self._rest < 0:
            raise MethodError("requestTooLarge", "too much at once; ask for fewer emails")

    def shown(self, value: Any) -> Any:
        """Count a value of an object that is made; gives it."""
        self.read(weight(value))
        return value


def weight(value: Any) -> int:
    """Give about how many octets of JSON a value makes."""
    octets = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        octets += _EACH
        if isinstance(each, str):
            octets += len(each)
        elif isinstance(each, dict):
            waiting.extend(each.values())
            octets += sum(map(len, each))
        elif isinstance(each, list):
            waiting.extend(each)
    return octets
