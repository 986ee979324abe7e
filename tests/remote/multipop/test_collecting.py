"""The good way of a message: from the server through spool, queue and delivery, unchanged."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.defer import Deferred

from mailim.errors import LimitExceeded, StoreUnavailable
from mailim.interfaces.store import ITransaction
from tests.fakes.pop3_server import Mail, Pop3Server, Session, mailbox
from tests.remote.multipop.sites import SiteTest, message, pause, settings

AWKWARD = (
    b".\r\n..\r\n. \r\n...dots\r\n",
    b"Subject: no body\r\n",
    b"\r\nno header\r\n",
    b"Subject: bare CR\r\n\r\na\rb\r\r\n\rc\r\n",
    b"Subject: bare LF\r\n\r\na\nb\n.\nc\n\n.\r\n",
    b"Subject: NUL and 8 bit\r\n\r\n\0\xff\xfe\x80\r\n",
    b"From nobody Mon Jan  1 00:00:00 2024\r\nSubject: mbox\r\n\r\nFrom here\r\n",
    b"Subject: long line\r\n\r\n" + b"x" * 200_000 + b"\r\n",
    b"Subject: long field " + b"y" * 100_000 + b"\r\n\r\nbody\r\n",
    b"Subject: trailing\r\n\r\n   \t\r\n\r\n\r\n\r\n",
    b"\xef\xbb\xbfSubject: BOM\r\n\r\nbody\r\n",
    b"Subject: =?utf-8?q?broken=ZZ?=\r\nContent-Type: text/plain; charset=klingon\r\n\r\n\xe4\r\n",
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nnever closed\r\n",
    b"Subject: ends with a dot\r\n\r\n.\r\n",
    b"\r\n",
    b"x\r\n",
)


class CollectTest(SiteTest):
    """Well-behaved servers."""

    async def test_delete(self) -> None:
        box = mailbox(*(message(n) for n in range(5)))
        await self.box(Pop3Server(box))
        state = await self.collect()
        self.assertEqual(sorted(await self.spooled()), [message(n) for n in range(5)])
        self.assertEqual((box.mails, len(box.deleted)), ([], 5))
        self.assertEqual((state.state, state.box.last_error, state.box.collected), ("idle", "", 5))
        self.assertEqual((state.box.failures, state.box.pending_deletes), (0, 0))
        self.assertEqual(set((await self.states()).values()), {"deleted"})
        self.assertTrue(self.logged("box 1", "5 collected, 5 deleted"))

    async def test_leave(self) -> None:
        box = mailbox(*(message(n) for n in range(5)))
        await self.box(Pop3Server(box), leave=True)
        for _ in range(3):
            state = await self.collect()
        self.assertEqual(len(await self.spooled()), 5)
        self.assertEqual((len(box.mails), set(box.retrieved.values())), (5, {1}))
        box.add(message(7))
        state = await self.collect()
        self.assertEqual((state.box.collected, len(await self.spooled())), (6, 6))

    async def test_spooled_as_what_it_is(self) -> None:
        await self.box(Pop3Server(mailbox(message(1))))
        await self.collect()
        (entry,) = await self.store.read(lambda tx: tx.spool.list(10))
        self.assertEqual((entry.origin, entry.account_id, entry.sender), ("multipop", 1, ""))
        self.assertEqual(entry.source, "127.0.0.1 as kate")
        self.assertEqual([each.address for each in entry.recipients], ["alice@example.test"])
        self.assertIn(b"with POP3", entry.prefix)

    async def test_without_pipelining(self) -> None:
        server = Pop3Server(mailbox(*(message(n) for n in range(20))))
        server.capabilities = ("UIDL",)
        outstanding = []

        def answer_at_once(session: Session, argument: str) -> None:
            outstanding.append(len(session._buffer))
            session.do_RETR(argument)

        server.acts["RETR"] = answer_at_once
        await self.box(server)
        await self.collect()
        self.assertEqual((len(await self.spooled()), len(server.mailbox.deleted)), (20, 20))
        self.assertEqual(set(outstanding), {0})
        self.assertEqual(server.heard[:5], ["CAPA", "USER kate", "PASS secret", "CAPA", "LIST"])

    async def test_pipelining_is_bounded_by_octets(self) -> None:
        server = Pop3Server(mailbox(*(message(n) for n in range(6))))
        for mail in server.mailbox.mails:
            mail.size = 3_000_000
        ahead = []

        def answer(session: Session, argument: str) -> None:
            ahead.append(session._buffer.count(b"RETR"))
            session.do_RETR(argument)

        server.acts["RETR"] = answer
        await self.box(server)
        await self.collect()
        self.assertEqual((len(await self.spooled()), max(ahead)), (6, 0))

    async def test_byte_exact(self) -> None:
        server = Pop3Server(mailbox(*AWKWARD))
        await self.box(server)
        await self.collect()
        wanted = sorted(hashlib.sha256(data).hexdigest() for data in AWKWARD)
        found = sorted(hashlib.sha256(data).hexdigest() for data in await self.spooled())
        self.assertEqual(found, wanted)
        self.assertEqual(server.mailbox.mails, [])

    async def test_byte_exact_in_any_pieces(self) -> None:
        server = Pop3Server(mailbox(*(data for data in AWKWARD if len(data) < 1000)))

        async def in_pieces(session: Session, argument: str) -> None:
            mail = session.mail(argument)
            assert mail is not None
            await session.trickle(b"+OK\r\n" + _stuffed(mail), 0)

        server.acts["RETR"] = in_pieces
        server.capabilities = ("UIDL",)
        await self.box(server)
        await self.collect()
        wanted = sorted(data for data in AWKWARD if len(data) < 1000)
        self.assertEqual(sorted(await self.spooled()), wanted)

    async def test_through_the_queue_into_the_inbox(self) -> None:
        queue = self.start_queue()
        await self.box(Pop3Server(mailbox(*(message(n) for n in range(30)))), leave=True)
        await self.collect()
        found = await self.delivered(queue)
        self.assertEqual(sorted(data for _, data in found), sorted(message(n) for n in range(30)))
        self.assertTrue(all(b"with POP3" in item.prefix for item, _ in found))

    async def test_several_servers_in_one_inbox(self) -> None:
        """Boxes with the same UIDLs, and another account's that stays its own."""
        queue = self.start_queue()
        for number in range(3):
            await self.box(Pop3Server(mailbox(message(number))), leave=True)
        await self.box(Pop3Server(mailbox(message(3))), account_id=2)
        await self.multipop.run()
        found = await self.delivered(queue, 1)
        self.assertEqual(sorted(data for _, data in found), [message(n) for n in range(3)])
        found = await self.delivered(queue, 2)
        self.assertEqual([data for _, data in found], [message(3)])

    async def test_two_hundred_boxes(self) -> None:
        """All are collected, no more than allowed at once, one connection each."""
        self.config = settings(boxes_at_once=10, boxes_per_account=200)
        server = Pop3Server(mailbox())
        boxes = {f"user{n}": mailbox(message(n)) for n in range(200)}
        open_now: list[int] = []

        def who(session: Session, name: str) -> None:
            session.box = boxes[name]
            session.user = "kate"
            session.say("+OK")

        async def hold(session: Session, argument: str) -> None:
            open_now.append(sum(box.open for box in boxes.values()))
            await pause(0.02)
            session.do_LIST(argument)

        server.capabilities = ("UIDL",)
        server.acts = {"USER": who, "LIST": hold}
        for name in boxes:
            await self.box(server, user=name)
        with self.assertRaises(LimitExceeded):
            await self.box(server, user="one more")
        await self.multipop.run(1)
        states = await self.multipop.list(1)
        self.assertEqual({(one.state, one.box.collected) for one in states}, {("idle", 1)})
        self.assertEqual(len(set(await self.spooled())), 200)
        self.assertEqual({box.most_open for box in boxes.values()}, {1})
        self.assertEqual((max(open_now), {len(box.mails) for box in boxes.values()}), (10, {0}))

    async def test_a_failing_box_does_not_disturb_the_others(self) -> None:
        broken = Pop3Server(mailbox(message(1)))
        broken.acts["LIST"] = lambda session, _: session.say("hello?")
        first = await self.box(broken)
        second = await self.box(Pop3Server(mailbox(message(2))))
        await self.multipop.run()
        states = [(await self.multipop.find(box)).state for box in (first, second)]
        self.assertEqual((states, await self.spooled()), (["waiting", "idle"], [message(2)]))


