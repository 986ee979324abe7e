"""mutt, which the old hands use: writes with an attachment through submission, with SCRAM."""

from __future__ import annotations

import email
import email.policy
import os
import subprocess
from email.message import EmailMessage
from pathlib import Path

from tests.fakes.jmap import Jmap
from tests.fakes.peers import peer
from tests.interop.test_smtp import ALICE, BOB, PASSWORD, SmtpCase

RC = """\
set from = "{alice}"
set realname = "Alice Äpfel"
set use_from = yes
set envelope_from = yes
set copy = no
set smtp_url = "{scheme}://{user}@localhost:{port}/"
set smtp_pass = "{password}"
set smtp_authenticators = "{mechanism}"
set ssl_force_tls = yes
set ssl_starttls = yes
set ssl_verify_host = yes
set certificate_file = "{ca}"
set dsn_notify = "success,failure"
set send_charset = "utf-8"
set charset = "utf-8"
"""


class MuttTests(SmtpCase):
    def mutt(self, scheme: str, listener: str, mechanism: str, subject: str) -> None:
        rc = self.site.directory / "muttrc"
        rc.write_text(
            RC.format(
                alice=ALICE,
                user=ALICE.replace("@", "%40"),
                scheme=scheme,
                port=self.site.ports[listener],
                password=PASSWORD,
                mechanism=mechanism,
                ca=self.site.ca,
            )
        )
        attached = self.site.directory / "Übersicht.bin"
        attached.write_bytes(bytes(range(256)) * 100)
        done = subprocess.run(
            [peer("mutt", "mutt"), "-n", "-F", rc, "-s", subject, "-a", attached, "--", BOB],
            input="Grüße\n.\n..zwei Punkte\nFrom hier\n",
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "HOME": str(self.site.directory), "LC_ALL": "C.UTF-8"},
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def received(self, jmap: Jmap, subject: str) -> EmailMessage:
        blob = {mail["subject"]: mail["blobId"] for mail in jmap.emails()}[subject]
        parsed = email.message_from_bytes(jmap.download(blob), policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def test_sends(self) -> None:
        self.mutt("smtp", "submission", "scram-sha-256", "Äpfel mit STARTTLS")
        self.mutt("smtps", "submissions", "plain", "Birnen")
        jmap, _ = self.mails(2)
        mail = self.received(jmap, "Äpfel mit STARTTLS")
        text, attached = mail.iter_parts()
        self.assertEqual(
            str(text.get_content()).replace("\r\n", "\n"),
            "Grüße\n.\n..zwei Punkte\nFrom hier\n",
        )
        self.assertEqual(attached.get_content(), bytes(range(256)) * 100)
        self.assertEqual(attached.get_filename(), "Übersicht.bin")
        self.assertIn("ESMTPSA", str(mail["Received"]))

    def test_is_told_of_the_delivery(self) -> None:
        """It asks by NOTIFY=SUCCESS,FAILURE (RFC 3461)."""
        self.mutt("smtp", "submission", "plain", "Told")
        jmap = Jmap(self.site, ALICE, PASSWORD)
        (mail,) = self.until(lambda: jmap.emails("subject", "blobId"))
        self.assertEqual(mail["subject"], "Mail delivered")
        self.assertIn(f"Final-Recipient: rfc822; {BOB}".encode(), jmap.download(mail["blobId"]))

    def test_a_certificate_it_does_not_know(self) -> None:
        """Checks the test: without trust mutt sends nothing."""
        other = Path(self.mktemp())
        other.write_text("")
        self.site.ca, ca = other, self.site.ca
        try:
            self.assertRaises(AssertionError, self.mutt, "smtps", "submissions", "plain", "never")
        finally:
            self.site.ca = ca
