"""What most features have in common: advertising nothing until they say otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from zope.interface import implementer

from mailim.interfaces.im import IFeature, IqAnswer, IqRoute
from mailim.wire.xml import Element


@implementer(IFeature)
class Feature:
    """A feature that advertises nothing and answers nothing."""

    server_features: tuple[str, ...] = ()
    account_features: tuple[str, ...] = ()
    stream_features: tuple[Element, ...] = ()

    def routes(self) -> Mapping[IqRoute, IqAnswer]:
        """Give the IQs it answers."""
        return {}
