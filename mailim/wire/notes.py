"""Signed notes and log checkpoints, without I/O (C2SP signed-note and tlog-checkpoint).

A note is a text that ends in a newline, an empty line, and signature lines:

    — <key name> <base64 of the 4 octets of the key id and the signature>

A checkpoint is a note whose text has three lines: the origin (name of the log), the number
of leaves, the root in base64. Any witness may add its own signature line below ours; lines
of keys we do not know are skipped. Only Ed25519 (signature type 0x01) is made and checked.

A public key travels as one line, a *vkey*: `<key name>+<key id in hex>+<base64 of 0x01 and
the key>`, as other programs for such logs read it.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailim.wire.merkle import HASH_BYTES

MAX_NOTE: Final = 65_536
"""Characters of a note."""
MAX_SIGNATURES: Final = 64
"""Signature lines of a note."""
MAX_SIZE: Final = 2**63 - 1
"""Leaves a checkpoint may speak of."""

_ED25519: Final = b"\x01"
_DASH: Final = "— "
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteError(ValueError):
    """A note or key is malformed, or not signed by the key it should be signed by."""


class NotSigned(NoteError):
    """A well-formed note without a good signature of the key in question."""


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint states: the first `size` leaves of the log `origin` have this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Give the note text to sign."""
        return f"{self.origin}\n{self.size}\n{_to_base64(self.root)}\n"


class Verifier:
    """A name and a public key that notes are checked with."""

    def __init__(self, name: str, key: Ed25519PublicKey) -> None:
        if not _NAME.fullmatch(name):
            raise NoteError("a key's name has no space and no plus sign")
        self.name = name
        self._key = key
        self._raw = _ED25519 + key.public_bytes_raw()
        self._id = sha256(name.encode() + b"\n" + self._raw).digest()[:4]

    def __repr__(self) -> str:
        return f"<Verifier {self.vkey}>"

    @classmethod
    def from_vkey(cls, line: str) -> Verifier:
        """Read a vkey line; raises `NoteError`."""
        name, id_, key = [*line.strip().split("+", 2), "", ""][:3]
        raw = _from_base64(key) or b""
        if len(raw) != 33 or raw[:1] != _ED25519:
            raise NoteError("not the public key of a log (an Ed25519 vkey)")
        verifier = cls(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
        if id_ != verifier.key_id.hex():
            raise NoteError("the key's id does not fit the key: it was changed or mistyped")
        return verifier

    @property
    def key_id(self) -> bytes:
        """The 4 octets that, with the name, say which key signed."""
        return self._id

    @property
    def vkey(self) -> str:
        """The public key as one line, without newline."""
        return f"{self.name}+{self._id.hex()}+{_to_base64(self._raw)}"

    def open(self, note: str) -> str:
        """Give the text of a note signed by this key; raises `NoteError`."""
        text, lines = _split(note)
        found = False
        for line in lines:
            name, signature = _signature(line)
            if name != self.name or not hmac.compare_digest(signature[:4], self._id):
                continue
            try:
                self._key.verify(signature[4:], text.encode())
            except InvalidSignature:
                raise NotSigned("the signature is wrong: the note was changed") from None
            found = True
        if not found:
            raise NotSigned("the note is not signed by this log's key")
        return text

    def open_checkpoint(self, note: str) -> TreeHead:
        """Give what a checkpoint signed by this key states; raises `NoteError`."""
        head = parse_checkpoint(self.open(note))
        if head.origin != self.name:
            raise NoteError("the checkpoint speaks of another log")
        return head


class Signer:
    """A name and a private key that notes are signed with."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.verifier = Verifier(name, key.public_key())
        self._key = key

    def __repr__(self) -> str:
        return f"<Signer {self.verifier.vkey}>"

    @classmethod
    def from_pem(cls, name: str, pem: bytes) -> Signer:
        """Read an unencrypted PKCS #8 private key; raises `NoteError`."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            raise NoteError("not an unencrypted PEM private key") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise NoteError("not an Ed25519 key")
        return cls(name, key)

    @property
    def name(self) -> str:
        """The key's name, which is also the origin of its checkpoints."""
        return self.verifier.name

    def renamed(self, name: str) -> Signer:
        """Give the same key under another name; raises `NoteError`."""
        return Signer(name, self._key)

    def derive(self, purpose: bytes) -> bytes:
        """Give 32 secret octets for another purpose, the same for the same private key."""
        return hmac.digest(self._key.private_bytes_raw(), purpose, "sha256")

    def sign(self, text: str) -> str:
        """Give a note of a text that ends in a newline; raises `NoteError`."""
        if not text.endswith("\n") or _controls(text):
            raise NoteError("a note's text ends in a newline and has no control characters")
        signature = self.verifier.key_id + self._key.sign(text.encode())
        return f"{text}\n{_DASH}{self.name} {_to_base64(signature)}\n"

    def checkpoint(self, size: int, root: bytes) -> str:
        """Give the signed checkpoint of a log of this name."""
        return self.sign(TreeHead(self.name, size, root).text())


def parse_checkpoint(text: str) -> TreeHead:
    """Read the text of a checkpoint note; extension lines are skipped; raises `NoteError`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise NoteError("not a checkpoint: it needs origin, size and root, a line each")
    origin, size, root = lines[:3]
    hash_ = _from_base64(root)
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
        raise NoteError("the checkpoint's second line is not a number of leaves")
    if hash_ is None or len(hash_) != HASH_BYTES:
        raise NoteError("the checkpoint's third line is not a SHA-256 in base64")
    return TreeHead(origin, int(size), hash_)


def split_notes(text: str) -> list[str]:
    """Cut a file of checkpoints, one after the other, into notes; nothing is checked.

    A note ends with the last of its signature lines. What is no whole note (a torn write) is
    given as it stands, up to the next empty line that no signature follows.
    """
    notes: list[str] = []
    current: list[str] = []
    for line in text.splitlines(keepends=True):
        signature = line.startswith(_DASH)
        last = current[-1] if current else ""
        if current and not signature and (last.startswith(_DASH) or not last.strip()):
            notes.append("".join(current))
            current = []
        if current or line.strip():
            current.append(line)
    if current:
        notes.append("".join(current))
    return notes


def _split(note: str) -> tuple[str, list[str]]:
    """Cut a note into its text and its signature lines."""
    if len(note) > MAX_NOTE:
        raise NoteError("the note is too long")
    if not note.endswith("\n") or _controls(note):
        raise NoteError("not a signed note")
    text, empty, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")[:-1]
    if not empty or not lines or len(lines) > MAX_SIGNATURES:
        raise NoteError("not a signed note: it needs an empty line and signatures below it")
    return text + "\n", lines


def _signature(line: str) -> tuple[str, bytes]:
    """Read a signature line: the key's name, and key id and signature."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    data = _from_base64(encoded)
    if not line.startswith(_DASH) or not space or not _NAME.fullmatch(name):
        raise NoteError("a line below the note's text is not a signature")
    if data is None or len(data) < 5:
        raise NoteError("a signature of the note is malformed")
    return name, data


def _controls(text: str) -> bool:
    """Tell whether a text has what no note may have: controls, or what is not UTF-8."""
    return any((char < " " and char != "\n") or "\ud800" <= char <= "\udfff" for char in text)


def _from_base64(text: str) -> bytes | None:
    """Give what base64 text stands for; None unless it is the one way to write it."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:  # also for characters outside of ASCII
        return None
    return data if _to_base64(data) == text else None


def _to_base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
