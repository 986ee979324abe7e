"""XMPP's XML without I/O: elements, a parser with limits for streams and frames, a serialiser."""

from mailim.wire.xml.document import parse_document
from mailim.wire.xml.element import Element
from mailim.wire.xml.limits import AFTER_AUTH, BEFORE_AUTH, XmlLimits, XmlStreamError
from mailim.wire.xml.parser import (
    StreamClose,
    StreamEvent,
    StreamOpen,
    StreamParser,
)
from mailim.wire.xml.writer import (
    STREAM_CLOSE,
    Copies,
    escape,
    quote_attr,
    serialise,
    serialise_stream_open,
)

__all__ = [
    "AFTER_AUTH",
    "BEFORE_AUTH",
    "STREAM_CLOSE",
    "Copies",
    "Element",
    "StreamClose",
    "StreamEvent",
    "StreamOpen",
    "StreamParser",
    "XmlLimits",
    "XmlStreamError",
    "escape",
    "parse_document",
    "quote_attr",
    "serialise",
    "serialise_stream_open",
]
