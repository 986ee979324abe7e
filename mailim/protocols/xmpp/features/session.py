"""RFC 3921's session establishment: optional since RFC 6121, and answered for old clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailim.interfaces.im import IqAnswer, IqRoute, Session
from mailim.protocols.xmpp.features.base import Feature
from mailim.wire import ns
from mailim.wire.xml import Element


class SessionEstablishment(Feature):
    """Answers that the session is there, which it is since binding."""

    stream_features = (Element("session", ns.SESSION, None, Element("optional", ns.SESSION)),)

    def routes(self) -> Mapping[IqRoute, IqAnswer]:
        """Give the IQs it answers."""
        return {
            IqRoute("set", "server", "session", ns.SESSION): self._established,
            IqRoute("set", "account", "session", ns.SESSION): self._established,
        }

    async def _established(self, _session: Session | None, _iq: Element) -> Sequence[Element]:
        return ()
