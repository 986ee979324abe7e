"""XMPP streams to elements, on expat, with every limit explicit.

Bytes go in as they arrive; stream header, whole stanzas and stream end come out. What
RFC 6120 section 11.1 forbids (comments, processing instructions, DTDs, entities) and what
goes over a limit ends the stream with the named stream error. How the bytes are cut into
pieces makes no difference to what comes out, errors included.

Two properties of expat shape the code. It scans an unfinished tag from its beginning on
every arrival, so tags have a limit of their own. And it keeps each name it ever saw until
the parser is freed, so a stream gets a fresh parser now and then, between two stanzas.
"""

from __future__ import annotations

import codecs
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from xml.parsers import expat

from mailim.wire import ns as namespace
from mailim.wire.xml.element import Element
from mailim.wire.xml.limits import XmlLimits, XmlStreamError
from mailim.wire.xml.refusals import check_declaration, refuse, refuse_expat_error
from mailim.wire.xml.writer import quote_attr

# Separates namespace and local name in what expat reports. No URI and no XML name holds it
# (expat refuses a namespace name that does), so the last one is always the separator.
_SEPARATOR: Final = "}"
_XML_PREFIX: Final = namespace.XML + _SEPARATOR
_CACHED_NAME: Final = 128
_CACHED_NAMES: Final = 1024
# A fresh parser after so many bytes: at the worst, names of a few bytes each, expat keeps
# about ten times as much as it read.
_RENEW_BYTES: Final = 256 * 1024
# Expat's default, 8 KiB, would be a third of what an idle stream costs.
_TEXT_BUFFER: Final = 1024
# So many pieces of one text are joined, lest an arrival of single bytes costs a string each.
_TEXT_PIECES: Final = 64
_TAG_NAME: Final = re.compile(rb"<([^\s/>]+)")
_WHITE_SPACE: Final = b" \t\r\n"
_TEXT_OUTSIDE: Final = "There is text outside of a stanza."


@dataclass(frozen=True, slots=True)
class StreamOpen:
    """The peer's opening tag: its name and namespace, attributes, and default namespace.

    Whether they are right (RFC 6120 section 4.9.3.10, invalid-namespace) is the reader's to say.
    """

    name: str
    ns: str
    attrs: dict[str, str]
    default_ns: str


@dataclass(frozen=True, slots=True)
class StreamClose:
    """The peer's closing tag."""


StreamEvent = StreamOpen | Element | StreamClose


