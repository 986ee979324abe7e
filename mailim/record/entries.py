"""What is recorded, and how it becomes a leaf.

A leaf has a header and a content, both canonical JSON (RFC 8785: sorted keys, no spaces, UTF-8):

    header   {"from":…,"id":…,"kind":…,"refers":…,"time":…,"to":…}
    content  {"body":…,"details":{…},"stanza":…}

`id` is the leaf's number (`seq`), `time` microseconds since 1970-01-01 UTC, `refers` the id of
the leaf this one is about, or null. The hash of a leaf is

    SHA-256(0x00 ‖ header ‖ SHA-256(salt ‖ content))

so the content can be erased with its salt, and neither can it be guessed from its hash nor
does any proof break. The salt is 16 random octets and 16 octets of

    HMAC-SHA-256(K, header ‖ the random octets ‖ SHA-256(content))

where K comes from the record's private key: only the server that has the key can write a
leaf that it takes for its own, also at the end, where no checkpoint speaks of it yet.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any, Final

from mailim.errors import Invalid
from mailim.interfaces.record import Leaf
from mailim.wire.notes import Signer

KINDS: Final = frozenset(
    {
        "message",
        "presence",
        "subscription",
        "login",
        "logout",
        "refusal",
        "operation",
        "disposition",
    }
)
_RANDOM: Final = 16  # octets of the salt that are random; as many are the HMAC
# Within a JSON text no quotation mark stands bare, so this is never part of what was said.
_NO_DETAILS: Final = b',"details":{},"stanza":"'
_canonical = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
).encode


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to record.

    kind: one of KINDS. sender, recipient: bare JIDs or addresses, "" if there is none.
    body: the text of an instant message, or what else is to be found by searching.
    stanza: the stanza as UTF-8 XML with its namespaces. refers: the leaf this is about.
    details: what else there is to say, such as peer, protocol, resource, show.
    """

    kind: str
    sender: str
    recipient: str
    body: str = ""
    stanza: bytes = b""
    refers: int | None = None
    details: Mapping[str, str] = field(default_factory=dict)


class Seal:
    """Makes and checks salts; `key` is `K`, 32 octets."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, signer: Signer) -> Seal:
        """Give the seal that belongs to the record's private key."""
        return cls(signer.derive(b"mailim record salt"))

    def salt(self, header: bytes, content: bytes) -> bytes:
        """Make the salt of a new leaf."""
        random = os.urandom(_RANDOM)
        return random + self._tag(header, random, content)

    def fits(self, header: bytes, salt: bytes, content: bytes) -> bool:
        """Tell whether a leaf's salt was made with this key."""
        random, tag = salt[:_RANDOM], salt[_RANDOM:]
        return hmac.compare_digest(tag, self._tag(header, random, content))

    def _tag(self, header: bytes, random: bytes, content: bytes) -> bytes:
        message = header + random + sha256(content).digest()
        return hmac.digest(self._key, message, "sha256")[:_RANDOM]


class Draft:
    """An entry waiting for its number; raises `Invalid`.

    All work that needs no number is done here, outside of the writer's thread.
    """

    __slots__ = ("_content", "_entry", "_from", "_seal", "_time", "_to")

    def __init__(self, entry: Entry, time: int, seal: Seal) -> None:
        if entry.kind not in KINDS:
            raise Invalid("not a kind of record entry", "kind")
        try:
            self._content = content_of(entry.body, entry.stanza, entry.details)
            self._from = encode_basestring(entry.sender).encode()
            self._to = encode_basestring(entry.recipient).encode()
        except UnicodeError:
            raise Invalid("what is to be recorded is not UTF-8", "stanza") from None
        self._entry = entry
        self._time = time
        self._seal = seal

    def leaf(self, seq: int) -> Leaf:
        """Give the leaf of that number."""
        entry = self._entry
        refers = b"null" if entry.refers is None else b"%d" % entry.refers
        header = b'{"from":%b,"id":%d,"kind":"%b","refers":%b,"time":%d,"to":%b}' % (
            self._from,
            seq,
            entry.kind.encode(),
            refers,
            self._time,
            self._to,
        )
        salt = self._seal.salt(header, self._content)
        inner = sha256(salt + self._content).digest()
        return Leaf(
            seq,
            leaf_hash_of(header, inner),
            header,
            inner,
            salt,
            self._content,
            self._time,
            entry.kind,
            entry.sender,
            entry.recipient,
            entry.refers,
            entry.body,
        )


