"""What is kept of a password, and checking one against it. All of it slow on purpose.

An account has three verifiers: an argon2id hash (RFC 9106) for protocols that send the
password inside TLS, and SCRAM keys (RFC 5802) for SHA-1 and SHA-256, so that XMPP clients
need not send it. All are made of the password prepared with SASLprep (RFC 4013).
"""

from __future__ import annotations

import binascii
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from mailim.errors import Invalid
from mailim.interfaces.accounts import Credential
from mailim.wire.saslprep import PreparationError, saslprep
from mailim.wire.scram import SALT_BYTES, ScramKeys, derive_keys, password_matches

ARGON2ID: Final = "argon2id"
SCRAM_KINDS: Final = ("SCRAM-SHA-256", "SCRAM-SHA-1")
"""Mechanisms a new password gets keys for."""
MAX_PASSWORD: Final = 1024
"""Octets of a password in UTF-8."""


def new_hasher() -> PasswordHasher:
    """Give the argon2id parameters of new passwords: 19 MiB, 2 passes, one lane.

    About 25 ms on a small server; with two threads never more than 38 MiB at once.
    """
    return PasswordHasher(
        time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
    )


def check_new_password(password: str, min_length: int) -> None:
    """Raises `Invalid`, with a text for the user, for a password that may not be set."""
    if too_long(password):
        raise Invalid(f"the password is longer than {MAX_PASSWORD} octets", "password")
    try:
        prepared = saslprep(password, stored=True)
    except PreparationError as error:
        raise Invalid(f"the password cannot be used: {error}", "password") from None
    if len(prepared) < min_length:
        raise Invalid(f"the password needs at least {min_length} characters", "password")


def too_long(password: str) -> bool:
    """Tell whether a password is longer than any can be; says so at once for a huge one."""
    return len(password) > MAX_PASSWORD or len(_octets(password)) > MAX_PASSWORD


def make_credentials(
    hasher: PasswordHasher, iterations: int, password: str
) -> tuple[Credential, ...]:
    """Make all verifiers of a password that `check_new_password` accepted."""
    prepared = saslprep(password, stored=True)
    made = [Credential(ARGON2ID, {"hash": hasher.hash(prepared)})]
    for mechanism in SCRAM_KINDS:
        keys = derive_keys(password, mechanism, os.urandom(SALT_BYTES), iterations)
        made.append(
            Credential(
                mechanism,
                {
                    "salt": b64encode(keys.salt).decode(),
                    "iterations": keys.iterations,
                    "stored_key": b64encode(keys.stored_key).decode(),
                    "server_key": b64encode(keys.server_key).decode(),
                },
            )
        )
    return tuple(made)


def scram_keys_of(credentials: Sequence[Credential], mechanism: str) -> ScramKeys | None:
    """Find the keys for a mechanism; None if there are none, or they are damaged."""
    for credential in credentials:
        if credential.kind == mechanism:
            data = credential.data
            try:
                return ScramKeys(
                    mechanism,
                    b64decode(data["salt"], validate=True),
                    int(data["iterations"]),
                    b64decode(data["stored_key"], validate=True),
                    b64decode(data["server_key"], validate=True),
                )
            except (KeyError, TypeError, ValueError, binascii.Error):
                return None
    return None


def matches(
    hasher: PasswordHasher, decoy: str, credentials: Sequence[Credential], password: str
) -> bool:
    """Tell whether a password fits; as slow for no credentials (an unknown account) as for some.

    decoy: an argon2id hash of nothing anybody knows, checked instead.
    """
    try:
        prepared = saslprep(password, stored=False)
    except PreparationError:
        prepared, credentials = "", ()
    for credential in credentials:
        if credential.kind == ARGON2ID:
            return _argon2_matches(hasher, str(credential.data.get("hash", "")), prepared)
    for mechanism in SCRAM_KINDS:  # verifiers that came from elsewhere may have only these
        keys = scram_keys_of(credentials, mechanism)
        if keys is not None:
            return password_matches(keys, password)
    _argon2_matches(hasher, decoy, prepared)
    return False


def _argon2_matches(hasher: PasswordHasher, hash_: str, prepared: str) -> bool:
    try:
        return hasher.verify(hash_, _octets(prepared))
    except (Argon2Error, InvalidHashError):
        return False


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
