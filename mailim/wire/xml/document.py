"""One standalone element from one message: the frames of RFC 7395, what is read from disk."""

from __future__ import annotations

import sys
from xml.parsers import expat

from mailim.wire.xml.element import Element
from mailim.wire.xml.limits import XmlLimits, XmlStreamError
from mailim.wire.xml.parser import StreamParser
from mailim.wire.xml.refusals import refuse, refuse_expat_error


class _DocumentParser(StreamParser):
    """A parser whose root element is the stanza, instead of a stream around it."""

    def __init__(self, limits: XmlLimits) -> None:
        super().__init__(limits)
        assert self._parser is not None  # noqa: S101
        self._parser.StartNamespaceDeclHandler = None
        self._open = True
        self._renew_at = sys.maxsize

    def finish(self) -> None:
        """Declare that the document has ended."""
        assert self._parser is not None  # noqa: S101
        if self._partial:
            refuse("unsupported-encoding")
        try:
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            refuse_expat_error(error)


def parse_document(data: bytes | str, limits: XmlLimits) -> Element:
    """Parse one standalone element, such as a frame of RFC 7395 (section 3.3.3).

    Raises XmlStreamError as StreamParser.feed does, always without events.
    """
    if isinstance(data, str):
        try:
            data = data.encode()
        except UnicodeEncodeError:
            refuse("unsupported-encoding")
    parser = _DocumentParser(limits)
    try:
        events = parser.feed(data)
        parser.finish()
    except XmlStreamError as error:
        error.events = []
        raise
    finally:
        parser.close()
    (element,) = events
    assert isinstance(element, Element)  # noqa: S101
    return element
