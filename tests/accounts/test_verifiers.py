"""What is kept of a password."""

from __future__ import annotations

from base64 import b64decode

from twisted.trial.unittest import SynchronousTestCase

from mailim.accounts.verifiers import (
    ARGON2ID,
    MAX_PASSWORD,
    check_new_password,
    make_credentials,
    matches,
    new_hasher,
    scram_keys_of,
)
from mailim.errors import Invalid
from mailim.interfaces.accounts import Credential
from mailim.wire.scram import derive_keys
from tests.accounts.sites import QUICK

DECOY = QUICK.hash("nothing")


class PolicyTests(SynchronousTestCase):
    def test_accepted(self) -> None:
        for password in ("12345678", "pässwörd", "x" * MAX_PASSWORD, "日本語日本語日本"):
            check_new_password(password, 8)

    def test_refused(self) -> None:
        for password in (
            "",
            "1234567",
            "x" * (MAX_PASSWORD + 1),
            "é" * (MAX_PASSWORD // 2 + 1),
            "1234567\u00ad",  # seven characters once prepared: a soft hyphen is dropped
            "12345678\x00",
            "12345678\n",
            "12345678\ud800",
            "x" * 10_000_000,
        ):
            error = self.assertRaises(Invalid, check_new_password, password, 8)
            self.assertEqual(error.path, "password")
            if len(password) > 3:
                self.assertNotIn(password, error.text)


class CredentialTests(SynchronousTestCase):
    def test_kinds(self) -> None:
        made = make_credentials(QUICK, 4096, "geheimes Wort")
        self.assertEqual([each.kind for each in made], [ARGON2ID, "SCRAM-SHA-256", "SCRAM-SHA-1"])
        self.assertTrue(made[0].data["hash"].startswith("$argon2id$v=19$m=8,t=1,p=1$"))
        for each in made:
            self.assertNotIn("geheim", repr(each.data))
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            keys = scram_keys_of(made, mechanism)
            assert keys is not None
            self.assertEqual(
                keys, derive_keys("geheimes Wort", mechanism, keys.salt, keys.iterations)
            )
        self.assertIsNone(scram_keys_of(made, "SCRAM-SHA-512"))
        salts = {scram_keys_of(made, name).salt for name in ("SCRAM-SHA-256", "SCRAM-SHA-1")}  # type: ignore[union-attr]
        self.assertEqual(len(salts), 2)

    def test_parameters_of_new_passwords(self) -> None:
        self.assertRegex(new_hasher().hash("x"), r"^\$argon2id\$v=19\$m=19456,t=2,p=1\$")

    def test_matches(self) -> None:
        made = make_credentials(QUICK, 4096, "pässwörd")
        for kept in (made, made[1:], made[2:]):
            self.assertTrue(matches(QUICK, DECOY, kept, "pässwörd"))
            self.assertTrue(matches(QUICK, DECOY, kept, "pa\u0308sswo\u0308rd"))  # prepared alike
            self.assertFalse(matches(QUICK, DECOY, kept, "passwörd"))
            self.assertFalse(matches(QUICK, DECOY, kept, ""))
            self.assertFalse(matches(QUICK, DECOY, kept, "x\x00"))
            self.assertFalse(matches(QUICK, DECOY, kept, "x\ud800"))
        self.assertFalse(matches(QUICK, DECOY, (), "nothing"))

    def test_damaged_verifiers_match_nothing(self) -> None:
        for credential in (
            Credential(ARGON2ID, {}),
            Credential(ARGON2ID, {"hash": "$argon2id$junk"}),
            Credential("SCRAM-SHA-1", {}),
            Credential("SCRAM-SHA-1", {"salt": "%", "iterations": "x"}),
            Credential("other", {}),
        ):
            self.assertFalse(matches(QUICK, DECOY, (credential,), "password"))
            self.assertIsNone(scram_keys_of((credential,), "SCRAM-SHA-1"))

    def test_stored_as_text(self) -> None:
        keys = make_credentials(QUICK, 4096, "geheimes Wort")[1].data
        self.assertEqual(len(b64decode(keys["salt"])), 16)
        self.assertEqual(len(b64decode(keys["stored_key"])), 32)
