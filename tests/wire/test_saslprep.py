"""SASLprep: RFC 4013."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scramp import ScramException
from scramp.utils import saslprep as oracle
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.saslprep import PreparationError, saslprep


class SaslprepTests(SynchronousTestCase):
    def test_rfc_4013_section_3(self) -> None:
        for text, prepared in {
            "I\u00adX": "IX",
            "user": "user",
            "USER": "USER",
            "\u00aa": "a",
            "\u2168": "IX",
        }.items():
            self.assertEqual(prepared, saslprep(text, stored=True))
        for text in ["\u0007", "\u0627\u0031"]:
            self.assertRaises(PreparationError, saslprep, text, stored=True)

    def test_mapping(self) -> None:
        self.assertEqual("a b", saslprep("a\u00a0b", stored=True))
        self.assertEqual("", saslprep("\u00ad\u200d", stored=True))

    def test_unassigned_only_in_queries(self) -> None:
        # RFC 3454 section 7
        self.assertEqual("\U0001f600", saslprep("\U0001f600", stored=False))
        self.assertRaises(PreparationError, saslprep, "\U0001f600", stored=True)

    def test_the_error_does_not_repeat_the_text(self) -> None:
        error = self.assertRaises(PreparationError, saslprep, "secret\u0007", stored=True)
        self.assertNotIn("secret", str(error))

    @given(
        st.text(st.sampled_from("aZ \u00a0\u00ad\u05d0\u0627\u0661\x07\u2168") | st.characters())
    )
    def test_as_another_implementation(self, text: str) -> None:
        try:
            expected: str | None = oracle(text)
        except ScramException:
            expected = None
        try:
            found: str | None = saslprep(text, stored=True)
        except PreparationError:
            found = None
        self.assertEqual(expected, found)
