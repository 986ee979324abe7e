"""Times to and from ISO 8601."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import Invalid
from mailim.times import iso, micros


class TimeTests(SynchronousTestCase):
    def test_a_known_moment(self) -> None:
        self.assertEqual(iso(1_795_421_730_000_001), "2026-11-23T08:15:30.000001Z")
        self.assertIsNone(iso(None))

    def test_dates_and_zones(self) -> None:
        self.assertEqual(micros("1970-01-02", "since"), 86_400_000_000)
        self.assertEqual(micros("1970-01-01T01:00+01:00", "since"), 0)

    def test_what_is_no_time_names_the_field(self) -> None:
        for text in ("", "yesterday", "2026-13-01", "now"):
            error = self.assertRaises(Invalid, micros, text, "since")
            self.assertEqual(error.path, "since")

    @given(st.integers(0, 4_000_000_000_000_000))
    def test_round_trip(self, time: int) -> None:
        self.assertEqual(micros(str(iso(time)), "x"), time)
