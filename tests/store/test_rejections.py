"""Mail refused at the door: counted by the minute, found by people and time, forgotten."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.mail_events import MailQuery
from mailim.interfaces.rejections import ANY, Rejection
from tests.fakes.store import open_transaction

MINUTE = 60_000_000
ONE = Rejection(
    MINUTE, "192.0.2.1", "carl@example.org", "bib@example.test", 550, "5.1.1 No.", MINUTE + 5, 1
)


class RejectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rows = open_transaction(self).rejections

    def test_alike_within_a_minute_is_one_row(self) -> None:
        self.rows.add([ONE, replace(ONE, last=MINUTE + 9, count=4)])
        self.rows.add([replace(ONE, last=MINUTE + 20, count=2)])
        self.rows.add([replace(ONE, minute=2 * MINUTE, last=2 * MINUTE)])
        self.rows.add([])
        found = self.rows.find(MailQuery())
        self.assertEqual([(one.count, one.last) for one in found],
                         [(1, 2 * MINUTE), (7, MINUTE + 20)])  # fmt: skip

    def test_found_by_people_and_time(self) -> None:
        other = replace(ONE, sender="", recipient="bob@example.test", minute=3 * MINUTE,
                        last=3 * MINUTE + 7, code=452)  # fmt: skip
        folded = replace(ONE, sender=ANY, recipient=ANY, minute=9 * MINUTE, last=9 * MINUTE)
        self.rows.add([ONE, other])
        for query, wanted in (
            (MailQuery(), [other, ONE]),
            (MailQuery(limit=1), [other]),
            (MailQuery(sender="CARL@example.org"), [ONE]),
            (MailQuery(sender="example.org"), [ONE]),
            (MailQuery(sender=""), [other]),
            (MailQuery(recipient="example.test"), [other, ONE]),
            (MailQuery(recipient="bib@example.test"), [ONE]),
            (MailQuery(recipient="bub@example.test"), []),
            (MailQuery(since=MINUTE + 6), [other]),
            (MailQuery(until=MINUTE + 1), [ONE]),
        ):
            self.assertEqual(list(self.rows.find(query)), wanted, query)
        self.rows.add([folded])
        self.assertEqual(list(self.rows.find(MailQuery(recipient="bub@example.test"))), [folded])

    def test_forgotten(self) -> None:
        self.rows.add([replace(ONE, minute=each * MINUTE) for each in range(10)])
        self.assertEqual(self.rows.sweep(0, 100, 50), 0)
        self.assertEqual(self.rows.sweep(3 * MINUTE, 100, 2), 2)
        self.assertEqual(self.rows.sweep(3 * MINUTE, 100, 50), 1)
        self.assertEqual(self.rows.sweep(0, 4, 50), 3)
        left = [one.minute // MINUTE for one in self.rows.find(MailQuery())]
        self.assertEqual(sorted(left), [6, 7, 8, 9])
