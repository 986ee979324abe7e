"""From elements to bytes: UTF-8 XML as XMPP wants it (RFC 6120 section 11).

Namespaces are written as default declarations where they change, and nowhere else. One
prefix is used, `stream:`, always with its declaration: peers exist that compare the name
`stream:features` literally, on TCP and on WebSocket (RFC 7395 section 3.3).
Characters that XML 1.0 does not allow become U+FFFD, so that a loss can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mailim.wire import ns
from mailim.wire.xml.copy import Copy
from mailim.wire.xml.element import Element

STREAM_CLOSE = b"</stream:stream>"

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML_ATTRIBUTE = "{" + ns.XML + "}"


def escape(text: str) -> str:
    """Return `text` as XML character data."""
    if not text.isprintable():
        # isprintable() is far cheaper than the pattern and false for all it looks for.
        text = _FORBIDDEN.sub("\ufffd", text)
        if "\r" in text:
            text = text.replace("&", "&amp;").replace("\r", "&#13;")
            return text.replace("<", "&lt;").replace(">", "&gt;")
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    return text


def quote_attr(value: str) -> str:
    """Return `value` as an XML attribute value, quotation marks included."""
    value = escape(value)
    if '"' in value:
        value = value.replace('"', "&quot;")
    if not value.isprintable():
        # A parser would turn these into spaces (XML 1.0 section 3.3.3).
        value = value.replace("\n", "&#10;").replace("\t", "&#9;")
    return f'"{value}"'


def serialise(element: Element, default_ns: str = ns.CLIENT) -> bytes:
    """Return `element` as UTF-8 XML, to be sent where `default_ns` is the default namespace.

    Iterative: any depth. Names are trusted (they come from the parser or from our code);
    text, attribute values and namespace names are escaped.
    """
    if isinstance(element, Copy):
        return element.written(default_ns)
    out: list[str] = []
    # The elements we are inside of: children still to come, default namespace around the
    # element, its closing tag.
    inside: list[tuple[Iterator[Element | str], str, str]] = []
    nodes: Iterator[Element | str] = iter((element,))
    scope = default_ns
    while True:
        for node in nodes:
            if isinstance(node, str):
                out.append(escape(node))
                continue
            if node.ns == scope:
                tag, below = node.name, scope
                out.append(f"<{tag}")
            else:
                tag, below = _write_tag(out, node, scope)
            if node.attrs:
                _write_attributes(out, node.attrs)
            children = node.children
            if not children:
                out.append("/>")
            elif len(children) == 1 and isinstance(text := children[0], str):
                out.append(f">{escape(text)}</{tag}>")
            else:
                out.append(">")
                inside.append((nodes, scope, f"</{tag}>"))
                nodes, scope = iter(children), below
                break
        else:
            if not inside:
                return "".join(out).encode("utf-8", "replace")
            nodes, scope, closing = inside.pop()
            out.append(closing)


class Copies:
    """A stanza for many: written once, then addressed to each.

    The stanza is in the namespace of its stream, and is not changed any more.
    """

    def __init__(self, stanza: Element) -> None:
        self.stanza = stanza.with_attrs({"to": None})
        text = serialise(self.stanza, stanza.ns).decode()
        self._before = f"<{stanza.name}"
        self._after = text.removeprefix(self._before)
        self._declaration = f" xmlns={quote_attr(stanza.ns)}"

    def to(self, address: str) -> Element:
        """Give the copy for one address; whoever shares that address may share the copy."""
        stanza = self.stanza
        copy = Copy(stanza.name, stanza.ns, stanza.attrs, *stanza.children)
        copy.attrs["to"] = address
        after = f" to={quote_attr(address)}{self._after}"
        copy.write_as(self._before, self._declaration, after)
        return copy


def _write_tag(out: list[str], node: Element, scope: str) -> tuple[str, str]:
    """Write the beginning of a tag whose namespace is not the default one.

    Returns the tag as written and the default namespace inside it.
    """
    if node.ns == ns.STREAM:
        tag = f"stream:{node.name}"
        out.append(f'<{tag} xmlns:stream="{ns.STREAM}"')
        return tag, scope
    if node.ns == ns.XML:
        # This one may not be declared as default (Namespaces in XML 1.0, section 3): a
        # receiver's parser would end the stream.
        tag = f"xml:{node.name}"
        out.append(f"<{tag}")
        return tag, scope
    out.append(f"<{node.name} xmlns={quote_attr(node.ns)}")
    return node.name, node.ns


def serialise_stream_open(attrs: Mapping[str, str], default_ns: str = ns.CLIENT) -> bytes:
    """Return XML declaration and opening tag of a stream (RFC 6120 section 4.2)."""
    out = [
        "<?xml version='1.0'?><stream:stream"
        f' xmlns={quote_attr(default_ns)} xmlns:stream="{ns.STREAM}"'
    ]
    _write_attributes(out, attrs)
    out.append(">")
    return "".join(out).encode("utf-8", "replace")


def _write_attributes(out: list[str], attrs: Mapping[str, str]) -> None:
    declared = 0
    for key, value in attrs.items():
        if key[:1] != "{":
            out.append(f" {key}={quote_attr(value)}")
        elif key.startswith(_XML_ATTRIBUTE):
            out.append(f" xml:{key[len(_XML_ATTRIBUTE) :]}={quote_attr(value)}")
        else:
            uri, _, local = key[1:].rpartition("}")
            out.append(
                f" xmlns:ns{declared}={quote_attr(uri)} ns{declared}:{local}={quote_attr(value)}"
            )
            declared += 1
