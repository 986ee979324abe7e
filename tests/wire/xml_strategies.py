"""Hypothesis strategies for elements, streams and hostile bytes."""

from __future__ import annotations

from hypothesis import strategies as st

from mailim.wire.xml import Element

HEADER = (
    b"<?xml version='1.0'?><stream:stream to='example.test' version='1.0' xml:lang='en'"
    b" xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)

NAMES = st.sampled_from(["message", "body", "x", "a-b.c_d", "é", "_1"])
NAMESPACES = st.sampled_from(
    [
        "",
        "jabber:client",
        "http://etherx.jabber.org/streams",
        "http://www.w3.org/XML/1998/namespace",
        "urn:x&<>\"'",
        "urn:é",
    ]
)
# All that XML 1.0 allows, the awkward ones often.
TEXTS = st.text(
    st.sampled_from("\t\n\r &<>\"']]>é\u2028\ufffd\U0010ffff")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
        lambda char: char >= " " or char in "\t\n\r"
    ),
    max_size=20,
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        ["to", "id", "xml:lang", "{urn:q}to", "{urn:r}to", "{http://etherx.jabber.org/streams}to"]
    ),
    TEXTS,
    max_size=4,
)


def _element(children: st.SearchStrategy[Element | str]) -> st.SearchStrategy[Element]:
    return st.builds(
        lambda name, ns, attrs, below: Element(name, ns, attrs, *below),
        NAMES,
        NAMESPACES,
        ATTRIBUTES,
        st.lists(children, max_size=4),
    )


ELEMENTS: st.SearchStrategy[Element] = _element(
    TEXTS | st.recursive(_element(TEXTS), lambda below: _element(below | TEXTS), max_leaves=8)
)

# Pieces that look enough like XML to get past the first byte.
_SCRAPS = st.sampled_from(
    [
        b"<a>", b"</a>", b"<a/>", b"<b x='1'>", b"</b>", b"<a b='", b"'", b">", b"<", b"&", b"]]>",
        b"&amp;", b"&#0;", b"&#65;", b"&#xfffe;", b"&x;", b"<!--", b"-->", b"<?", b"?>",
        b"<![CDATA[", b"<!DOCTYPE a [", b"<!ENTITY x 'y'>", b"<?xml version='1.0'?>", b"<p:a/>",
        b"<xml:a/>", b"<a xmlns='urn:x'>", b"<a xmlns:p='urn:p' p:x=''/>", b"<a xmlns:p=''/>",
        b"<a xmlns='a}b'/>", b"</stream:stream>", HEADER, b" ", b"\r", b"\n", b"text", b"\x00",
        b"\xc3\xa9", b"\xc3", b"\xa9", b"\xe2\x82", b"\xed\xa0\x80", b"\xef\xbf\xbf", b"\xff",
        b"\xfe", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"\xc0\x80",
    ]
)  # fmt: skip
HOSTILE = st.builds(
    bytes.__add__,
    st.sampled_from([b"", HEADER, HEADER + b"<a/>", b"<s>"]),
    st.lists(_SCRAPS | st.binary(max_size=4), max_size=12).map(b"".join),
)
