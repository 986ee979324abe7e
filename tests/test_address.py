"""Addresses: what is accepted, how it is normalised, what is refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.address import normal_domain, parse_account_address, parse_address
from mailim.errors import Invalid


class AddressTests(SynchronousTestCase):
    def test_case_and_idna_are_normalised(self) -> None:
        self.assertEqual(str(parse_address(" Alice@EXAMPLE.Test. ")), "alice@example.test")
        self.assertEqual(str(parse_address("a@Bücher.example")), "a@xn--bcher-kva.example")

    def test_refused(self) -> None:
        for text in (
            "", "alice", "@x.test", "alice@", 'a"b@x.test', "a b@x.test", "a..b@x.test",
            ".a@x.test", "a@b@c d", "a\r\nb@x.test", "a\x00@x.test", "<a@x.test>",
            "x" * 65 + "@x.test", "a@" + "x." * 130 + "test", "a@-x.test", "a@x_.test\n\n\x00",
        ):  # fmt: skip
            with self.assertRaises(Invalid, msg=repr(text)):
                parse_address(text)

    def test_an_account_must_also_be_a_jid(self) -> None:
        self.assertEqual(str(parse_address("o'hara@x.test")), "o'hara@x.test")
        self.assertRaises(Invalid, parse_account_address, "o'hara@x.test")

    def test_domain(self) -> None:
        self.assertRaises(Invalid, normal_domain, "..")

    @given(st.text(max_size=80))
    def test_whatever_is_accepted_is_stable(self, text: str) -> None:
        try:
            address = parse_address(text)
        except Invalid:
            return
        self.assertEqual(parse_address(str(address)), address)
