"""Secrets that must be readable again, such as passwords of outside POP3 boxes.

They are sealed with Fernet (AES-128-CBC, HMAC-SHA-256, random IV) under the key in
`etc/secret.key`. Whoever has the database without that file reads none of them.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

from mailim.errors import Invalid


class Vault:
    """Seals and opens texts.

    key: 32 octets in base64url, as the key file has them; raises `Invalid` for others.
    """

    def __init__(self, key: bytes) -> None:
        try:
            self._fernet = Fernet(key.strip())
        except ValueError:
            raise Invalid("the vault's key is not 32 octets in base64") from None

    def __repr__(self) -> str:
        return "<Vault>"

    @staticmethod
    def new_key() -> bytes:
        """Give a fresh key, as text to write into a key file."""
        return Fernet.generate_key()

    def seal(self, text: str) -> bytes:
        """Give the text sealed; sealing twice gives different octets."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Give the text again; raises `Invalid` if it was changed or sealed by another key."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise Invalid(
                "a stored secret cannot be opened with this server's key; enter it again"
            ) from None
