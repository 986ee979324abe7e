"""Which stream error ends a stream, and why: expat's errors in the terms of RFC 6120."""

from __future__ import annotations

from typing import Final, NoReturn
from xml.parsers import expat

from mailim.wire.xml.limits import XmlStreamError

UTF8_NAMES: Final = frozenset({"utf-8", "utf8"})
_CONDITIONS: Final[dict[str, str]] = {
    expat.errors.XML_ERROR_UNDEFINED_ENTITY: "restricted-xml",
    expat.errors.XML_ERROR_RECURSIVE_ENTITY_REF: "restricted-xml",
    expat.errors.XML_ERROR_ASYNC_ENTITY: "restricted-xml",
    expat.errors.XML_ERROR_BINARY_ENTITY_REF: "restricted-xml",
    expat.errors.XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF: "restricted-xml",
    expat.errors.XML_ERROR_UNKNOWN_ENCODING: "unsupported-encoding",
    expat.errors.XML_ERROR_INCORRECT_ENCODING: "unsupported-encoding",
    expat.errors.XML_ERROR_PARTIAL_CHAR: "unsupported-encoding",
    expat.errors.XML_ERROR_UNBOUND_PREFIX: "bad-namespace-prefix",
    expat.errors.XML_ERROR_UNDECLARING_PREFIX: "bad-namespace-prefix",
    expat.errors.XML_ERROR_RESERVED_PREFIX_XML: "bad-namespace-prefix",
    expat.errors.XML_ERROR_RESERVED_PREFIX_XMLNS: "bad-namespace-prefix",
    expat.errors.XML_ERROR_RESERVED_NAMESPACE_URI: "bad-namespace-prefix",
}
_TEXTS: Final = {
    "restricted-xml": "Only the predefined entities are allowed.",
    "unsupported-encoding": "The stream must be valid UTF-8.",
    "bad-namespace-prefix": "A namespace prefix is not declared or is reserved.",
    "not-well-formed": "The XML is not well-formed.",
}


def refuse(condition: str, text: str = "") -> NoReturn:
    """Raise the stream error of that condition (RFC 6120 section 4.9.3)."""
    raise XmlStreamError(condition, text or _TEXTS[condition])


def refuse_expat_error(error: expat.ExpatError) -> NoReturn:
    """Raise the stream error for an error of expat."""
    refuse(_CONDITIONS.get(expat.ErrorString(error.code), "not-well-formed"))


def check_declaration(version: str, encoding: str | None, standalone: int) -> None:
    """Refuse an XML declaration of anything but XML 1.0 in UTF-8 (RFC 6120 section 11.5, 11.6)."""
    if encoding is not None and encoding.lower() not in UTF8_NAMES:
        refuse("unsupported-encoding")
    if version != "1.0":
        refuse("not-well-formed", "The stream must be XML 1.0.")
