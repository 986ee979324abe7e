"""The structure of a message as a tree of parts, each known by its offsets in the octets.

It is derived once, when a message is stored, kept as JSON (`Part.to_json`), and answers for
IMAP's BODYSTRUCTURE (RFC 3501 section 7.4.2) and JMAP's EmailBodyPart (RFC 8621 section
4.1.4) without looking at the message again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """One MIME entity; offsets count octets from the beginning of the whole message.

    `path` numbers parts as IMAP does (RFC 3501 section 6.4.5): a message without multipart has
    the one part "1"; the multipart at the top has no number, its path is "". The multipart
    at the top of a message/rfc822 part has that part's path.
    """

    path: str = "1"
    content_type: str = "text/plain"  # lower case
    params: Mapping[str, str] = field(default_factory=dict)  # names in lower case, decoded
    disposition: str | None = None  # lower case
    filename: str | None = None  # decoded and safe, from either header
    cid: str | None = None  # Content-ID without angle brackets
    language: tuple[str, ...] = ()
    location: str | None = None
    description: str | None = None
    encoding: str = "7bit"  # lower case
    charset: str | None = None  # as RFC 8621 section 4.1.4 has it: "us-ascii" if not given
    header_start: int = 0
    body_start: int = 0
    body_end: int = 0
    lines: int = 0  # of the encoded body
    size: int = 0  # octets of the decoded body (of the body as it stands, if a multipart)
    truncated: bool = False  # a limit was reached here: what is deeper or behind is not listed
    children: tuple[Part, ...] = ()
    message: Part | None = None  # what a message/rfc822 part holds

    @property
    def is_multipart(self) -> bool:
        """The type is multipart/*, with or without parts that could be found."""
        return self.content_type.startswith("multipart/")

    @property
    def subtype(self) -> str:
        """What stands behind the slash of the content type."""
        return self.content_type.partition("/")[2]

    def walk(self) -> Iterator[Part]:
        """Yield this part and all below it, also inside message/rfc822, in order."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))
            if part.message is not None:
                waiting.append(part.message)

    def find(self, path: str) -> Part | None:
        """Give the first part of that path in the order of `walk`."""
        return next((part for part in self.walk() if part.path == path), None)

    def to_json(self) -> dict[str, Any]:
        """Give a value for `json.dumps`; what is as by default is left out."""
        value: dict[str, Any] = {"path": self.path, "content_type": self.content_type}
        for name, default in _DEFAULTS.items():
            mine = getattr(self, name)
            if mine != default:
                value[name] = mine
        if self.language:
            value["language"] = list(self.language)
        if self.params:
            value["params"] = dict(self.params)
        if self.children:
            value["children"] = [child.to_json() for child in self.children]
        if self.message is not None:
            value["message"] = self.message.to_json()
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Part:
        """Make the part again from what `to_json` gave; unknown keys are ignored."""
        given = {name: value[name] for name in _NAMES if name in value}
        given["language"] = tuple(given.get("language", ()))
        given["children"] = tuple(map(cls.from_json, given.get("children", ())))
        if given.get("message") is not None:
            given["message"] = cls.from_json(given["message"])
        return cls(**given)


_NAMES = tuple(each.name for each in fields(Part))
_DEFAULTS: dict[str, Any] = {
    name: getattr(Part(), name)
    for name in _NAMES
    if name not in ("language", "params", "children", "message")
}
