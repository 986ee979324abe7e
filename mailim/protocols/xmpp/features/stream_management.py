"""Stream Management (XEP-0198): what clients and server say to each other about it.

Not the counting (`mailim.wire.stream_management`) and not the waiting (`managed`). An
answer to <r/> waits until all that came before it is handled, which here means recorded.
"""

from __future__ import annotations

from typing import Final, Protocol

from mailim.errors import Unavailable
from mailim.im.router import Router
from mailim.interfaces.accounts import Account
from mailim.interfaces.im import Session, StreamInfo
from mailim.protocols.xmpp.carrier import StreamBroken
from mailim.protocols.xmpp.features.base import Feature
from mailim.protocols.xmpp.managed import Carrying, ManagedSession
from mailim.protocols.xmpp.managed_sessions import ManagedSessions
from mailim.wire import ns
from mailim.wire.stream_management import CountTooHigh, parse_count
from mailim.wire.xml import Element

_TRUE: Final = ("true", "1")  # XML Schema's boolean


class Manageable(Carrying, Protocol):
    """A stream of an authenticated client."""

    managed: ManagedSession | None

    @property
    def account(self) -> Account | None:
        """Who it is."""

    @property
    def session(self) -> Session | None:
        """What it has bound or resumed."""

    @property
    def over(self) -> bool:
        """It has ended."""

    def info(self) -> StreamInfo:
        """Where it comes from."""

    def resumed(self, managed: ManagedSession) -> None:
        """Carry this session from now on."""


class StreamManagement(Feature):
    """Answers <enable/>, <resume/>, <r/> and <a/>."""

    stream_features = (Element("sm", ns.STREAM_MANAGEMENT),)

    def __init__(self, sessions: ManagedSessions, router: Router) -> None:
        self._sessions = sessions
        self._router = router

    async def take(self, stream: Manageable, element: Element, account: Account) -> None:
        """Process one of its elements; raises `StreamBroken`."""
        if element.name == "enable":
            self._enable(stream, element)
        elif element.name == "resume":
            await self._resume(stream, element, account)
        elif element.name not in ("a", "r"):
            raise StreamBroken("unsupported-stanza-type", "This is nothing a client says.")
        elif stream.managed is None:
            stream.write(_failed("unexpected-request"))
        elif element.name == "r":
            stream.managed.answer()
        else:
            _acknowledge(stream.managed, _count(element.get("h")))

    def _enable(self, stream: Manageable, element: Element) -> None:
        """Section 3."""
        if stream.managed is not None:
            raise StreamBroken("policy-violation", "Stream management is enabled already.")
        if stream.session is None:
            stream.write(_failed("unexpected-request"))
            return
        try:
            wanted = parse_count(element.get("max", "0"))
        except ValueError:
            stream.write(_failed("bad-request"))
            return
        resume = element.get("resume") in _TRUE
        managed = self._sessions.manage(stream.session, resume, wanted)
        attrs = {}
        if managed.id:
            attrs = {"id": managed.id, "resume": "true", "max": str(int(managed.seconds))}
        stream.write(Element("enabled", ns.STREAM_MANAGEMENT, attrs))
        stream.managed = managed
        managed.attach(stream)

    async def _resume(self, stream: Manageable, element: Element, account: Account) -> None:
        """Section 5."""
        if stream.session is not None:
            stream.write(_failed("unexpected-request"))
            return
        id = element.get("previd", "") or ""
        managed = self._sessions.find(id, account)
        try:
            h = parse_count(element.get("h"))
        except ValueError:
            stream.write(_failed("bad-request"))
            return
        if managed is not None and await self._taken_over(managed, stream, h):
            return
        if managed is not None:  # it has ended just now
            await managed.handled()
        known = managed.incoming.h if managed is not None else self._sessions.count_of(id, account)
        stream.write(_failed("item-not-found", known))

    async def _taken_over(self, managed: ManagedSession, stream: Manageable, h: int) -> bool:
        """Resume a session; False if it ended meanwhile."""
        if managed.over:
            return False
        _acknowledge(managed, h)
        managed.yield_up()
        # What the old stream brought is worked off before the client is told what was handled.
        await managed.handled()
        try:
            await self._router.resumed(managed.session, stream.info())
        except Unavailable as error:
            raise StreamBroken("resource-constraint", error.text) from None
        if managed.over:
            return False
        if stream.over:
            return True
        managed.yield_up()  # another stream may have been faster
        attrs = {"previd": managed.id, "h": str(managed.incoming.h)}
        stream.write(Element("resumed", ns.STREAM_MANAGEMENT, attrs))
        stream.resumed(managed)
        managed.attach(stream)
        managed.resend()
        return True


def _acknowledge(managed: ManagedSession, h: int) -> None:
    try:
        managed.acknowledge(h)
    except CountTooHigh as error:  # section 6
        attrs = {"h": str(error.h), "send-count": str(error.sent)}
        extra = Element("handled-count-too-high", ns.STREAM_MANAGEMENT, attrs)
        text = "You acknowledge more than you were sent."
        raise StreamBroken("undefined-condition", text, extra) from None


def _count(text: str | None) -> int:
    try:
        return parse_count(text)
    except ValueError:
        raise StreamBroken("bad-format", "An acknowledgement has a count h.") from None


def _failed(condition: str, h: int | None = None) -> Element:
    attrs = {} if h is None else {"h": str(h)}
    return Element("failed", ns.STREAM_MANAGEMENT, attrs, Element(condition, ns.STANZA_ERRORS))
