"""Software version (XEP-0092) and entity time (XEP-0202) of the server."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from twisted.internet.interfaces import IReactorTime

from mailim.interfaces.im import IqAnswer, IqRoute, Session
from mailim.protocols.xmpp.features.base import Feature
from mailim.wire import ns
from mailim.wire.xml import Element


class Version(Feature):
    """Tells name and version, not the operating system, and the time."""

    server_features = (ns.VERSION, ns.TIME)

    def __init__(self, clock: IReactorTime, version: str) -> None:
        self._clock = clock
        self._version = version

    def routes(self) -> Mapping[IqRoute, IqAnswer]:
        """Give the IQs it answers."""
        return {
            IqRoute("get", "server", "query", ns.VERSION): self._tell,
            IqRoute("get", "server", "time", ns.TIME): self._time,
        }

    async def _tell(self, _session: Session | None, _iq: Element) -> Sequence[Element]:
        name = Element("name", ns.VERSION, None, "mailim")
        version = Element("version", ns.VERSION, None, self._version)
        return (Element("query", ns.VERSION, None, name, version),)

    async def _time(self, _session: Session | None, _iq: Element) -> Sequence[Element]:
        now = datetime.datetime.fromtimestamp(int(self._clock.seconds()), datetime.UTC)
        utc = Element("utc", ns.TIME, None, f"{now:%Y-%m-%dT%H:%M:%SZ}")
        return (Element("time", ns.TIME, None, Element("tzo", ns.TIME, None, "+00:00"), utc),)
