"""The vault for secrets that must be readable again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.accounts.vault import Vault
from mailim.errors import Invalid


class VaultTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        key = Vault.new_key()
        for text in ("", "geheim", "pässwörd \0 ✓"):
            sealed = Vault(key).seal(text)
            self.assertNotIn(b"geheim", sealed)
            self.assertEqual(Vault(key + b"\n").open(sealed), text)

    def test_other_key_and_changed_octets(self) -> None:
        key = Vault.new_key()
        sealed = Vault(key).seal("geheim")
        error = self.assertRaises(Invalid, Vault(Vault.new_key()).open, sealed)
        self.assertNotIn("geheim", error.text)
        for changed in (b"", sealed[:-2], sealed[:20] + b"A" + sealed[21:], b"\xff" * 100):
            if changed != sealed:
                self.assertRaises(Invalid, Vault(key).open, changed)

    def test_bad_key(self) -> None:
        for key in (b"", b"short", b"\xff" * 44):
            error = self.assertRaises(Invalid, Vault, key)
            self.assertNotIn(repr(key), repr(error))

    def test_key_is_in_no_repr(self) -> None:
        key = Vault.new_key()
        self.assertNotIn(key.decode(), repr(Vault(key)))
