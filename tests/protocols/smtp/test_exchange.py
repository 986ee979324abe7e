"""Mail from other servers, over real sockets into a whole server."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import fail
from twisted.internet.ssl import CertificateOptions

from mailim.errors import StoreUnavailable
from tests.fakes.raw_smtp import CLOSED
from tests.fakes.waiting import until
from tests.protocols.smtp.office import ALICE, BOB, OfficeCase

TEXT = "From: carl@example.org\r\nSubject: hi\r\n\r\n..dots\r\n.\r\n"
ENVELOPE = ("MAIL FROM:<carl@example.org>", f"RCPT TO:<{BOB}>")


class ReceivingTests(OfficeCase):
    async def test_a_mail_arrives(self) -> None:
        await self.serve()
        client = await self.connect()
        codes = await client.all(*ENVELOPE, "DATA")
        self.assertEqual(codes, ["250 2.1.0", "250 2.1.5", "354 Send "])
        client.send(TEXT)
        self.assertRegex(await client.next(), r"250 2\.0\.0 Taken as \d+\.")
        [mail] = await self.inbox()
        path, received, _ = mail.split(b"\r\n", 2)
        self.assertEqual(path, b"Return-Path: <carl@example.org>")
        self.assertEqual(received, b"Received: from client.example ([127.0.0.1])")
        self.assertIn(b" with ESMTP id ", mail)
        self.assertIn(b"\tfor <bob@example.test>;", mail)
        self.assertTrue(mail.endswith(b"Subject: hi\r\n\r\n.dots\r\n"))
        self.assertTrue((await client.say("QUIT")).startswith("221 2.0.0"))
        self.assertEqual(await client.next(), CLOSED)

    async def test_what_is_offered(self) -> None:
        await self.serve()
        client = await self.connect(hello=False)
        offered = (await client.say("EHLO client.example")).split("\n")
        self.assertEqual(
            [line[4:].partition(" ")[0] for line in offered[1:]],
            ["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES",
             "DSN", "STARTTLS"],
        )  # fmt: skip
        inside = await client.start_tls()
        self.assertNotIn("STARTTLS", inside)
        self.assertNotIn("AUTH", inside)
        self.assertTrue((await client.say("AUTH PLAIN AGEAYg==")).startswith("502"))

    async def test_inside_tls(self) -> None:
        await self.serve()
        client = await self.connect(hello=False)
        await client.start_tls()
        await client.all(*ENVELOPE, "DATA")
        client.send(TEXT)
        await client.next()
        [mail] = await self.inbox()
        self.assertTrue(re.search(rb" with ESMTPS id \w+\r\n\t\(TLSv1\.3 TLS_", mail), mail)

    async def test_who_gets_mail(self) -> None:
        server = await self.serve()
        await server.core.accounts.add_alias("robert@example.test", BOB)
        await server.core.accounts.add_group("all@example.test", "All")
        await server.core.accounts.add_member("all@example.test", BOB)
        await server.core.accounts.add_member("all@example.test", ALICE)
        await server.core.accounts.add_group("none@example.test", "None")
        await server.core.accounts.add_alias("away@example.test", "bob@example.org")
        client = await self.connect()
        await client.say("MAIL FROM:<>")
        for path, code in (
            ("BOB@Example.Test", "250 2.1.5"),
            ('"bob"@example.test', "250 2.1.5"),
            ("@relay.example:bob@example.test", "250 2.1.5"),
            ("robert@example.test", "250 2.1.5"),
            ("bob+list@example.test", "250 2.1.5"),
            ("all@example.test", "250 2.1.5"),
            ("Postmaster", "250 2.1.5"),
            ("postmaster@example.test", "250 2.1.5"),
            ("none@example.test", "550 5.1.1"),
            ("nobody@example.test", "550 5.1.1"),
            ('"b ob"@example.test', "550 5.1.1"),
            ("bob@[127.0.0.1]", "550 5.7.1"),
            ("bob@example.org", "550 5.7.1"),
            ("away@example.test", "550 5.3.2"),
            ("bob%example.org@example.test", "550 5.1.1"),
            ("bøb@example.test", "553 5.6.7"),
            ("bob", "501 5.1.3"),
        ):
            self.assertEqual((await client.say(f"RCPT TO:<{path}>"))[:9], code, path)
        await client.say("DATA")
        client.send(TEXT)
        await client.next()
        await self.inbox(BOB)
        await self.inbox(ALICE)

    async def test_all_at_once(self) -> None:
        """RFC 2920: what may stand in one group, and BDAT behind it."""
        await self.serve()
        client = await self.connect()
        group = "\r\n".join([*ENVELOPE, "RCPT TO:<x@example.test>", "BDAT 3", "a\r\nBDAT 2 LAST"])
        client.send(f"{group}\r\n\r\nRSET\r\nNOOP\r\nQUIT\r\n")
        codes = [(await client.next())[:3] for _ in range(8)]
        self.assertEqual(codes, ["250", "250", "550", "250", "250", "250", "250", "221"])
        [mail] = await self.inbox()
        self.assertTrue(mail.endswith(b"\r\na\r\n\r\n"), mail)

    async def test_utf8(self) -> None:
        await self.serve()
        client = await self.connect()
        codes = await client.all(
            "MAIL FROM:<küche@bücher.example>", "MAIL FROM:<küche@bücher.example> SMTPUTF8",
            f"RCPT TO:<{BOB}>", "DATA",
        )  # fmt: skip
        self.assertEqual([code[:3] for code in codes], ["553", "250", "250", "354"])
        client.send("Subject: Grüße\r\n\r\n.\r\n")
        await client.next()
        [mail] = await self.inbox()
        self.assertIn(" with UTF8SMTP id ", mail.decode())

    async def test_helo(self) -> None:
        await self.serve()
        client = await self.connect(hello=False)
        self.assertEqual(await client.say("HELO ev)il;<x>"), "250 localhost")
        await client.all(*ENVELOPE, "DATA")
        client.send(TEXT)
        await client.next()
        [mail] = await self.inbox()
        self.assertIn(b"Received: from unknown (ev\\)il;<x>) ([127.0.0.1])\r\n", mail)
        self.assertIn(b" with SMTP id ", mail)


class OrderTests(OfficeCase):
    async def test_commands_out_of_order(self) -> None:
        await self.serve()
        client = await self.connect(hello=False)
        codes = await client.all("MAIL FROM:<a@example.org>", "EHLO x", "RCPT TO:<a@b>", "DATA")
        self.assertEqual([code[:3] for code in codes], ["503", "250", "503", "503"])
        codes = await client.all("MAIL FROM:<>", "MAIL FROM:<>", "DATA", "RSET", "DATA", "TURN")
        self.assertEqual([code[:3] for code in codes], ["250", "503", "554", "250", "503", "500"])
        codes = await client.all("VRFY bob", "EXPN all", "HELP", "NOOP x")
        self.assertEqual([code[:3] for code in codes], ["252", "502", "214", "250"])
        codes = await client.all("MAIL FROM:<> RET=SOME", "MAIL FROM:<> SIZE=999999999999")
        self.assertEqual(codes, ["501 5.5.4", "552 5.3.4"])

    async def test_what_stands_behind_a_command_that_decides(self) -> None:
        await self.serve()
        for before, sent, code in (
            ((), "STARTTLS\r\nEHLO x\r\n", "554"),
            ((), "STARTTLS\r\n ", "554"),
            ((), "EHLO x\r\nMAIL FROM:<>\r\n", "554"),
            (ENVELOPE, "DATA\r\nx", "554"),
        ):
            client = await self.connect()
            await client.all(*before)
            client.send(sent)
            self.assertEqual((await client.next())[:3], code, sent)
            self.assertEqual(await client.next(), CLOSED)
        self.assertEqual(await self.spooled(), 0)

    async def test_words_before_tls_are_forgotten_inside(self) -> None:
        """RFC 3207 4.2."""
        await self.serve()
        client = await self.connect()
        await client.all(*ENVELOPE)
        self.assertEqual((await client.say("STARTTLS"))[:3], "220")
        transport: Any = client.transport
        transport.startTLS(CertificateOptions())
        codes = await client.all("RCPT TO:<bob@example.test>", "MAIL FROM:<>", "STARTTLS")
        self.assertEqual([code[:3] for code in codes], ["503", "503", "503"])

    async def test_smuggling(self) -> None:
        """No other line end ends a mail, and whoever tries is cut off."""
        await self.serve()
        for end in ("\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\n\n.\r\n"):
            client = await self.connect()
            await client.all(*ENVELOPE, "DATA")
            client.send(f"a{end}MAIL FROM:<evil@example.org>\r\n.\r\n")
            self.assertEqual((await client.next())[:9], "521 5.5.2", repr(end))
            self.assertEqual(await client.next(), CLOSED)
        self.assertEqual(await self.spooled(), 0)

    async def test_bare_line_ends_in_commands(self) -> None:
        await self.serve()
        for line in ("NOOP\n", "NOOP\r\r\n", "NO\rOP\r\n", "\n", "x" * 3000):
            client = await self.connect()
            client.send(line)
            self.assertEqual((await client.next())[:9], "521 5.5.2")
            self.assertEqual(await client.next(), CLOSED)

    async def test_chunks_nobody_asked_for_are_read(self) -> None:
        """RFC 3030 2: the octets come whatever the answer."""
        await self.serve()
        client = await self.connect()
        client.send("BDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<>\r\nBDAT 6\r\nRSET\r\nNOOP\r\n")
        codes = [(await client.next())[:3] for _ in range(4)]
        self.assertEqual(codes, ["503", "250", "503", "250"])
        client.send("BDAT 99999999999\r\n")
        self.assertEqual((await client.next())[:9], "552 5.3.4")
        self.assertEqual(await client.next(), CLOSED)


class LimitTests(OfficeCase):
    async def test_errors(self) -> None:
        await self.serve(errors_per_connection=3)
        client = await self.connect()
        self.assertEqual(await client.all("X", "X", "X", "X"), [*["500 5.5.1"] * 3, "421 4.7.0"])
        self.assertEqual(await client.next(), CLOSED)

    async def test_idle_commands(self) -> None:
        await self.serve()
        client = await self.connect()
        for _ in range(99):
            self.assertEqual((await client.say("NOOP"))[:3], "250")
        self.assertEqual((await client.say("NOOP"))[:3], "421")

    async def test_recipients(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.say("MAIL FROM:<>")
        client.send("".join(f"RCPT TO:<bob+{n}@example.test>\r\n" for n in range(10_000)))
        codes = [(await client.next())[:9] for _ in range(10_000)]
        self.assertEqual(codes, ["250 2.1.5"] * 100 + ["452 4.5.3"] * 9900)

    async def test_messages(self) -> None:
        await self.serve(messages_per_connection=1)
        client = await self.connect()
        await client.all(*ENVELOPE, "DATA")
        client.send(TEXT)
        await client.next()
        self.assertEqual((await client.say("MAIL FROM:<>"))[:9], "421 4.7.0")

    async def test_connections(self) -> None:
        await self.serve(connections_per_address=1)
        first = await self.connect()
        port = self.server.listeners.port("smtp")
        assert port is not None
        error = await self.assertFailure(_connected(port), AssertionError)
        self.assertIn("421 Too many", str(error))
        await first.say("QUIT")
        await first.next()
        await self.connect()

    async def test_other_limits_after_a_reload(self) -> None:
        await self.serve(errors_per_connection=3, connections_per_address=2)
        file = self.server.core.site.file
        text = file.read_text().replace("errors_per_connection = 3", "errors_per_connection = 1")
        file.write_text(text.replace("_per_address = 2\n", "_per_address = 1\n"))
        before = await self.connect()
        self.assertEqual(await self.server.reload(), [])
        codes = [(await before.say("WHAT"))[:3] for _ in range(4)]
        self.assertEqual(codes, ["500", "500", "500", "421"])  # as it was when he came
        self.assertEqual(await before.next(), CLOSED)
        after = await self.connect()
        self.assertEqual([(await after.say("WHAT"))[:3] for _ in range(2)], ["500", "421"])
        await self.connect()
        error = await self.assertFailure(
            _connected(self.server.listeners.port("smtp") or 0), AssertionError
        )
        self.assertIn("421 Too many", str(error))

    async def test_size(self) -> None:
        await self.serve(more={"mail.message_octets": 65536})
        client = await self.connect()
        codes = await client.all("MAIL FROM:<> SIZE=65537", *ENVELOPE, "DATA")
        self.assertEqual(codes[0], "552 5.3.4")
        client.send(b"x" * 70_000 + b"\r\n.\r\n")
        self.assertEqual((await client.next())[:9], "552 5.3.4")
        # The conversation goes on, and one that never ends is cut off.
        await client.all(*ENVELOPE, "DATA")
        client.send(b"x" * 400_000)
        self.assertEqual((await client.next())[:9], "552 5.3.4")
        self.assertEqual(await client.next(), CLOSED)
        client = await self.connect()
        await client.all(*ENVELOPE)
        client.send(b"BDAT 70000\r\n" + b"x" * 70_000 + b"BDAT 0 LAST\r\n")
        self.assertEqual((await client.next())[:9], "552 5.3.4")
        self.assertEqual((await client.next())[:9], "503 5.5.1")
        self.assertEqual(await self.spooled(), 0)

    async def test_silence(self) -> None:
        await self.serve(command_seconds=5, data_seconds=5)
        silent, slow = await self.connect(), await self.connect()
        await slow.all(*ENVELOPE, "DATA")
        slow.send("a")
        self.assertEqual((await silent.next())[:9], "421 4.4.2")
        self.assertEqual((await slow.next())[:9], "421 4.4.2")

    async def test_a_loop(self) -> None:
        await self.serve()
        client = await self.connect()
        await client.all(*ENVELOPE, "DATA")
        client.send("Received: from x\r\n" * 101 + "\r\n.\r\n")
        self.assertEqual((await client.next())[:9], "554 5.4.6")


class FailureTests(OfficeCase):
    async def test_no_room_and_room_again(self) -> None:
        server = await self.serve()
        client = await self.connect()
        store = server.core.store
        write = store.write
        for large in (False, True):
            await client.all(*ENVELOPE, "DATA")
            store.write = lambda *_: fail(StoreUnavailable("full"))  # type: ignore[method-assign]
            client.send(b"x" * (500_000 if large else 5) + b"\r\n.\r\n")
            self.assertEqual((await client.next())[:9], "452 4.3.1")
            store.write = write  # type: ignore[method-assign]
        await client.all(*ENVELOPE, "DATA")
        client.send(TEXT)
        self.assertEqual((await client.next())[:3], "250")
        await self.inbox()

    async def test_a_client_that_hangs_up_leaves_nothing(self) -> None:
        server = await self.serve()
        client = await self.connect()
        client.send("\r\n".join([*ENVELOPE, "BDAT 200000", "x" * 200_000]))
        for _ in range(3):
            self.assertEqual((await client.next())[:3], "250")
        self.assertEqual((await client.say("STARTTLS"))[:3], "220")
        for sent in ("", "x" * 300_000, TEXT[:-1]):
            client = await self.connect()
            await client.all(*ENVELOPE, "DATA")
            client.send(sent)
            transport: Any = client.transport
            transport.loseConnection()
            self.assertEqual(await client.next(), CLOSED)
        await (await self.connect()).say("NOOP")
        self.assertEqual(await self.spooled(), 0)
        bodies = server.core.site.var / "bodies"
        # Files are removed in a thread.
        await until(lambda: not any(each.is_file() for each in bodies.rglob("*")))

    async def test_the_server_stops(self) -> None:
        server = await self.serve()
        client = await self.connect()
        await client.all(*ENVELOPE)
        stopping = server.stopService()
        self.assertEqual((await client.next())[:9], "421 4.3.2")
        self.assertEqual(await client.next(), CLOSED)
        await stopping


def _connected(port: int) -> Any:
    from twisted.internet.defer import Deferred

    from tests.fakes.raw_smtp import connect

    return Deferred.fromCoroutine(connect(port))