class StreamParser:
    """Parser of one stream in one direction, for one connection.

    A stream restart (after TLS or SASL) takes a new parser.
    """

    def __init__(self, limits: XmlLimits) -> None:
        self._short = 0
        self.limits = limits
        self._events: list[StreamEvent] = []
        self._stack: list[Element] = []
        self._text: list[str] = []
        self._open = False
        self._closed = False
        self._count = 0
        self._error: XmlStreamError | None = None
        self._root = ""
        self._root_prefixes: list[tuple[str | None, str | None]] = []
        # Offsets in the stream: bytes parsed; where the limited thing that is being received
        # began (header, stanza, white space); where expat's unfinished token began; what the
        # first byte of this parser is; when to renew it.
        self._fed = 0
        self._mark = 0
        self._token = 0
        self._base = 0
        self._renew_at = _RENEW_BYTES
        # The last two bytes of an unfinished token; the beginning of an unfinished character.
        self._tail = b""
        self._partial = b""
        self._parser: expat.XMLParserType | None = self._new_parser()
        self._parser.StartNamespaceDeclHandler = self._on_declaration

    @property
    def limits(self) -> XmlLimits:
        """What holds from the next byte on; may be set between two calls of `feed`."""
        return self._limits

    @limits.setter
    def limits(self, limits: XmlLimits) -> None:
        self._limits = limits
        # A name of so many characters is within the limit, and worth caching.
        self._short = min(_CACHED_NAME, limits.name_bytes // 4)

    @property
    def idle(self) -> bool:
        """True between stanzas, with nothing half received.

        Anything else behind a STARTTLS request was injected before TLS.
        """
        return self._between() and not self._partial

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Parse what arrived; return what became complete.

        Raises XmlStreamError, whose `events` holds what was complete before the error; the
        parser is then at its end, and feeding more raises the same error without events.
        After `close` nothing is returned any more.
        """
        if self._error is not None:
            raise XmlStreamError(self._error.condition, self._error.text)
        if self._parser is None:
            return []
        try:
            self._feed(data)
        except XmlStreamError as error:
            # The one raised carries a traceback, and with it everything.
            self._error = XmlStreamError(error.condition, error.text)
            error.events, self._events = self._events, []
            self.close()
            raise
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Let go of the parser (it and this object refer to each other)."""
        self._parser = None
        self._stack.clear()
        self._text.clear()

    def _between(self) -> bool:
        """True when expat is between two stanzas, with all that it was given used up."""
        return self._open and not self._stack and self._token == self._fed

    def _feed(self, data: bytes) -> None:
        """Pass on whole UTF-8 characters; expat is vague about what is wrong with others."""
        if self._partial or not data.isascii():
            data = self._partial + data
            try:
                _, size = codecs.utf_8_decode(data, "strict", False)
            except UnicodeDecodeError as error:
                self._feed_characters(data[: error.start])
                # RFC 6120 section 4.9.3.22: also for what violates UTF-8.
                refuse("unsupported-encoding")
            self._partial = data[size:]
            data = data[:size]
        self._feed_characters(data)

    def _feed_characters(self, data: bytes) -> None:
        if self._fed == 0:
            data = self._first(data)
        if self._fed < 2:
            self._check_start(data)
        position, end = 0, len(data)
        while position < end:
            # What may still come before the stanza or the tag is too large.
            limits = self._limits
            room = self._mark + limits.stanza_bytes
            if room > (tag_room := self._token + limits.tag_bytes):
                room = tag_room
            room -= self._fed
            if room <= 0:
                refuse("policy-violation", "A stanza or tag is larger than allowed here.")
            due = self._fed >= self._renew_at
            if due:
                # Stop where a stanza may end, to find the moment between two.
                room = min(room, (data.find(b">", position) + 1 or end) - position)
            whole = room >= end and position == 0
            self._parse(data if whole else data[position : position + room])
            position += room
            if due and self._between() and not self._closed:
                self._renew()

    def _first(self, data: bytes) -> bytes:
        """Return the data without leading white space.

        COMPAT: clients end their last element before a stream restart with a line break.
        """
        rest = data.lstrip(_WHITE_SPACE)
        self._mark -= len(data) - len(rest)
        if -self._mark > self.limits.stanza_bytes:
            refuse("policy-violation", "There is too much white space.")
        return rest

    def _check_start(self, data: bytes) -> None:
        """Refuse what expat would take for UTF-16, even though it has been told UTF-8."""
        start = (self._tail + data)[:2]
        if start[:1] == b"\0" or start == b"<\0":
            refuse("unsupported-encoding")
        if start and start[:1] not in (b"<", b"\xef"):
            refuse("not-well-formed")

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        assert parser is not None  # noqa: S101
        try:
            parser.Parse(data, False)
        except expat.ExpatError as error:
            parser.buffer_text = False  # hands over the text it still holds
            self._check_text()
            if self._closed:
                refuse("not-well-formed", "The stream had been closed.")
            before = self._tail + data[: max(0, self._base + parser.ErrorByteIndex - self._fed)]
            if not self._stack and self._open and before.endswith(b"]]"):
                # The one sequence that makes expat keep the text before it to itself.
                refuse("invalid-xml", _TEXT_OUTSIDE)
            refuse_expat_error(error)
        self._fed = fed = self._fed + len(data)
        self._token = token = self._base + parser.CurrentByteIndex
        if token != fed:
            self._tail = (self._tail + data)[-2:]
        if self._text:
            self._check_text()
            if len(self._text) > _TEXT_PIECES:
                self._text[:] = ["".join(self._text)]

    def _new_parser(self) -> expat.XMLParserType:
        # No interning (None): expat's binding would keep every name in a dictionary.
        parser = expat.ParserCreate("UTF-8", _SEPARATOR, None)
        parser.buffer_size = _TEXT_BUFFER
        parser.buffer_text = True
        if hasattr(parser, "SetReparseDeferralEnabled"):
            # Else expat >= 2.6 holds back a finished stanza when its tags come in pieces.
            parser.SetReparseDeferralEnabled(False)
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._text.append
        parser.StartCdataSectionHandler = self._on_cdata
        parser.XmlDeclHandler = check_declaration
        parser.StartDoctypeDeclHandler = self._on_restricted
        parser.EntityDeclHandler = self._on_restricted
        parser.CommentHandler = self._on_restricted
        parser.ProcessingInstructionHandler = self._on_restricted
        return parser

    def _renew(self) -> None:
        """Replace the parser, between two stanzas, by one that has seen the opening tag only."""
        header = [f"<{self._root}"]
        for prefix, uri in self._root_prefixes:
            name = f"xmlns:{prefix}" if prefix else "xmlns"
            header.append(f" {name}={quote_attr(uri or '')}")
        header.append(">")
        text = "".join(header).encode()
        parser = self._new_parser()
        parser.StartElementHandler = None
        parser.Parse(text, False)
        parser.StartElementHandler = self._on_start
        self._parser = parser
        self._base = self._fed - len(text)
        self._renew_at = self._fed + _RENEW_BYTES

    def _offset(self) -> int:
        """Offset in the stream of what expat is looking at."""
        assert self._parser is not None  # noqa: S101
        return self._base + self._parser.CurrentByteIndex

    def _on_declaration(self, prefix: str | None, uri: str | None) -> None:
        self._root_prefixes.append((prefix, uri))

    def _on_cdata(self) -> None:
        if not self._stack:
            refuse("invalid-xml", _TEXT_OUTSIDE)

    def _on_restricted(self, *_: object) -> None:
        self._check_text()
        refuse(
            "restricted-xml",
            "Comments, processing instructions and document types are not allowed.",
        )

    def _on_start(self, qname: str, attrs: dict[str, str]) -> None:
        # This and _on_end are the hot path: no calls that can be spared.
        short, limits, stack = self._short, self._limits, self._stack
        if self._text:
            self._take_text()
        name, ns = _split_cached(qname) if len(qname) <= short else self._split(qname)
        if attrs:
            if len(attrs) > limits.attributes:
                refuse("policy-violation", "An element has too many attributes.")
            for key in attrs:
                if _SEPARATOR in key or len(key) > short:
                    attrs = self._attributes(attrs)
                    break
        element = _new_element(Element)
        element.name = name
        element.ns = ns
        element.attrs = attrs
        element.children = []
        if stack:
            self._count = count = self._count + 1
            if count > limits.children:
                refuse("policy-violation", "A stanza has too many elements.")
            if len(stack) >= limits.depth:
                refuse("policy-violation", "Elements are nested too deep.")
            stack[-1].children.append(element)
        else:
            self._count = 0
            self._mark = self._offset()
            if not self._open:
                self._opened(element)
                return
        stack.append(element)

    def _opened(self, root: Element) -> None:
        assert self._parser is not None  # noqa: S101
        self._open = True
        self._parser.StartNamespaceDeclHandler = None
        declared = dict(self._root_prefixes)
        default_ns = declared.get(None) or ""
        # The name as it was written: the closing tag has to match it.
        tag = (self._parser.GetInputContext() or b"")[: self.limits.tag_bytes]
        written = _TAG_NAME.match(tag)
        if written:
            self._root = written[1].decode()
        else:  # an expat built without context: the parser cannot be renewed
            self._renew_at = sys.maxsize
        self._events.append(StreamOpen(root.name, root.ns, root.attrs, default_ns))

    def _on_end(self, qname: str) -> None:
        if self._text:
            self._take_text()
        stack = self._stack
        if len(stack) > 1:
            stack.pop()
            return
        self._mark = self._offset()
        if stack:
            self._events.append(stack.pop())
        else:
            self._closed = True
            self._events.append(StreamClose())

    def _take_text(self) -> None:
        text = self._text
        if self._stack:
            self._stack[-1].children.append(text[0] if len(text) == 1 else "".join(text))
            text.clear()
        else:
            self._check_text()

    def _check_text(self) -> None:
        """Between stanzas there is white space only; forget it."""
        if self._stack:
            return
        if any(piece.strip(" \t\r\n") for piece in self._text):
            refuse("invalid-xml", _TEXT_OUTSIDE)
        self._text.clear()

    def _split(self, qname: str) -> tuple[str, str]:
        """Return local name and namespace name."""
        if len(qname) <= self._short:
            return _split_cached(qname)
        limit = self._limits.name_bytes
        if len(qname) > limit or len(qname.encode()) > limit:
            refuse("policy-violation", "A name is too long.")
        return _split_name(qname)

    def _attributes(self, attrs: dict[str, str]) -> dict[str, str]:
        """Return the attributes with the namespaced ones renamed as Element wants them."""
        renamed = {}
        for key, value in attrs.items():
            name, ns = self._split(key)
            if ns == namespace.XML:
                name = f"xml:{name}"
            elif ns:
                name = f"{{{ns}}}{name}"
            renamed[name] = value
        return renamed


def _split_name(qname: str) -> tuple[str, str]:
    ns, _, name = qname.rpartition(_SEPARATOR)
    return name, ns


_split_cached = lru_cache(_CACHED_NAMES)(_split_name)
_new_element = Element.__new__
