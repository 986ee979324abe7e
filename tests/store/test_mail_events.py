"""The trace: what the spool's rows write by themselves, what others add, looking, forgetting."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.mail_events import (
    AUTOREPLY,
    DELIVERED,
    FILTERED,
    MailQuery,
    TracedMail,
)
from mailim.interfaces.spool import NewMail
from mailim.limits import EVENT_DETAIL_CHARS, MESSAGE_ID_CHARS
from mailim.store.mail_events import MailEventRows
from mailim.wire.message import describe
from tests.fakes.store import open_transaction
from tests.store.mails import message, prepared

MAIL = NewMail("Ann@Example.org", ("team@x", "b@x"), "smtp", "[192.0.2.1] (mx)", 1000, None)


class MailEventsTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.events = self.tx.mail_events
        self.spool = self.tx.spool

    def add(self, mail: NewMail = MAIL, message_id: str = "one@x") -> int:
        data = message(message_id=message_id)
        body_id = self.tx.bodies.add(prepared(data))
        return self.spool.add(mail, body_id, b"Received: x\r\n", describe(data))

    def recipients(self, spool_id: int) -> list[int]:
        entry = self.spool.get(spool_id)
        return [each.id for each in entry.recipients] if entry else []

    def lines(self, spool_id: int) -> list[tuple[str, str, str]]:
        found = self.events.events([spool_id], 99)
        return [(each.what, each.address, each.detail) for each in found]

    def found(self, **words: object) -> list[int]:
        return [each.spool_id for each in self.events.mails(MailQuery(**words))]  # type: ignore[arg-type]

    def test_the_whole_way(self) -> None:
        spool_id = self.add()
        group, other = self.recipients(spool_id)
        self.spool.replace_recipient(group, ["a@x", "far@y"])
        _, here, far = self.recipients(spool_id)
        self.events.add(spool_id, FILTERED, "A@X", "the rule “bills”")
        self.spool.done(here, DELIVERED, "a@x: Inbox, item 7")
        self.spool.retry(far, 5000, "mx.y said: 451 later")
        self.spool.hold_recipient(far, "odd")
        self.spool.hold(spool_id, True, "Held by console")
        self.spool.hold(spool_id, False, "by console")
        self.spool.retry_now(spool_id, "by console")
        self.spool.retry_now(None, "by root")
        self.spool.done(other)
        self.spool.remove(spool_id, "by console")
        self.assertEqual(
            self.lines(spool_id),
            [
                ("expanded", "team@x", "a@x, far@y"),
                ("filtered", "a@x", "the rule “bills”"),
                ("delivered", "a@x", "a@x: Inbox, item 7"),
                ("waits", "far@y", "mx.y said: 451 later"),
                ("held", "far@y", "odd"),
                ("held", "", "Held by console"),
                ("released", "", "by console"),
                ("retried", "", "by console"),
                ("retried", "", "by root"),
                ("ended", "b@x", ""),
                ("removed", "far@y", "by console"),
            ],
        )
        self.assertEqual(self.events.events([spool_id], 4)[3].next_attempt, 5000)
        (head,) = self.events.named("one@x", 9)
        size = len(message(message_id="one@x")) + len(b"Received: x\r\n")
        self.assertEqual(
            head,
            TracedMail(
                spool_id, 1000, "one@x", "ann@example.org", size, "smtp", "[192.0.2.1] (mx)"
            ),
        )

    def test_nothing_happened(self) -> None:
        spool_id = self.add()
        (first, _) = self.recipients(spool_id)
        self.spool.done(first)
        before = self.lines(spool_id)
        self.spool.retry(first, 5000, "")
        self.spool.hold_recipient(first, "odd")
        self.spool.hold(spool_id, False)
        self.spool.hold(spool_id, True, "held")
        self.spool.retry_now(spool_id)
        self.spool.retry_now()
        self.assertEqual(self.lines(spool_id), [*before, ("held", "", "held")])

    def test_a_mail_without_a_head(self) -> None:
        self.events.add(4711, FILTERED, "a@x", "nobody knows it")
        self.assertEqual(self.lines(4711), [])

    def test_none_kept(self) -> None:
        self.tx.spool._events = quiet = MailEventRows(self.events._db, lambda: 0.0, False)
        spool_id = self.add()
        quiet.add(spool_id, FILTERED)
        self.spool.remove(spool_id)
        self.assertEqual((self.found(), self.lines(spool_id)), ([], []))

    def test_caused(self) -> None:
        first, second = self.add(), self.add(replace(MAIL, sender=""), "two@x")
        self.events.add(first, AUTOREPLY, "b@x", "", second)
        (event,) = self.events.events([first, second], 9)
        self.assertEqual((event.spool_id, event.other), (first, second))
        self.assertEqual([each.spool_id for each in self.events.some([second, first])], [1, 2])

    def test_same_message_id(self) -> None:
        ids = [self.add(), self.add(message_id="other@x"), self.add()]
        self.assertEqual([each.spool_id for each in self.events.named("one@x", 9)], [1, 3])
        self.assertEqual([each.spool_id for each in self.events.named("one@x", 1)], [1])
        self.assertEqual([each.spool_id for each in self.events.named(str(ids[1]), 9)], [2])

    def test_garbage(self) -> None:
        """What strangers write as message ids can be kept, and looked for."""
        for garbage in ("' OR 1=1 --@x", "ü\U0001f600@x", "a" * 3000 + "@x", "%_@*", "\ud800@x"):
            data = message(message_id="one@x")
            facts = replace(describe(data), message_id=(garbage,))
            spool_id = self.spool.add(MAIL, self.tx.bodies.add(prepared(data)), b"", facts)
            found = self.events.named(garbage, 99)
            self.assertEqual([each.spool_id for each in found], [spool_id], garbage)
            self.assertLessEqual(len(found[0].message_id), MESSAGE_ID_CHARS)
        for nothing in ("", "0", "9" * 400, "-1", "\x00", "%", "²"):
            self.assertEqual(self.events.named(nothing, 9), [], nothing)

    def test_no_message_id(self) -> None:
        data = message()
        facts = replace(describe(data), message_id=())
        self.spool.add(MAIL, self.tx.bodies.add(prepared(data)), b"", facts)
        self.assertEqual(self.events.named("", 9), [])
        self.assertEqual(self.events.mails(MailQuery())[0].message_id, "")

    def test_long_detail(self) -> None:
        spool_id = self.add()
        self.events.add(spool_id, FILTERED, "", "x" * 5000 + "\ud800")
        self.assertEqual(len(self.lines(spool_id)[0][2]), EVENT_DETAIL_CHARS)

    def test_looking(self) -> None:
        first = self.add()
        second = self.add(replace(MAIL, sender="", recipients=("Bob@Y.example",), received=2000))
        third = self.add(replace(MAIL, sender="kim@example.org", received=3000))
        self.spool.done(self.recipients(first)[0])
        self.spool.remove(first)
        self.assertEqual(self.found(), [third, second, first])
        self.assertEqual(self.found(sender="ANN@example.org"), [first])
        self.assertEqual(self.found(sender="example.org"), [third, first])
        self.assertEqual(self.found(sender=""), [second])
        self.assertEqual(self.found(recipient="b@x"), [third, first])
        self.assertEqual(self.found(recipient="bob@y.EXAMPLE"), [second])
        self.assertEqual(self.found(recipient="y.example"), [second])
        self.assertEqual(self.found(recipient="%"), [])
        self.assertEqual(self.found(since=2000), [third, second])
        self.assertEqual(self.found(since=2000, until=3000), [second])
        self.assertEqual(self.found(before=third, limit=1), [second])
        self.assertEqual(self.events.recipients([first, second]), {1: ["b@x", "team@x"],
                         2: ["bob@y.example"]})  # fmt: skip

    def test_forgetting(self) -> None:
        old = [self.add() for _ in range(3)]
        new = self.add(replace(MAIL, received=9000))
        for spool_id in old[:2]:
            for _ in range(4):
                self.events.add(spool_id, FILTERED)
            self.spool.remove(spool_id)
        self.spool.remove(new)
        self.assertEqual(self.events.sweep(1000, 50), 0)
        # 6 lines and a head each; what is still in the spool stays.
        self.assertEqual(self.events.sweep(1001, 5), 5)
        self.assertEqual(self.found(), [new, old[2], old[1], old[0]])
        self.assertEqual(self.events.sweep(1001, 50), 9)
        self.assertEqual(self.found(), [new, old[2]])
        self.assertEqual(self.events.sweep(1001, 50), 0)
        self.assertEqual(self.lines(new)[0][0], "removed")
