"""Stream management's counting (XEP-0198 section 4), without I/O.

Each side counts the stanzas it has handled, modulo 2^32, and tells the other its count `h`.
What was sent beyond the `h` that came back is not acknowledged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

MODULUS: Final = 2**32
_DIGITS: Final = 10  # of 2^32 - 1

T = TypeVar("T")


class CountTooHigh(Exception):
    """The peer acknowledges more than it was sent (XEP-0198 section 6).

    h: what it says. sent: how many there were, modulo 2^32.
    """

    def __init__(self, h: int, sent: int) -> None:
        super().__init__(f"{h} of {sent}")
        self.h = h
        self.sent = sent


def parse_count(text: str | None) -> int:
    """Read an unsignedInt, as `h` is one; raises `ValueError` for anything else."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        raise ValueError("this is no count")
    count = int(text)
    if count >= MODULUS:
        raise ValueError("this count is too large")
    return count


class Unacknowledged(Generic[T]):
    """What was sent and not acknowledged yet, oldest first.

    max_count, max_octets: beyond either it is full; one may always be in it.
    """

    def __init__(self, max_count: int, max_octets: int, *, sent: int = 0) -> None:
        self._max_count = max_count
        self._max_octets = max_octets
        self._items: deque[tuple[T, int]] = deque()
        self.sent = sent
        """Stanzas sent since it was enabled, modulo 2^32."""
        self.octets = 0

    def add(self, item: T, octets: int) -> bool:
        """Count one that is sent; it is in the queue also where False says that that is full."""
        self._items.append((item, octets))
        self.octets += octets
        self.sent = (self.sent + 1) % MODULUS
        full = len(self._items) > self._max_count or self.octets > self._max_octets
        return not full or len(self._items) == 1

    def acknowledge(self, h: int) -> list[T]:
        """Take out what the peer has handled now; raises `CountTooHigh`, and changes nothing."""
        count = len(self._items) - (self.sent - h) % MODULUS
        if count < 0:
            raise CountTooHigh(h, self.sent)
        taken = [self._items.popleft() for _ in range(count)]
        self.octets -= sum(octets for _, octets in taken)
        return [item for item, _ in taken]

    def clear(self) -> list[T]:
        """Take out all."""
        items = [item for item, _ in self._items]
        self._items.clear()
        self.octets = 0
        return items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter([item for item, _ in self._items])


class Handled:
    """Counts the peer's stanzas in their order, also if they are done with in another."""

    def __init__(self, *, h: int = 0) -> None:
        self._first = h
        self._under_way: deque[Stanza] = deque()
        self.begun = 0
        """How many have come; this and `finished` know no modulus."""
        self.finished = 0
        """How many are done with, up to the first that is not."""

    @property
    def h(self) -> int:
        """`finished` as the peer is told, modulo 2^32."""
        return (self._first + self.finished) % MODULUS

    def begin(self) -> Stanza:
        """One has come; it is `done` later."""
        stanza = Stanza()
        self._under_way.append(stanza)
        self.begun += 1
        return stanza

    def done(self, stanza: Stanza) -> None:
        """It is done with, for good or ill; a second time is nothing."""
        stanza.done = True
        while self._under_way and self._under_way[0].done:
            self._under_way.popleft()
            self.finished += 1


class Stanza:
    """One of the peer's stanzas."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False
