"""One of many copies of a stanza, which differ in their `to` only."""

from __future__ import annotations

from mailim.wire.xml.element import Element


class Copy(Element):
    """An element that knows how it is written; `mailim.wire.xml.Copies` makes it.

    What `with_attrs` and `copy` give is a plain element again.
    """

    __slots__ = ("_after", "_before", "_declaration")

    def write_as(self, before: str, declaration: str, after: str) -> None:
        """Set its text: up to the element's name, its namespace declaration, all the rest."""
        self._before = before
        self._declaration = declaration
        self._after = after

    def written(self, default_ns: str) -> bytes:
        """Give it as UTF-8 XML, to be sent where `default_ns` is the default namespace."""
        declaration = "" if default_ns == self.ns else self._declaration
        return f"{self._before}{declaration}{self._after}".encode("utf-8", "replace")
