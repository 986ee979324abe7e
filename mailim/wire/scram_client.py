"""SCRAM, client side and without I/O (RFC 5802): for servers we sign in to, and for tests.

`first()` goes to the server, `final(challenge)` answers its challenge, `verify(outcome)`
makes sure that it knows the account's keys, too. The caller chooses the nonce.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from typing import Final

from mailim.wire.saslprep import saslprep
from mailim.wire.scram import ScramError, from_base64, hash_name_of

_SERVER_FIRST: Final = re.compile(
    r"r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+),s=(?P<salt>[A-Za-z0-9+/=]+),i=(?P<i>[1-9][0-9]*)"
    r"(?:,[A-Za-z]=[^\x00,]+)*"
)
# A server could make us compute for hours.
_MAX_ITERATIONS: Final = 1_000_000
_MIN_ITERATIONS: Final = 4096  # RFC 7677 section 4


class ScramClient:
    """The client's half of one exchange.

    mechanism: with or without `-PLUS`; with it, `binding` and `binding_data` are needed.
    nonce: printable ASCII without comma, freshly made from a cryptographic source.
    saw_plus: for a mechanism without -PLUS: None when this client cannot bind (flag `n`),
        else False: it could, but the server offered no -PLUS (flag `y`).
    """

    def __init__(
        self,
        mechanism: str,
        username: str,
        password: str,
        nonce: str,
        *,
        authzid: str = "",
        binding: str = "",
        binding_data: bytes = b"",
        saw_plus: bool | None = None,
    ) -> None:
        plus = mechanism.endswith("-PLUS")
        if plus != bool(binding):
            raise ValueError("a -PLUS mechanism needs a channel binding, the others take none")
        self._hash_name = hash_name_of(mechanism.removesuffix("-PLUS"))
        self._password = saslprep(password, stored=False)
        flag = f"p={binding}" if plus else "n" if saw_plus is None else "y"
        self._gs2 = f"{flag},{'a=' + _escape(authzid) if authzid else ''},".encode()
        self._bound = self._gs2 + binding_data
        self._nonce = nonce
        name = _escape(saslprep(username, stored=False))
        self._bare = f"n={name},r={nonce}".encode()
        self._outcome = b""

    def first(self) -> bytes:
        """Return the first message."""
        return self._gs2 + self._bare

    def final(self, challenge: bytes) -> bytes:
        """Return the answer to the server's challenge. Slow: run it in a thread.

        Raises ScramError when the challenge is not acceptable.
        """
        match = _SERVER_FIRST.fullmatch(challenge.decode("utf-8", "replace"))
        salt = from_base64(match["salt"]) if match else None
        if match is None or salt is None:
            raise ScramError("malformed-request", "The challenge is not as RFC 5802 says.")
        nonce = match["nonce"]
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise ScramError("not-authorized", "The challenge is not for this exchange.")
        if len(match["i"]) > 7 or not _MIN_ITERATIONS <= int(match["i"]) <= _MAX_ITERATIONS:
            raise ScramError("not-authorized", "The iteration count is out of bounds.")
        name, iterations = self._hash_name, int(match["i"])
        salted = hashlib.pbkdf2_hmac(name, self._password.encode(), salt, iterations)
        bare = b"c=" + b64encode(self._bound) + b",r=" + nonce.encode()
        auth_message = b",".join([self._bare, challenge, bare])
        client_key = hmac.digest(salted, b"Client Key", name)
        stored_key = hashlib.new(name, client_key).digest()
        signature = hmac.digest(stored_key, auth_message, name)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", name)
        self._outcome = b"v=" + b64encode(hmac.digest(server_key, auth_message, name))
        return bare + b",p=" + b64encode(proof)

    def verify(self, outcome: bytes) -> None:
        """Check the server's final message; raises ScramError when it is not the server."""
        if not self._outcome or not hmac.compare_digest(outcome, self._outcome):
            raise ScramError("not-authorized", "The server does not know this account's keys.")


def _escape(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")