class TransactionTest(SiteTest):
    """Message and UIDL are one, and come before DELE."""

    async def test_dele_only_after_the_commit(self) -> None:
        server = Pop3Server(mailbox(*(message(n) for n in range(10))))
        durable: list[tuple[int, int]] = []

        async def dele(session: Session, argument: str) -> None:
            spooled = await self.store.read(lambda tx: len(tx.spool.list(100)))
            durable.append((spooled, (await self.row()).pending_deletes))
            session.do_DELE(argument)

        server.acts["DELE"] = dele
        await self.box(server)
        await self.collect()
        self.assertEqual(durable, [(10, 10)] * 10)

    async def test_a_store_that_cannot(self) -> None:
        """Nothing is deleted there, and all of it is collected when there is room again."""
        server = Pop3Server(mailbox(*(message(n) for n in range(10))))
        store = FailingStore(self.store)
        self.multipop = self.collector(store=store)
        await self.box(server)
        store.allowed = 4
        state = await self.collect()
        self.assertEqual((server.mailbox.deleted, len(server.mailbox.mails)), ([], 10))
        kept = len(await self.spooled())
        self.assertEqual(await self.states(), dict.fromkeys((await self.seen()), "deleting"))
        self.assertEqual((len(await self.seen()), kept <= 4), (kept, True))
        store.allowed = 1_000_000
        state = await self.collect()
        self.assertEqual((len(await self.spooled()), len(server.mailbox.deleted)), (10, 10))
        self.assertEqual((state.state, state.box.last_error), ("idle", ""))

    async def test_a_full_disk_in_words(self) -> None:
        """The failure is told if only bodies cannot be written."""
        server = Pop3Server(mailbox(message(1)))
        await self.box(server)
        store = FailingStore(self.store)

        class Intake:
            message_octets = 1000

            def writer(self) -> None:
                raise StoreUnavailable("no room")

        self.multipop = self.collector(store=store, intake=Intake())
        state = await self.collect()
        self.assertIn("could not store the mail", state.box.last_error)
        self.assertEqual((state.state, await self.seen()), ("waiting", {}))
        self.assertEqual((len(server.mailbox.mails), server.mailbox.deleted), (1, []))


class FailingStore:
    """A store that fails after so many units were written."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.allowed = 1_000_000
        self.read = store.read
        self.bodies = store.bodies

    def write(self, unit: Any, *priority: Any) -> Deferred[Any]:
        self.allowed -= 1
        if self.allowed >= 0:
            done: Deferred[Any] = self._store.write(unit, *priority)
            return done

        def failing(tx: ITransaction) -> None:
            unit(tx)
            raise StoreUnavailable("the disk is full")

        return self._store.write(failing)  # type: ignore[no-any-return]


def _stuffed(mail: Mail) -> bytes:
    from tests.fakes.pop3_server import stuffed

    return stuffed(mail.data)
