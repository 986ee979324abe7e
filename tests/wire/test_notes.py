"""C2SP signed notes and checkpoints, with vectors of other implementations."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire import notes
from mailim.wire.notes import NoteError, NotSigned, Signer, TreeHead, Verifier

# The public key and note that the first implementation of the format documents.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
    "RZb6KE6RyyBwJnAM=\n"
)
PETER_NOTE = f"{PETER_TEXT}\n{PETER_SIGNATURE}"
# The example of the tlog-checkpoint specification.
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def a_signer(name: str = "example.test/record", seed: bytes = b"s" * 32) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(seed))


class NoteTests(SynchronousTestCase):
    def test_foreign_note_opens(self) -> None:
        verifier = Verifier.from_vkey(PETER)
        self.assertEqual(verifier.open(PETER_NOTE), PETER_TEXT)
        self.assertEqual(verifier.vkey, PETER)

    def test_own_note_opens(self) -> None:
        signer = a_signer()
        note = signer.sign("a\n\nb — c\n")
        self.assertEqual(signer.verifier.open(note), "a\n\nb — c\n")
        again = Verifier.from_vkey(signer.verifier.vkey + "\n")
        self.assertEqual(again.open(note), "a\n\nb — c\n")

    @given(st.data())
    def test_any_changed_character_is_found(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(PETER_NOTE) - 1))
        char = data.draw(st.characters().filter(lambda c: c != PETER_NOTE[place]))
        changed = PETER_NOTE[:place] + char + PETER_NOTE[place + 1 :]
        self.assertRaises(NoteError, Verifier.from_vkey(PETER).open, changed)

    def test_witness_lines_are_skipped(self) -> None:
        own, other = a_signer(), a_signer("witness.test/w", b"w" * 32)
        note = own.sign("x\n")
        cosigned = note + other.sign("x\n").partition("\n\n")[2]
        self.assertEqual(own.verifier.open(cosigned), "x\n")
        self.assertEqual(other.verifier.open(cosigned), "x\n")

    def test_other_key_of_the_same_name(self) -> None:
        note = a_signer(seed=b"a" * 32).sign("x\n")
        self.assertRaises(NotSigned, a_signer(seed=b"b" * 32).verifier.open, note)

    def test_second_wrong_signature_of_a_known_key(self) -> None:
        own = a_signer()
        note = own.sign("x\n") + own.sign("y\n").partition("\n\n")[2]
        self.assertRaises(NoteError, own.verifier.open, note)

    def test_malformed_notes(self) -> None:
        verifier = Verifier.from_vkey(PETER)
        for note in (
            "",
            "\n",
            PETER_TEXT,
            f"{PETER_TEXT}\n",
            PETER_NOTE[:-1],
            PETER_NOTE.replace("\n", "\r\n"),
            f"{PETER_TEXT}\n— PeterNeumann\n",
            f"{PETER_TEXT}\n— PeterNeumann x08g\n",
            f"{PETER_TEXT}\n{PETER_SIGNATURE}x\n",
            f"{PETER_TEXT}\n{PETER_SIGNATURE * (notes.MAX_SIGNATURES + 1)}",
            "x" * notes.MAX_NOTE + PETER_NOTE,
        ):
            self.assertRaises(NoteError, verifier.open, note)

    def test_malformed_texts_are_not_signed(self) -> None:
        for text in ("", "x", "x\r\n", "\x00\n"):
            self.assertRaises(NoteError, a_signer().sign, text)

    def test_malformed_keys(self) -> None:
        for line in (
            "",
            "a+b",
            "a+b+c",
            PETER.replace("c74f20a3", "c74f20a4"),
            PETER.replace("PeterNeumann", "Peter"),
            PETER.replace("+ARpc", "+AhpB"),
            PETER[:-4],
            "a b" + PETER.removeprefix("PeterNeumann"),
        ):
            self.assertRaises(NoteError, Verifier.from_vkey, line)
        self.assertRaises(NoteError, a_signer, "a b")
        self.assertRaises(NoteError, a_signer, "a+b")

    def test_pem(self) -> None:
        key = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.assertEqual(Signer.from_pem("n", pem).verifier.vkey, a_signer("n").verifier.vkey)
        other = X25519PrivateKey.generate()
        wrong = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for data in (b"", b"junk", pem[:40], wrong):
            self.assertRaises(NoteError, Signer.from_pem, "n", data)

    def test_derived_secrets(self) -> None:
        secret = a_signer().derive(b"one")
        self.assertEqual(len(secret), 32)
        self.assertEqual(secret, a_signer("other.test").derive(b"one"))
        self.assertNotEqual(secret, a_signer().derive(b"two"))
        self.assertNotEqual(secret, a_signer(seed=b"t" * 32).derive(b"one"))

    def test_the_private_key_is_in_no_repr(self) -> None:
        signer = a_signer()
        self.assertNotIn("s" * 8, repr(signer))
        self.assertNotIn((b"s" * 32).hex()[:8], repr(signer))
        self.assertIn(signer.verifier.vkey, repr(signer))


class CheckpointTests(SynchronousTestCase):
    def test_example_of_the_specification(self) -> None:
        head = notes.parse_checkpoint(EXAMPLE)
        self.assertEqual((head.origin, head.size), ("example.com/behind-the-sofa", 20852163))
        self.assertEqual(head.text(), EXAMPLE)

    def test_extension_lines_are_skipped(self) -> None:
        self.assertEqual(notes.parse_checkpoint(EXAMPLE + "more\n").text(), EXAMPLE)

    def test_malformed(self) -> None:
        for text in (
            "",
            "a\n",
            EXAMPLE[:-1],
            EXAMPLE + "\n",
            EXAMPLE.replace("20852163", "020852163"),
            EXAMPLE.replace("20852163", "-1"),
            EXAMPLE.replace("20852163", "9" * 19),
            EXAMPLE.replace("20852163", "９"),
            EXAMPLE.replace("CsUY", "Cs"),
            EXAMPLE.replace("q2I=", "q2J="),
            "\n" + EXAMPLE,
        ):
            self.assertRaises(NoteError, notes.parse_checkpoint, text)

    def test_signed(self) -> None:
        signer = a_signer()
        note = signer.checkpoint(7, b"r" * 32)
        self.assertEqual(
            signer.verifier.open_checkpoint(note), TreeHead("example.test/record", 7, b"r" * 32)
        )
        foreign = signer.sign(TreeHead("other.test/record", 7, b"r" * 32).text())
        self.assertRaises(NoteError, signer.verifier.open_checkpoint, foreign)

    def test_file_of_notes(self) -> None:
        signer = a_signer()
        first, second = signer.checkpoint(1, b"r" * 32), signer.checkpoint(2, b"q" * 32)
        cosigned = first + first.partition("\n\n")[2]
        for text in (cosigned + second, f"\n{cosigned}\n\n{second}\n"):
            self.assertEqual(notes.split_notes(text), [cosigned, second])
        self.assertEqual(notes.split_notes(first + second[:20]), [first, second[:20]])
        torn = f"{second[:10]}\n\n"
        self.assertEqual(notes.split_notes(first + torn + second), [first, torn, second])
        self.assertEqual(notes.split_notes("\n\n"), [])
