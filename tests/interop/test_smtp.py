"""Mail over SMTP from clients of other people: swaks and smtplib; read by JMAP."""

from __future__ import annotations

import contextlib
import random
import re
import resource
import signal
import smtplib
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.jmap import Jmap
from tests.fakes.peers import peer
from tests.fakes.site import DOMAIN, RunningSite

PASSWORD = "correct horse battery"
BOB = f"bob@{DOMAIN}"
ALICE = f"alice@{DOMAIN}"


class SmtpCase(SynchronousTestCase):
    measured = True
    changes: dict[str, Any] = {}

    def setUp(self) -> None:
        accounts = {"alice": PASSWORD, "bob": PASSWORD}
        self.site = RunningSite(accounts, self.changes, measured=self.measured)
        self.addCleanup(self.site.stop)

    def until(self, true: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := true():
                return found
            time.sleep(0.1)
        raise AssertionError("it did not become true")

    def mails(self, count: int, *properties: str) -> tuple[Jmap, list[dict[str, Any]]]:
        """Wait for bob to have so many mails."""
        jmap = Jmap(self.site, BOB, PASSWORD)
        wanted = ("subject", "blobId", "from", *properties)
        found = self.until(lambda: (got := jmap.emails(*wanted)) and len(got) >= count and got)
        self.assertEqual(len(found), count)
        return jmap, found

    def exchange(self) -> smtplib.SMTP:
        client = smtplib.SMTP("localhost", self.site.ports["smtp"], timeout=120)
        self.addCleanup(client.close)
        return client


class SmtplibTests(SmtpCase):
    def test_every_octet_arrives(self) -> None:
        text = b"Subject: dots\r\nFrom: carl@example.org\r\n\r\n" + b"\r\n".join(
            [b".", b"..", b"", b"x" * 5000, bytes(range(128, 256)), b".end"]
        )
        client = self.exchange()
        client.starttls(context=self.site.context())
        self.assertEqual(client.sendmail("carl@example.org", [BOB], text, ["BODY=8BITMIME"]), {})
        client.quit()
        jmap, [mail] = self.mails(1)
        self.assertEqual(mail["subject"], "dots")
        data = jmap.download(mail["blobId"])
        self.assertTrue(data.endswith(text + b"\r\n"))
        self.assertIn(b" with ESMTPS id ", data)

    def test_strangers_are_refused(self) -> None:
        client = self.exchange()
        for recipient, code in ((f"nobody@{DOMAIN}", 550), ("carl@example.org", 550)):
            error = self.assertRaises(
                smtplib.SMTPRecipientsRefused, client.sendmail, "", [recipient], b"x"
            )
            self.assertEqual(error.recipients[recipient][0], code)
        client.sendmail("", [BOB, f"nobody@{DOMAIN}"], b"Subject: to one\r\n\r\n")
        self.mails(1)

    def test_submission_with_starttls_and_with_tls(self) -> None:
        context = self.site.context()
        with smtplib.SMTP("localhost", self.site.ports["submission"], timeout=120) as client:
            self.assertRaises(smtplib.SMTPException, client.login, ALICE, PASSWORD)
            client.starttls(context=context)
            self.assertRaises(smtplib.SMTPAuthenticationError, client.login, ALICE, "wrong")
            client.login(ALICE, PASSWORD)
            client.sendmail(ALICE, [BOB], f"From: {ALICE}\r\nSubject: one\r\n\r\nHello\r\n")
        port = self.site.ports["submissions"]
        with smtplib.SMTP_SSL("localhost", port, timeout=120, context=context) as client:
            client.login("alice", PASSWORD)
            text = "Subject: two\r\n\r\nHello\r\n"
            error = self.assertRaises(smtplib.SMTPDataError, client.sendmail, ALICE, [BOB], text)
            self.assertEqual((error.smtp_code, error.smtp_error[:6]), (554, b"5.6.0 "))
            client.sendmail(ALICE, [BOB], f"From: {ALICE}\r\n{text}")
            self.assertRaises(smtplib.SMTPSenderRefused, client.sendmail, BOB, [BOB], b"x")
        _, found = self.mails(2)
        self.assertEqual([mail["subject"] for mail in found], ["one", "two"])

    def test_a_large_mail(self) -> None:
        text = b"Subject: large\r\n\r\n" + (b"y" * 76 + b"\r\n") * 150_000
        self.exchange().sendmail("carl@example.org", [BOB], text)
        jmap, [mail] = self.mails(1, "size")
        self.assertTrue(jmap.download(mail["blobId"]).endswith(text))


class SwaksTests(SmtpCase):
    def swaks(self, listener: str, *words: str, status: int = 0) -> str:
        done = subprocess.run(
            [peer("swaks", "swaks"), "--server", "localhost", "--timeout", "120",
             "--port", str(self.site.ports[listener]), "--to", BOB, *words],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def test_from_another_server(self) -> None:
        said = self.swaks("smtp", "--from", "carl@example.org", "--header", "Subject: plain")
        self.assertRegex(said, r"250 2\.0\.0 Taken as \d+")
        self.swaks("smtp", "--from", "<>", "--tls", "--header", "Subject: inside")
        self.swaks("smtp", "--from", "a@example.org", "--pipeline", "--header", "Subject: at once")
        # 24: swaks' status for refused recipients.
        self.swaks("smtp", "--to", "carl@example.org", status=24)
        _, found = self.mails(3)
        self.assertEqual({mail["subject"] for mail in found}, {"plain", "inside", "at once"})

    def test_submission(self) -> None:
        login = ("--from", ALICE, "--auth-user", ALICE, "--auth-password", PASSWORD)
        self.swaks("submission", "--tls", "--auth", "PLAIN", *login)
        self.swaks("submission", "--tls", "--auth", "LOGIN", *login)
        self.swaks("submissions", "--tlsc", "--auth", "PLAIN", *login)
        # 28: no login is offered without TLS; 23: the sender is refused.
        self.swaks("submission", "--auth", "PLAIN", *login, status=28)
        self.swaks("submission", "--tls", "--from", ALICE, status=23)
        self.mails(3)


def reached(given: list[str], count: int) -> bool:
    """Say whether so many were taken."""
    return len(given) >= count


class KillTests(SmtpCase):
    measured = False
    changes = {"smtp.messages_per_connection": 10_000}

    def test_what_was_acknowledged_is_there_once(self) -> None:
        """kill -9 during reception: every 250 stands for exactly one mail."""
        given: list[str] = []
        sent: set[str] = set()
        chance = random.Random(1)
        for attempt in range(6):
            over = threading.Event()
            senders = [
                threading.Thread(target=self.bring, args=(f"{attempt}-{n}", given, sent, over))
                for n in range(4)
            ]
            for each in senders:
                each.start()
            time.sleep(0.3 + chance.random())
            self.until(partial(reached, given, 10 * (attempt + 1)))  # a machine may be slow
            self.site.end(signal.SIGKILL)
            over.set()
            for each in senders:
                each.join(30)
            self.site.start()
        self.assertGreater(len(given), 50)
        jmap = Jmap(self.site, BOB, PASSWORD)
        self.until(lambda: set(given) <= set(self.subjects(jmap)), 180)
        count = Counter(self.subjects(jmap))
        self.assertEqual({one: n for one, n in count.items() if n != 1}, {})
        self.assertLessEqual(set(count), sent)

    def subjects(self, jmap: Jmap) -> list[str]:
        """Give the subjects of all mails of bob."""
        found: list[str] = []
        back = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
        while True:
            _, page = jmap.call(
                ("Email/query", {"position": len(found), "limit": 400}),
                ("Email/get", {"#ids": back, "properties": ["subject"]}),
            )
            found += [mail["subject"] for mail in page["list"]]
            if not page["list"]:
                return found

    def bring(self, name: str, given: list[str], sent: set[str], over: threading.Event) -> None:
        """Send mails until the server dies; remember which were taken."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            client = smtplib.SMTP("localhost", self.site.ports["smtp"], timeout=120)
            number = 0
            while not over.is_set():
                number += 1
                subject = f"{name}-{number}"
                size = 200_000 if number % 10 == 0 else 200
                sent.add(subject)
                text = f"Subject: {subject}\r\n\r\n" + "x" * size
                client.sendmail("carl@example.org", [BOB], text)
                given.append(subject)


class FullTests(SmtpCase):
    measured = False

    def test_no_room_gets_452_and_room_again_is_noticed(self) -> None:
        """RFC 3463 4.3.1; the process may not make its files longer, then it may again."""
        limit, hard = resource.prlimit(self.site.pid, resource.RLIMIT_FSIZE)
        for size in (200, 500_000):
            resource.prlimit(self.site.pid, resource.RLIMIT_FSIZE, (1, hard))
            text = b"Subject: %d\r\n\r\n" % size + b"x" * size
            client = self.exchange()
            error = self.assertRaises(smtplib.SMTPDataError, client.sendmail, "", [BOB], text)
            self.assertEqual(error.smtp_code, 452)
            self.assertIn(b"4.3.1", error.smtp_error)
            resource.prlimit(self.site.pid, resource.RLIMIT_FSIZE, (limit, hard))
            client.sendmail("", [BOB], text)
        _, found = self.mails(2)
        self.assertEqual([mail["subject"] for mail in found], ["200", "500000"])


class GarbageTests(SmtpCase):
    measured = False
    changes = {"smtp.connections_per_address": 100}

    def test_ten_thousand_bad_inputs(self) -> None:
        """Each is answered with an error or the end; memory stays."""
        bad = (
            b"\x00\xff\xfe\r\n", b"MAIL FROM:<\r\n", b"EHLO\r\n", b"NOOP\n", b"a\rb\r\n",
            b"x" * 5000, b"GET / HTTP/1.1\r\n", b"BDAT 99999999999999\r\n", b"BDAT 4\r\na\nb\n",
            b"EHLO x\r\nSTARTTLS\r\n\x16\x03\x01", b"DATA\r\n.\r\n", b"AUTH PLAIN AGEAYg==\r\n",
            b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<" + b"a" * 300 + b"@example.test>\r\n",
            b"RCPT TO:<\"a\x07\"@b>\r\n", b"MAIL FROM:<a@b> SIZE=-1\r\n",
        )  # fmt: skip

        def round_of(count: int) -> None:
            for number in range(count):
                sent = bad[number % len(bad)]
                with socket.create_connection(("127.0.0.1", self.site.ports["smtp"]), 20) as peer:
                    peer.sendall(sent + (b"" if b"STARTTLS" in sent else b"QUIT\r\n"))
                    said = b""
                    with contextlib.suppress(ConnectionResetError):
                        while piece := peer.recv(4096):
                            said += piece
                self.assertTrue(re.search(rb"\r\n5\d\d ", said), (sent, said))

        round_of(1500)
        growth: list[int] = []
        allowed = 5 * 1024 * 1024
        while not growth or (growth[-1] >= allowed and len(growth) < 3):
            # What the allocator takes once is no leak; a leak grows on.
            before = self.site.memory()
            round_of(10_000)
            growth.append(self.site.memory() - before)
        self.assertLess(growth[-1], allowed, growth)
        self.exchange().sendmail("", [BOB], b"Subject: still serving\r\n\r\n")
        self.mails(1)
