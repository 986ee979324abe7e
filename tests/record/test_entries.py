"""How an entry becomes a leaf, against the definition written out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid
from mailim.interfaces.record import Leaf
from mailim.record import entries
from mailim.record.entries import Draft, Entry, Seal, damage
from tests.fakes.record import a_signer

SEAL = Seal.of(a_signer())
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
ENTRY = Entry(
    "message",
    "alice@example.test",
    "bob@example.test",
    'Grüße,\n"Bob" \\ \x07',
    b"<message><body>x</body></message>",
    None,
    {"resource": "phone", "origin": "client"},
)


def a_leaf(entry: Entry = ENTRY, seq: int = 17, time: int = 1_795_000_000_000_001) -> Leaf:
    return Draft(entry, time, SEAL).leaf(seq)


def with_(leaf: Leaf, column: str, value: Any) -> Leaf:
    return replace(leaf, **{column: value})


class LeafTests(SynchronousTestCase):
    def test_header_and_content_are_exactly_so(self) -> None:
        leaf = a_leaf(replace(ENTRY, refers=3))
        self.assertEqual(
            leaf.header,
            b'{"from":"alice@example.test","id":17,"kind":"message","refers":3,'
            b'"time":1795000000000001,"to":"bob@example.test"}',
        )
        self.assertEqual(
            leaf.content,
            '{"body":"Grüße,\\n\\"Bob\\" \\\\ \\u0007","details":{"origin":"client",'
            '"resource":"phone"},"stanza":"<message><body>x</body></message>"}'.encode(),
        )

    def test_hash_by_definition(self) -> None:
        leaf = a_leaf()
        assert leaf.salt is not None
        assert leaf.content is not None
        self.assertEqual(leaf.inner, sha256(leaf.salt + leaf.content).digest())
        self.assertEqual(leaf.hash, sha256(b"\x00" + leaf.header + leaf.inner).digest())

    def test_columns_repeat_the_header(self) -> None:
        leaf = a_leaf(replace(ENTRY, refers=3))
        self.assertEqual(
            (leaf.seq, leaf.time, leaf.kind, leaf.sender, leaf.recipient, leaf.refers, leaf.body),
            (
                17,
                1_795_000_000_000_001,
                "message",
                "alice@example.test",
                "bob@example.test",
                3,
                ENTRY.body,
            ),
        )

    def test_salts_differ(self) -> None:
        first, second = a_leaf(), a_leaf()
        self.assertEqual(first.header, second.header)
        self.assertNotEqual(first.salt, second.salt)
        self.assertNotEqual(first.hash, second.hash)

    @given(TEXTS, TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3))
    def test_canonical_whatever_is_said(
        self, sender: str, recipient: str, body: str, details: dict[str, str]
    ) -> None:
        leaf = a_leaf(Entry("refusal", sender, recipient, body, b"", None, details))
        for text in (leaf.header, leaf.content or b""):
            again = json.dumps(
                json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":")
            )
            self.assertEqual(again.encode(), text)
        self.assertEqual(json.loads(leaf.header)["from"], sender)
        self.assertEqual(entries.details_of(leaf), details)
        self.assertIsNone(damage(leaf, 17, SEAL))

    def test_what_cannot_be_recorded(self) -> None:
        for entry in (
            replace(ENTRY, kind="gossip"),
            replace(ENTRY, stanza=b"\xff"),
            replace(ENTRY, body="\ud800"),
            replace(ENTRY, sender="\ud800"),
            replace(ENTRY, details={"a": "\ud800"}),
        ):
            self.assertRaises(Invalid, Draft, entry, 0, SEAL)


class DamageTests(SynchronousTestCase):
    def test_sound(self) -> None:
        self.assertIsNone(damage(a_leaf(), 17, SEAL))
        erased = replace(a_leaf(), salt=None, content=None, body="")
        self.assertIsNone(damage(erased, 17, SEAL))
        self.assertEqual(entries.opened(erased), {})

    def test_every_octet_counts(self) -> None:
        leaf = a_leaf()
        for column in ("hash", "header", "inner", "salt", "content"):
            data: bytes = getattr(leaf, column)
            for place in range(len(data)):
                changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
                self.assertIsNotNone(damage(with_(leaf, column, changed), 17), column)

    def test_every_column_counts(self) -> None:
        leaf = a_leaf(replace(ENTRY, refers=3))
        for column, value in (
            ("time", leaf.time + 1),
            ("kind", "login"),
            ("sender", "mallory@example.test"),
            ("recipient", ""),
            ("refers", 4),
            ("refers", None),
            ("body", "I never said that"),
            ("body", ""),
            ("salt", None),
            ("content", None),
        ):
            self.assertIsNotNone(damage(with_(leaf, column, value), 17, SEAL), column)
        self.assertIsNotNone(damage(leaf, 18, SEAL))
        erased = replace(leaf, salt=None, content=None)
        self.assertIsNotNone(damage(erased, 17, SEAL), "the text is still there")

    def test_well_made_leaf_without_the_key(self) -> None:
        forged = Draft(ENTRY, 5, Seal(b"guessed" * 5)).leaf(17)
        self.assertIsNone(damage(forged, 17))
        self.assertIn("key", damage(forged, 17, SEAL) or "")

    def test_copied_seal(self) -> None:
        """A true salt does not make another header or content true."""
        leaf = a_leaf()
        assert leaf.salt is not None
        other = a_leaf(replace(ENTRY, body="other"), seq=18)
        assert other.content is not None
        inner = sha256(leaf.salt + other.content).digest()
        forged = replace(
            other,
            salt=leaf.salt,
            inner=inner,
            hash=entries.leaf_hash_of(other.header, inner),
        )
        self.assertIsNone(damage(forged, 18))
        self.assertIsNotNone(damage(forged, 18, SEAL))

    def test_the_key_is_in_no_repr(self) -> None:
        self.assertNotIn("key", repr(SEAL).lower())
