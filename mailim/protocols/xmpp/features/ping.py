"""XMPP Ping (XEP-0199): the server answers for itself and for accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailim.interfaces.im import IqAnswer, IqRoute, Session
from mailim.protocols.xmpp.features.base import Feature
from mailim.wire import ns
from mailim.wire.xml import Element


class Ping(Feature):
    """Answers pings with an empty result."""

    server_features = (ns.PING,)
    account_features = (ns.PING,)

    def routes(self) -> Mapping[IqRoute, IqAnswer]:
        """Give the IQs it answers."""
        return {
            IqRoute("get", "server", "ping", ns.PING): self._pong,
            IqRoute("get", "account", "ping", ns.PING): self._pong,
        }

    async def _pong(self, _session: Session | None, _iq: Element) -> Sequence[Element]:
        return ()