def leaf_hash_of(header: bytes, inner: bytes) -> bytes:
    """Give the RFC 6962 leaf hash; `inner` has a fixed length, so nothing is ambiguous."""
    return sha256(b"\x00" + header + inner).digest()


def content_of(body: str, stanza: bytes, details: Mapping[str, str]) -> bytes:
    """Give the canonical JSON of a leaf's content; raises UnicodeError."""
    others = _canonical(dict(details)) if details else "{}"
    text, xml = encode_basestring(body), encode_basestring(stanza.decode())
    return f'{{"body":{text},"details":{others},"stanza":{xml}}}'.encode()


def opened(leaf: Leaf) -> dict[str, Any]:
    """Give the content of a leaf: body, details and stanza; empty if erased or damaged."""
    if leaf.content is None:
        return {}
    try:
        content = json.loads(leaf.content)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def details_of(leaf: Leaf) -> dict[str, str]:
    """Give the details of a leaf."""
    if leaf.content is not None and _NO_DETAILS in leaf.content:
        return {}
    details = opened(leaf).get("details")
    return details if isinstance(details, dict) else {}


def damage(leaf: Leaf, seq: int, seal: Seal | None = None) -> str | None:
    """Say what is wrong with a leaf found at place `seq`; None if nothing is.

    Checks everything that can be checked without the tree; with `seal`, also whether the
    server that has the record's key wrote it.
    """
    if not _well_typed(leaf):
        return "a column holds what was never written there"
    header = _canonical(
        {
            "from": leaf.sender,
            "id": seq,
            "kind": leaf.kind,
            "refers": leaf.refers,
            "time": leaf.time,
            "to": leaf.recipient,
        }
    )
    if leaf.hash != leaf_hash_of(leaf.header, leaf.inner):
        return "its header, its inner hash or its hash was changed"
    if leaf.header != header.encode("utf-8", "surrogatepass"):
        return _differing(leaf, seq)
    if leaf.content is None and leaf.salt is None:
        return "it is erased, but has a text for searching" if leaf.body else None
    if leaf.content is None or leaf.salt is None:
        return "it has only one of salt and content"
    if sha256(leaf.salt + leaf.content).digest() != leaf.inner:
        return "its content or its salt was changed"
    if opened(leaf).get("body") != leaf.body:
        return "its text for searching differs from its content"
    if seal is not None and not seal.fits(leaf.header, leaf.salt, leaf.content):
        return "it was not written with this record's key"
    return None


def _well_typed(leaf: Leaf) -> bool:
    """Tell whether every column has its type: SQLite lets anything stand anywhere."""
    octets = (leaf.hash, leaf.header, leaf.inner)
    texts = (leaf.kind, leaf.sender, leaf.recipient, leaf.body)
    return (
        all(type(each) is bytes for each in octets)
        and all(type(each) is str for each in texts)
        and all(each is None or type(each) is bytes for each in (leaf.salt, leaf.content))
        and type(leaf.time) is int
        and (leaf.refers is None or type(leaf.refers) is int)
    )


def _differing(leaf: Leaf, seq: int) -> str:
    """Say which column differs from the header."""
    try:
        header = json.loads(leaf.header)
        found = {
            "from": header["from"] == leaf.sender,
            "kind": header["kind"] == leaf.kind,
            "refers": header["refers"] == leaf.refers,
            "time": header["time"] == leaf.time,
            "to": header["to"] == leaf.recipient,
        }
        id_ = header["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "its header is malformed"
    if id_ != seq:
        return f"it was written as leaf {str(id_)[:30]}: leaves were moved, added or removed"
    wrong = [name for name, same in found.items() if not same]
    return f"column {', '.join(wrong)} differs from its header" if wrong else "its header is odd"
