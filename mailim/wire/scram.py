"""SCRAM, server side and without I/O (RFC 5802, RFC 7677), with and without channel binding.

The server keeps a `ScramKeys` for each account and mechanism, never a password. One login:

1. `parse_client_first(data, mechanism)` tells the user name;
2. the caller looks up that account's keys (`fake_keys` for an unknown one, so that nobody
   can tell), gets the connection's channel bindings, and makes a `ScramExchange`;
3. `server_first()` is sent as challenge;
4. `finish(client_final)` returns what is sent with success.

Each step raises ScramError, which names the SASL failure to send (RFC 6120 section 6.5).
Comparisons take constant time. Channel binding data comes from the TLS connection, by name:
`tls-exporter` (RFC 9266), `tls-server-end-point` (RFC 5929).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mailim.wire.saslprep import PreparationError, saslprep

MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1")
"""What keys can be made for, strongest first; each also exists with `-PLUS`."""
SALT_BYTES: Final = 16
"""Length of a salt, of new accounts and of fake ones."""

_HASHES: Final = {
    "SCRAM-SHA-1": "sha1",
    "SCRAM-SHA-256": "sha256",
    "SCRAM-SHA-512": "sha512",
}
_MESSAGE_BYTES: Final = 4096
# RFC 5802 section 7. An extension we do not know is ignored; the reserved `m=` is refused,
# since it may only stand where the user name or channel binding has to be.
_EXTENSIONS = r"(?:,[A-Za-z]=[^\x00,]+)*"
_CLIENT_FIRST: Final = re.compile(
    r"(?P<gs2>(?:(?P<flag>[ny])|p=(?P<binding>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>[^\x00,]+))?,)"
    rf"(?P<bare>n=(?P<username>[^\x00,]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+){_EXTENSIONS})"
)
_CLIENT_FINAL: Final = re.compile(
    rf"(?P<bare>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+){_EXTENSIONS})"
    r",p=(?P<proof>[A-Za-z0-9+/=]+)"
)
_NONCE: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_ESCAPE: Final = re.compile("=(2C|3D)?")


class ScramError(Exception):
    """The exchange failed.

    sasl_condition: name of the failure (RFC 6120 section 6.5), such as `not-authorized`.
    text: a sentence for the peer or the log; never a secret.
    """

    def __init__(self, sasl_condition: str, text: str) -> None:
        super().__init__(f"{sasl_condition}: {text}")
        self.sasl_condition = sasl_condition
        self.text = text


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What the server keeps for one account and mechanism (RFC 5802 section 3).

    mechanism: one of MECHANISMS, without `-PLUS`.
    """

    mechanism: str
    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """The client's first message, taken apart.

    username: the name as sent, escapes undone, not prepared: preparing it (nodeprep) is the
        caller's.
    authzid: whom to act as, the empty string when not given.
    nonce: the client's part of the nonce.
    flag: gs2 channel binding flag: `n` (client cannot), `y` (client can, but was offered no
        -PLUS), `p` (binds).
    binding: name of the channel binding when the flag is `p`, else the empty string.
    gs2_header, bare: those parts as sent, for the proof.
    """

    username: str
    authzid: str
    nonce: str
    flag: str
    binding: str
    gs2_header: bytes
    bare: bytes


def derive_keys(password: str, mechanism: str, salt: bytes, iterations: int) -> ScramKeys:
    """Make the keys of a password. Slow on purpose: run it in a thread.

    Raises PreparationError (a ValueError) for a password that is empty or that SASLprep
    does not allow, ValueError for another mechanism than MECHANISMS.
    """
    return _derive(saslprep(password, stored=True), mechanism, salt, iterations)


def password_matches(keys: ScramKeys, password: str) -> bool:
    """Tell whether `keys` were made of `password`. Slow on purpose: run it in a thread."""
    try:
        prepared = saslprep(password, stored=False)
        made = _derive(prepared, keys.mechanism, keys.salt, keys.iterations)
    except PreparationError:
        return False
    return hmac.compare_digest(made.stored_key, keys.stored_key)


def fake_keys(secret: bytes, username: str, mechanism: str, iterations: int) -> ScramKeys:
    """Return keys for an account that does not exist; no password matches them.

    The same arguments give the same keys, as asking twice for a real account would. For the
    answer to tell nothing, `secret` must outlive restarts, `username` be prepared as for the
    lookup, and `iterations` be what new accounts get.
    """

    def made(what: bytes) -> bytes:
        message = b"\0".join([what, mechanism.encode(), username.encode("utf-8", "replace")])
        return hmac.digest(secret, message, hash_name_of(mechanism))

    return ScramKeys(
        mechanism, made(b"salt")[:SALT_BYTES], iterations, made(b"stored"), made(b"server")
    )


