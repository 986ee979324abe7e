"""One EmailBodyPart a client creates (RFC 8621 sections 4.1.4 and 4.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mailim.protocols.jmap.email_create_headers import (
    Fields,
    Wrong,
    is_header,
    is_text,
    read_header,
    strings,
)
from mailim.protocols.jmap.limits import MAX_ID, JmapLimits
from mailim.wire.compose_fields import ComposeError, check_text, ids_field, word_field
from mailim.wire.compose_parts import Entity
from mailim.wire.encoded_words import unfold
from mailim.wire.parameters import content_type, disposition

_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}/[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127}")
_TOKEN: Final = re.compile(r"[!#$&+.^_`|~0-9A-Za-z-]{1,60}")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9-]{1,60}")
_MAX_NAME: Final = 255  # characters of a file's name
_PROPERTIES: Final = frozenset(
    {
        "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language",
        "location", "subParts",
    }
)  # fmt: skip
# Which field of the header each property writes; one of them in the header's own form as well
# would be the same field twice.
_WRITES: Final = {
    "type": "content-type",
    "charset": "content-type",
    "name": "content-disposition",
    "disposition": "content-disposition",
    "cid": "content-id",
    "language": "content-language",
    "location": "content-location",
}


@dataclass(slots=True)
class Parts:
    """What all parts of one Email share: its texts, what it needs, what is wrong."""

    texts: Mapping[str, str]  # by partId
    limits: JmapLimits
    wrong: Wrong
    blobs: dict[str, list[Entity]] = field(default_factory=dict)  # who waits for which
    count: int = 0
    text_octets: int = 0

    def read(self, value: Any, path: str, default: str = "", depth: int = 1) -> Entity | None:
        """Read a part and those in it; None where something is wrong.

        `default` is its type if it says none.
        """
        self.count += 1
        if not isinstance(value, dict):
            self.wrong.add(path, "a body part is an object")
        elif depth > self.limits.created_depth:
            self.wrong.add(path, "parts are nested too deep")
        elif self.count > self.limits.created_parts:
            self.wrong.add(path.split("/")[0], "there are too many parts")
        else:
            return _Reading(self, value, path, default).run(depth)
        return None


class _Reading:
    def __init__(self, parts: Parts, value: dict[str, Any], path: str, default: str) -> None:
        self._parts = parts
        self._value = value
        self._path = path
        self._default = default
        self._params: dict[str, str] = {}
        self._where_params: dict[str, str] = {}
        self._fields: Fields = {}

    def run(self, depth: int) -> Entity | None:
        before = len(self._parts.wrong.properties)
        given = {name: each for name, each in self._value.items() if each is not None}
        for name in given:
            if name == "headers" or not (name in _PROPERTIES or is_header_of_part(name)):
                self._wrong(name, "a part that is created has no such property")
        self._read_headers(given)
        entity = Entity(self._type(given), self._params)
        entity.disposition = self._disposition(given)
        entity.disposition_params = self._where_params
        self._name(given, entity)
        self._simple(given)
        entity.fields = [each for fields in self._fields.values() for each in fields]
        if entity.content_type.startswith("multipart/"):
            self._multipart(given, entity, depth)
        else:
            self._leaf(given, entity)
        return entity if len(self._parts.wrong.properties) == before else None

    def _wrong(self, name: str, text: str) -> None:
        self._parts.wrong.add(f"{self._path}/{name}", text)

    def _taken(self, name: str, check: Callable[[Any], bytes]) -> None:
        try:
            self._fields.setdefault(_WRITES[name], []).append(check(self._value[name]))
        except ComposeError as error:
            self._wrong(name, str(error))

    # The header

    def _read_headers(self, given: Mapping[str, Any]) -> None:
        taken = {_WRITES[name]: name for name in given if name in _WRITES}
        for name in given:
            if is_header_of_part(name):
                key = name.split(":")[1].lower()
                if key == "content-transfer-encoding":
                    self._wrong(name, "the server writes it")
                elif key in taken:
                    self._wrong(name, f"{taken[key]} is the same field")
                else:
                    path = f"{self._path}/{name}"
                    read_header(name, given[name], path, self._fields, self._parts.wrong)

    def _type(self, given: Mapping[str, Any]) -> str:
        """Give the type; its parameters as far as they are ours to write."""
        kind = self._default or ("multipart/mixed" if "subParts" in given else "text/plain")
        for raw in self._fields.pop("content-type", ()):
            found = content_type(unfold(raw.partition(b":")[2]))
            if found is None:
                self._wrong(self._named("content-type"), "that is no content type")
            else:
                kind, params = found
                self._params |= self._ours(params, "content-type", ("boundary",))
        if "type" in given:
            if isinstance(given["type"], str) and _TYPE.fullmatch(given["type"]):
                return given["type"].lower()
            self._wrong("type", "a media type without parameters is needed")
        return kind

    def _disposition(self, given: Mapping[str, Any]) -> str | None:
        where: str | None = None
        for raw in self._fields.pop("content-disposition", ()):
            where, params = disposition(unfold(raw.partition(b":")[2]))
            self._where_params |= self._ours(params, "content-disposition", ())
        word = given.get("disposition")
        if word is None:
            return where
        if isinstance(word, str) and _TOKEN.fullmatch(word):
            return word.lower()
        self._wrong("disposition", "a word such as attachment or inline is needed")
        return None

    def _ours(self, params: Mapping[str, str], key: str, but: Iterable[str]) -> dict[str, str]:
        for name in params:
            if not _TOKEN.fullmatch(name):
                self._wrong(self._named(key), "a parameter has no proper name")
                return {}
        return {name: value for name, value in params.items() if name not in but}

    def _named(self, key: str) -> str:
        return next(
            name
            for name in self._value
            if name.startswith("header:") and name.split(":")[1].lower() == key
        )

    def _name(self, given: Mapping[str, Any], entity: Entity) -> None:
        name = given.get("name")
        if name is None:
            return
        try:
            if not is_text(name) or len(name) > _MAX_NAME:
                raise ComposeError(f"a name has up to {_MAX_NAME} characters")
            check_text(name)
        except ComposeError as error:
            self._wrong("name", str(error))
        else:
            if entity.disposition is None:
                self._params["name"] = name
            else:
                self._where_params["filename"] = name

    def _simple(self, given: Mapping[str, Any]) -> None:
        if "cid" in given:
            self._taken("cid", lambda value: ids_field("Content-ID", strings([value])))
        if "language" in given:
            self._taken("language", _language)
        if "location" in given:
            self._taken("location", _location)

    # What is in it

    def _multipart(self, given: Mapping[str, Any], entity: Entity, depth: int) -> None:
        for name in ("partId", "blobId", "charset", "size"):
            if name in given:
                self._wrong(name, "a multipart has none")
        parts = given.get("subParts")
        if not isinstance(parts, list) or not parts:
            self._wrong("subParts", "a multipart has an array of parts")
            return
        # The type of entities in a multipart/digest, RFC 2046 section 5.1.5.
        default = "message/rfc822" if entity.content_type == "multipart/digest" else ""
        read = [
            self._parts.read(each, f"{self._path}/subParts/{place}", default, depth + 1)
            for place, each in enumerate(parts[: self._parts.limits.created_parts + 1])
        ]
        entity.children = [each for each in read if each is not None]

    def _leaf(self, given: Mapping[str, Any], entity: Entity) -> None:
        if "subParts" in given:
            self._wrong("subParts", f"{entity.content_type} has none")
        if "partId" in given and "blobId" in given:
            self._wrong("blobId", "either partId or blobId is given")
        elif "partId" in given:
            self._text(given, entity)
        elif "blobId" in given:
            self._blob(given, entity)
        else:
            self._wrong("partId", "either partId or blobId is needed")

    def _text(self, given: Mapping[str, Any], entity: Entity) -> None:
        for name in ("charset", "size"):
            if name in given:
                self._wrong(name, "not with a partId")
        text = self._parts.texts.get(given["partId"]) if is_text(given["partId"]) else None
        if text is None:
            self._wrong("partId", "bodyValues has no such text")
            return
        if not entity.content_type.startswith("text/"):
            self._wrong("type", "only a text can stand in bodyValues")
        entity.text = text
        self._params["charset"] = "utf-8"
        self._parts.text_octets += len(text)

    def _blob(self, given: Mapping[str, Any], entity: Entity) -> None:
        blob = given["blobId"]
        if not isinstance(blob, str) or not 0 < len(blob) <= MAX_ID:
            self._wrong("blobId", "an id is needed")
            return
        charset = given.get("charset")
        if charset is not None:
            if not isinstance(charset, str) or not _TOKEN.fullmatch(charset):
                self._wrong("charset", "that is no name of a charset")
            elif entity.content_type.startswith("text/"):
                self._params["charset"] = charset
        self._parts.blobs.setdefault(blob, []).append(entity)


def is_header_of_part(property: str) -> bool:
    """Tell whether a property stands for a field; parts have no convenient ones."""
    return is_header(property) and property.startswith("header:")


def _language(value: Any) -> bytes:
    tags = strings(value)
    if not tags or not all(map(_LANGUAGE.fullmatch, tags)):
        raise ComposeError("language tags are needed")
    return word_field("Content-Language", _with_commas(tags))


def _location(value: Any) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,900}", value):
        raise ComposeError("a URI of up to 900 characters is needed")
    return word_field("Content-Location", [value])


def _with_commas(words: Sequence[str]) -> list[str]:
    return [*(f"{each}," for each in words[:-1]), words[-1]]
