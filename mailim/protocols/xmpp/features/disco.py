"""Service discovery (XEP-0030) of the server and of an account's bare JID."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailim.im.errors import StanzaError
from mailim.interfaces.im import IFeature, IqAnswer, IqRoute, Session
from mailim.protocols.xmpp.features.base import Feature
from mailim.wire import ns
from mailim.wire.xml import Element


class Disco(Feature):
    """Tells what the given features advertise; its own namespaces included."""

    server_features = (ns.DISCO_INFO, ns.DISCO_ITEMS)
    account_features = (ns.DISCO_INFO, ns.DISCO_ITEMS)

    def __init__(self, features: Sequence[IFeature]) -> None:
        everyone = (*features, self)
        self._server = sorted({one for feature in everyone for one in feature.server_features})
        self._account = sorted({one for feature in everyone for one in feature.account_features})

    def routes(self) -> Mapping[IqRoute, IqAnswer]:
        """Give the IQs it answers."""
        return {
            IqRoute("get", "server", "query", ns.DISCO_INFO): self._server_info,
            IqRoute("get", "account", "query", ns.DISCO_INFO): self._account_info,
            IqRoute("get", "server", "query", ns.DISCO_ITEMS): self._items,
            IqRoute("get", "account", "query", ns.DISCO_ITEMS): self._items,
        }

    async def _server_info(self, _session: Session | None, iq: Element) -> Sequence[Element]:
        identity = {"category": "server", "type": "im", "name": "mailim"}
        return (_info(iq, identity, self._server),)

    async def _account_info(self, _session: Session | None, iq: Element) -> Sequence[Element]:
        return (_info(iq, {"category": "account", "type": "registered"}, self._account),)

    async def _items(self, _session: Session | None, iq: Element) -> Sequence[Element]:
        _refuse_node(iq, ns.DISCO_ITEMS)
        return (Element("query", ns.DISCO_ITEMS),)


def _info(iq: Element, identity: Mapping[str, str], features: Sequence[str]) -> Element:
    _refuse_node(iq, ns.DISCO_INFO)
    variables = (Element("feature", ns.DISCO_INFO, {"var": name}) for name in features)
    return Element(
        "query", ns.DISCO_INFO, None, Element("identity", ns.DISCO_INFO, identity), *variables
    )


def _refuse_node(iq: Element, namespace: str) -> None:
    """Refuse a query for a node: there are none (XEP-0030 7)."""
    query = iq.find("query", namespace)
    if query is not None and query.get("node"):
        raise StanzaError.of("item-not-found", "there is no such node")