def parse_client_first(data: bytes, mechanism: str = "") -> ClientFirst:
    """Parse the client's first message; raises ScramError.

    `mechanism` is what the client chose; when given, it must agree with the message about
    channel binding.
    """
    match = _CLIENT_FIRST.fullmatch(_text_of(data))
    if match is None:
        raise ScramError("malformed-request", "The first message is not as RFC 5802 says.")
    binding = match["binding"] or ""
    if mechanism and bool(binding) != mechanism.endswith("-PLUS"):
        raise ScramError("malformed-request", "Mechanism and channel binding flag disagree.")
    try:
        authzid = _unescape(match["authzid"] or "")
    except ValueError:
        raise ScramError("invalid-authzid", "The authorization identity is malformed.") from None
    try:
        username = _unescape(match["username"])
    except ValueError:
        raise ScramError("malformed-request", "The user name is malformed.") from None
    return ClientFirst(
        username=username,
        authzid=authzid,
        nonce=match["nonce"],
        flag=match["flag"] or "p",
        binding=binding,
        gs2_header=match["gs2"].encode(),
        bare=match["bare"].encode(),
    )


class ScramExchange:
    """The server's half of one exchange, after the client's first message.

    keys: of the account named there, or fake ones.
    server_nonce: the server's part of the nonce: printable ASCII without comma, freshly made
        from a cryptographic source with at least 128 bits for every exchange.
    channel_bindings: binding data of this connection by name; empty without TLS.
    advertised_plus: whether a -PLUS mechanism was offered on this connection; a client that
        says it saw none was deceived on the way (RFC 5802 section 6).

    Raises ScramError when the client asks for a binding that does not exist or was deceived.
    """

    def __init__(
        self,
        client_first: ClientFirst,
        keys: ScramKeys,
        server_nonce: str,
        channel_bindings: Mapping[str, bytes],
        advertised_plus: bool,
    ) -> None:
        if not _NONCE.fullmatch(server_nonce):
            raise ValueError("the server nonce must be printable ASCII without comma")
        if client_first.flag == "y" and advertised_plus:
            raise ScramError("not-authorized", "Channel binding was offered, but not seen.")
        if client_first.flag == "p" and client_first.binding not in channel_bindings:
            raise ScramError("malformed-request", "That channel binding is not supported here.")
        bound = channel_bindings[client_first.binding] if client_first.flag == "p" else b""
        self.client_first = client_first
        self._keys = keys
        self._nonce = (client_first.nonce + server_nonce).encode()
        self._binding = b64encode(client_first.gs2_header + bound)
        self._finished = False

    def server_first(self) -> bytes:
        """Return the server's first message: the challenge."""
        salt = b64encode(self._keys.salt)
        return b"r=%b,s=%b,i=%d" % (self._nonce, salt, self._keys.iterations)

    def finish(self, client_final: bytes) -> bytes:
        """Check the client's final message; return the server's, which goes with success.

        Raises ScramError. Can be called once.
        """
        if self._finished:
            raise ScramError("malformed-request", "This exchange is over.")
        self._finished = True
        match = _CLIENT_FINAL.fullmatch(_text_of(client_final))
        proof = from_base64(match["proof"]) if match else None
        if match is None or proof is None:
            raise ScramError("malformed-request", "The final message is not as RFC 5802 says.")
        keys = self._keys
        hash_name = hash_name_of(keys.mechanism)
        parts = (self.client_first.bare, self.server_first(), match["bare"].encode())
        auth_message = b",".join(parts)
        signature = hmac.digest(keys.stored_key, auth_message, hash_name)
        # A proof of another length fails below as every wrong one does.
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
        good = [
            hmac.compare_digest(hashlib.new(hash_name, client_key).digest(), keys.stored_key),
            hmac.compare_digest(match["binding"].encode(), self._binding),
            hmac.compare_digest(match["nonce"].encode(), self._nonce),
            len(proof) == len(signature),
        ]
        if not all(good):
            raise ScramError("not-authorized", "The name, the password or the binding is wrong.")
        return b"v=" + b64encode(hmac.digest(keys.server_key, auth_message, hash_name))


def _derive(prepared: str, mechanism: str, salt: bytes, iterations: int) -> ScramKeys:
    if not prepared:
        raise PreparationError("it is empty")
    hash_name = hash_name_of(mechanism)
    salted = hashlib.pbkdf2_hmac(hash_name, prepared.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    return ScramKeys(
        mechanism=mechanism,
        salt=salt,
        iterations=iterations,
        stored_key=hashlib.new(hash_name, client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", hash_name),
    )


def hash_name_of(mechanism: str) -> str:
    """Return hashlib's name for the hash of a mechanism of MECHANISMS; raises ValueError."""
    if mechanism not in _HASHES:
        raise ValueError("not a SCRAM mechanism that keys exist for")
    return _HASHES[mechanism]


def _text_of(data: bytes) -> str:
    if len(data) > _MESSAGE_BYTES:
        raise ScramError("malformed-request", "The message is too long.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ScramError("malformed-request", "The message is not UTF-8.") from None


def _unescape(saslname: str) -> str:
    """Undo `=2C` and `=3D`; raises ValueError for any other `=` (RFC 5802 section 5.1)."""

    def one(match: re.Match[str]) -> str:
        if not match[1]:
            raise ValueError("a lone equals sign")
        return "," if match[1] == "2C" else "="

    return _ESCAPE.sub(one, saslname)


def from_base64(text: str) -> bytes | None:
    """Return what base64 text stands for; None unless it is the one way to write it."""
    try:
        data = b64decode(text, validate=True)
    except binascii.Error:
        return None
    return data if b64encode(data) == text.encode() else None
