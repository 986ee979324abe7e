"""What became of a message that was sent to sessions: who has it, who never said so.

A client that acknowledges (XEP-0198) has a message when it says so; any other when it is
written. One that reached any of its recipient's clients, be it as a carbon, is not sent to
that person again. One that reached nobody goes where it would have gone had those clients
not been there; that is decided when the last of them is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from zope.interface import implementer

from mailim.interfaces.im import IReceipt, Session


class Delivery:
    """One message on its way to sessions of one account.

    told: takes what is to be recorded, and whether it is the first arrival; called for
        arrivals after `begun`. lost: nobody has the message; takes the names of those who
        did not acknowledge it.
    """

    __slots__ = ("_at_once", "_begun", "_copied", "_lost", "_missed", "_open", "_reached", "_told")

    def __init__(
        self, told: Callable[[str, bool], None], lost: Callable[[str], Awaitable[None]]
    ) -> None:
        self._told = told
        self._lost = lost
        self._open = 0
        self._at_once: list[str] = []
        self._missed: list[str] = []
        self._copied = ""
        self._reached = False
        self._begun = False

    def to(self, session: Session) -> IReceipt:
        """Give the receipt of the message itself."""
        self._open += 1
        return _Receipt(self, str(session.jid), False)

    def copy_to(self, session: Session) -> IReceipt:
        """Give the receipt of a carbon."""
        self._open += 1
        return _Receipt(self, str(session.jid), True)

    async def begun(self) -> str:
        """All is sent; give who has it already, "" if nobody has said so yet."""
        self._begun = True
        if not self._open and not self._at_once:
            await self._decide()
        return ", ".join(self._at_once)

    def arrived(self, name: str, copy: bool) -> None:
        """A client has it."""
        self._open -= 1
        if copy:
            self._copied = self._copied or name
            if not self._open and self._begun and not self._reached:
                self._only_copied()
            return
        first, self._reached = not self._reached, True
        if self._begun:
            self._told(f"delivered to {name}", first)
        else:
            self._at_once.append(name)

    async def failed(self, name: str, copy: bool) -> None:
        """A client is gone that has not said that it has it."""
        self._open -= 1
        if not copy:
            self._missed.append(name)
        if not self._open and self._begun and not self._reached:
            await self._decide()

    async def _decide(self) -> None:
        if self._copied:
            self._only_copied()
        else:
            await self._lost(", ".join(self._missed))

    def _only_copied(self) -> None:
        self._reached = True
        missed = ", ".join(self._missed)
        self._told(f"delivered to {self._copied} as a copy, not acknowledged by {missed}", True)


@implementer(IReceipt)
class _Receipt:
    __slots__ = ("_copy", "_delivery", "_name")

    def __init__(self, delivery: Delivery, name: str, copy: bool) -> None:
        self._delivery = delivery
        self._name = name
        self._copy = copy

    def arrived(self) -> None:
        """The client has it."""
        self._delivery.arrived(self._name, self._copy)

    async def failed(self) -> None:
        """The client is gone and has not said so."""
        await self._delivery.failed(self._name, self._copy)
