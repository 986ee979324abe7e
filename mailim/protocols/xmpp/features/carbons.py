"""Message carbons (XEP-0280): a client switches its copies on and off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailim.interfaces.im import IqAnswer, IqRoute, Session
from mailim.protocols.xmpp.features.base import Feature
from mailim.wire import ns
from mailim.wire.xml import Element


class CarbonsSwitch(Feature):
    """`<enable/>` and `<disable/>` (XEP-0280 4 and 5); the copying is `mailim.im.carbons`."""

    server_features = (ns.CARBONS,)
    account_features = (ns.CARBONS,)

    def routes(self) -> Mapping[IqRoute, IqAnswer]:
        """Give the IQs it answers."""
        return {
            IqRoute("set", "account", "enable", ns.CARBONS): self._enable,
            IqRoute("set", "account", "disable", ns.CARBONS): self._disable,
            # COMPAT: some clients address their server.
            IqRoute("set", "server", "enable", ns.CARBONS): self._enable,
            IqRoute("set", "server", "disable", ns.CARBONS): self._disable,
        }

    async def _enable(self, session: Session | None, _iq: Element) -> Sequence[Element]:
        if session is not None:
            session.carbons = True
        return ()

    async def _disable(self, session: Session | None, _iq: Element) -> Sequence[Element]:
        if session is not None:
            session.carbons = False
        return ()
