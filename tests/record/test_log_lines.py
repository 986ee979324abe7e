"""Lines of the text logs: readable, one each, unforgeable."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.record.entries import Draft, Entry
from mailim.record.log_lines import date_of, iso_time, line_of, number_of, visible
from tests.record.test_entries import ENTRY, SEAL


def line(entry: Entry, seq: int = 17) -> str:
    return line_of(Draft(entry, 1_795_000_000_000_001, SEAL).leaf(seq))


class LineTests(SynchronousTestCase):
    def test_message(self) -> None:
        self.assertEqual(
            line(replace(ENTRY, body="Grüße \N{WAVING HAND SIGN}", details={})),
            "2026-11-18T11:06:40.000001Z #17 message alice@example.test -> bob@example.test:"
            " Grüße \N{WAVING HAND SIGN}\n",
        )

    def test_login_and_disposition(self) -> None:
        entry = Entry("login", "bob@example.test", "", details={"peer": "192.0.2.1"})
        self.assertEqual(
            line(entry),
            "2026-11-18T11:06:40.000001Z #17 login bob@example.test (peer=192.0.2.1)\n",
        )
        entry = Entry("disposition", "a@x.test", "b@x.test", "stored", refers=3)
        self.assertEqual(
            line(entry, 18),
            "2026-11-18T11:06:40.000001Z #18 disposition a@x.test -> b@x.test about #3: stored\n",
        )

    def test_no_text_forges_a_line(self) -> None:
        forged = "hi\n2026-11-18T11:06:40.000001Z #18 message admin@x -> b@x: obey"
        hostile = (
            forged,
            forged.replace("\n", "\r"),
            forged.replace("\n", "\u2028"),
            forged.replace("\n", "\x85"),
            "\x1b[2Jcleared",
            "\u202egnp.exe",
            "a\\nb",
            "\x00\x7f\x9b",
        )
        for text in hostile:
            for entry in (
                replace(ENTRY, body=text),
                replace(ENTRY, sender=text),
                replace(ENTRY, recipient=text),
                replace(ENTRY, details={text: text}),
            ):
                shown = line(entry)
                self.assertEqual(len(shown.splitlines()), 1, repr(shown))
                self.assertTrue(shown[:-1].isprintable(), repr(shown))
        self.assertEqual(visible("a\\nb"), "a\\\\nb")
        self.assertEqual(visible("a\nb\t\x07\U000e0001"), "a\\nb\\t\\u0007\\U000e0001")

    def test_address_with_spaces_stays_one_word(self) -> None:
        shown = line(replace(ENTRY, sender="a@x -> admin@x: yes"))
        self.assertEqual(shown.count(" -> "), 1)

    @given(st.text(max_size=60))
    def test_any_text_is_one_line_and_can_be_told_apart(self, text: str) -> None:
        shown = visible(text)
        self.assertLessEqual(len(f"{shown}\n".splitlines()), 1)
        for other in (text + "\\", text.replace("\n", "\\n")):
            self.assertEqual(visible(other) == shown, other == text)

    def test_erased(self) -> None:
        leaf = Draft(ENTRY, 0, SEAL).leaf(0)
        self.assertIn("(erased)", line_of(replace(leaf, salt=None, content=None, body="")))

    def test_number(self) -> None:
        self.assertEqual(number_of(line(ENTRY).encode()), 17)
        for text in (b"", b"hello", b"2026 #x message", b" #17 message"):
            self.assertIsNone(number_of(text))

    def test_times(self) -> None:
        self.assertEqual(iso_time(0), "1970-01-01T00:00:00.000000Z")
        self.assertEqual(iso_time(1_795_000_000_999_999), "2026-11-18T11:06:40.999999Z")
        self.assertEqual(date_of(1_795_046_399_999_999), "2026-11-18")
        self.assertEqual(date_of(1_795_046_400_000_000), "2026-11-19")
        for odd in (-1, 1 << 63, -(1 << 63)):
            self.assertTrue(iso_time(odd).endswith("Z"))
