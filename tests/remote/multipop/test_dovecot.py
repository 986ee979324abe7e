"""Collecting from a real Dovecot: TLS, STLS, plain; leaving and deleting; byte by byte."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter
from typing import Any

from twisted.internet.threads import deferToThread

from tests.fakes.dovecot import Dovecot
from tests.remote.multipop.sites import SiteTest, message, settings
from tests.remote.multipop.test_collecting import AWKWARD

USERS = {name: f"pass {name}" for name in ("kate", "leave", "tls", "stls", "plain", "many", "odd")}


class DovecotTest(SiteTest):
    """One Dovecot for all tests, a mailbox each."""

    timeout = 600
    dovecot: Dovecot | None = None

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.config = settings(allow_plaintext=True, timeout_seconds=60)
        self.server = await deferToThread(Dovecot, USERS)
        self.addCleanup(deferToThread, self.server.stop)

    async def user(self, name: str, tls: str = "tls", **values: Any) -> int:
        port = self.server.pop3s if tls == "tls" else self.server.pop3
        ca = "" if tls == "none" else str(self.server.ca)
        usual = {"host": "localhost", "user": name, "password": USERS[name], "tls": tls, "ca": ca}
        return await self.box(port, **(usual | values))

    async def test_tls_stls_and_plain(self) -> None:
        boxes: dict[str, int] = {}
        for tls, name in (("tls", "tls"), ("stls", "stls"), ("none", "plain")):
            self.server.put(name, message(len(boxes)))
            boxes[name] = await self.user(name, tls)
            found = await self.multipop.test(boxes[name])
            self.assertEqual((found.ok, found.messages), (True, 1), found.detail)
        await self.multipop.run()
        for name, box in boxes.items():
            state = await self.multipop.find(box)
            self.assertEqual((state.state, state.box.last_error, name), ("idle", "", name))
            self.assertEqual(self.server.count(name), 0)
        self.assertEqual(sorted(await self.spooled()), [message(n) for n in range(3)])

    async def test_wrong_password_and_wrong_ca(self) -> None:
        self.server.put("kate", message(1))
        box = await self.user("kate", password="wrong")
        state = await self.collect(box)
        self.assertIn("refused the name or the password", state.box.last_error)
        await self.multipop.change(box, {"password": USERS["kate"], "ca": ""})
        state = await self.collect(box)
        self.assertIn("not trusted", state.box.last_error)
        await self.multipop.change(box, {"ca": str(self.server.ca), "host": "127.0.0.1"})
        self.assertEqual((await self.collect(box)).state, "idle")
        self.assertEqual(await self.spooled(), [message(1)])

    async def test_leave_then_delete(self) -> None:
        for number in range(20):
            self.server.put("leave", message(number))
        box = await self.user("leave", leave=True)
        for _ in range(3):
            await self.collect(box)
        self.assertEqual((len(await self.spooled()), self.server.count("leave")), (20, 20))
        self.server.put("leave", message(20))
        await self.collect(box)
        await self.multipop.change(box, {"leave": False})
        state = await self.collect(box)
        self.assertEqual((state.box.collected, self.server.count("leave")), (21, 0))
        self.assertEqual(sorted(await self.spooled()), sorted(message(n) for n in range(21)))

    async def test_a_thousand(self) -> None:
        """Through the queue into the inbox, each once, and deleted there."""
        queue = self.start_queue()
        sent: Counter[str] = Counter()
        for number in range(1000):
            data = message(number, size=300_000 if number % 250 == 0 else number * 7)
            self.server.put("many", data)
            sent[hashlib.sha256(data).hexdigest()] += 1
        box = await self.user("many")
        begun = time.monotonic()
        state = await self.collect(box)
        seconds = time.monotonic() - begun
        self.assertEqual((state.state, state.box.collected), ("idle", 1000))
        found = await self.delivered(queue)
        here = Counter(hashlib.sha256(data).hexdigest() for _, data in found)
        self.assertEqual((here == sent, self.server.count("many")), (True, 0))
        self.assertLess(seconds, 240)

    async def test_byte_exact(self) -> None:
        """As Dovecot sends them: it makes every line end CRLF, and ends the last line."""
        # Dovecot 2.3 changes NUL, and does not double a dot at the very beginning.
        sent = [data for data in AWKWARD if b"\0" not in data and not data.startswith(b".")]
        for data in sent:
            self.server.put("odd", data)
        box = await self.user("odd")
        state = await self.collect(box)
        self.assertEqual((state.state, state.box.last_error), ("idle", ""))
        wanted = []
        for data in sent:
            lines = re.sub(rb"(?<!\r)\n", b"\r\n", data)
            lines += b"" if lines.endswith(b"\r\n") else b"\r\n"
            wanted.append(hashlib.sha256(lines).hexdigest())
        found = [hashlib.sha256(data).hexdigest() for data in await self.spooled()]
        self.assertEqual(sorted(found), sorted(wanted))

    async def test_two_at_once_get_in_use(self) -> None:
        """Somebody else has the mailbox open: Dovecot lets both in, or says [IN-USE]."""
        self.server.put("kate", message(1))
        first = await self.user("kate")
        second = await self.user("kate", host="127.0.0.1", account_id=2)
        await self.multipop.run()
        for box in (first, second):
            self.assertIn((await self.multipop.find(box)).state, ("idle", "waiting"))
        await self.multipop.run()
        self.assertEqual(self.server.count("kate"), 0)
        self.assertIn(message(1), await self.spooled())
