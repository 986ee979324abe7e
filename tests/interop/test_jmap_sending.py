"""Mail from one account to another, written and sent by other people's JMAP client."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import sqlite3
import time
from contextlib import closing
from typing import Any

import jmapc
from jmapc import methods
from jmapc.models import (
    Address,
    Email,
    EmailAddress,
    EmailBodyPart,
    EmailBodyValue,
    EmailSubmission,
    Envelope,
)
from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.jmap import Jmap
from tests.fakes.site import DOMAIN, RunningSite

PASSWORD = "correct horse"
ALICE, BOB, CAROL = (f"{name}@{DOMAIN}" for name in ("alice", "bob", "carol"))


def a_day_passes(site: RunningSite) -> None:
    """Kill the server, make due what waits, start it again."""
    site.end(signal.SIGKILL)
    with closing(sqlite3.connect(site.var / "mailim.db")) as database:
        database.execute("UPDATE submission SET due = 1 WHERE due IS NOT NULL")
        database.commit()
    site.start()


class SendingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = RunningSite(
            {"alice": PASSWORD, "bob": PASSWORD, "carol": PASSWORD}, {"mail.undo_seconds": 60}
        )
        self.addCleanup(self.site.stop)
        self.patch(os, "environ", os.environ | {"REQUESTS_CA_BUNDLE": str(self.site.ca)})
        self.client = self.jmap_client()
        found: Any = self.client.request(methods.MailboxGet(ids=None), raise_errors=True)
        self.boxes = {each.role: each.id for each in found.data}
        identities: Any = self.client.request(methods.IdentityGet(ids=None), raise_errors=True)
        [self.identity] = identities.data

    def jmap_client(self) -> jmapc.Client:
        host = f"localhost:{self.site.ports['https']}"
        client = jmapc.Client.create_with_password(host, ALICE, PASSWORD)
        self.addCleanup(client.requests_session.close)
        return client

    def draft(self, subject: str) -> str:
        alice = EmailAddress(name=self.identity.name, email=self.identity.email)
        made: Any = self.client.request(
            methods.EmailSet(
                create={
                    "d": Email(
                        mailbox_ids={self.boxes["drafts"]: True},
                        keywords={"$draft": True},
                        mail_from=[alice],
                        to=[EmailAddress(name="Bob", email=BOB)],
                        bcc=[EmailAddress(name="Carol", email=CAROL)],
                        subject=subject,
                        text_body=[EmailBodyPart(part_id="t", type="text/plain")],
                        body_values={"t": EmailBodyValue(value=f"About {subject}: Grüße")},
                    )
                }
            ),
            raise_errors=True,
        )
        id: str = made.created["d"].id
        return id

    def send(self, email: str, hold: str | None = None) -> Any:
        """Submit a draft, moving it to Sent; gives the responses."""
        envelope = hold and Envelope(
            mail_from=Address(email=ALICE, parameters={"HOLDFOR": hold}),
            rcpt_to=[Address(email=BOB), Address(email=CAROL)],
        )
        submission = EmailSubmission(
            identity_id=self.identity.id, email_id=email, envelope=envelope or None
        )
        moved = {"mailboxIds": {self.boxes["sent"]: True}, "keywords/$draft": None}
        call = methods.EmailSubmissionSet(
            create={"s": submission}, on_success_update_email={"#s": moved}
        )
        return [each.response for each in self.client.request([call], raise_errors=True)]

    def submission(self, id: str) -> Any:
        found: Any = self.client.request(methods.EmailSubmissionGet(ids=[id]), raise_errors=True)
        return found.data[0]

    def until(self, wanted: Any) -> Any:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            found = wanted()
            if found:
                return found
            time.sleep(0.1)
        self.fail("it did not come")

    def subjects(self, address: str) -> list[str]:
        emails = Jmap(self.site, address, PASSWORD).emails("subject")
        return [each["subject"] for each in emails]

    def test_sent_called_back_and_sent_again(self) -> None:
        self.assertEqual((self.identity.email, self.identity.may_delete), (ALICE, False))
        email = self.draft("the plan")
        made, moved = self.send(email)
        first = made.created["s"]
        self.assertEqual(first.undo_status.value, "pending")
        self.assertEqual([each.email for each in first.envelope.rcpt_to], [BOB, CAROL])
        self.assertIn(email, moved.updated)
        back: Any = self.client.request(
            [methods.EmailSubmissionSet(update={first.id: {"undoStatus": "canceled"}})],
            raise_errors=True,
        )
        self.assertEqual(set(back[0].response.updated), {first.id})
        made, _ = self.send(email, "0")
        second = made.created["s"]

        def delivered() -> Any:
            status = self.submission(second.id).delivery_status or {}
            return status if {each.delivered.value for each in status.values()} == {"yes"} else None

        self.assertEqual(set(self.until(delivered)), {BOB, CAROL})
        for address in (BOB, CAROL):
            self.assertEqual(self.subjects(address), ["the plan"])
            client = Jmap(self.site, address, PASSWORD)
            octets = client.download(client.emails("blobId")[0]["blobId"])
            self.assertNotIn(b"carol", re.sub(rb"(?i)for <[^>]*>", b"", octets).lower())
            self.assertIn(b"From: alice@example.test", octets.replace(b"<", b"").replace(b">", b""))
        statuses = [self.submission(id).undo_status.value for id in (first.id, second.id)]
        self.assertEqual(statuses, ["canceled", "final"])
        late: Any = self.client.request(
            methods.EmailSubmissionSet(update={second.id: {"undoStatus": "canceled"}})
        )
        self.assertEqual(late.not_updated[second.id].type, "cannotUnsend")

    def test_a_reload_takes_up_the_undo_time_and_a_kill_loses_nothing(self) -> None:
        waiting = self.send(self.draft("waits"))[0].created["s"]
        self.site.config.write_text(
            self.site.config.read_text().replace("undo_seconds = 60", "undo_seconds = 0")
        )
        self.site.call("reload")
        self.send(self.draft("at once"))
        self.until(lambda: self.subjects(BOB))
        soon = self.send(self.draft("soon"), "2")[0].created["s"]
        self.site.end(signal.SIGKILL)
        ports = dict(self.site.ports)
        self.site.start()
        self.assertNotEqual(ports, self.site.ports)
        self.until(lambda: len(self.subjects(BOB)) == 2)
        self.assertEqual(self.subjects(BOB), ["at once", "soon"])
        statuses = {each: self.status(each) for each in (waiting.id, soon.id)}
        self.assertEqual(statuses, {waiting.id: "pending", soon.id: "final"})

    def status(self, id: str) -> str:
        client = Jmap(self.site, ALICE, PASSWORD)
        found = client.call(("EmailSubmission/get", {"ids": [id], "properties": ["undoStatus"]}))
        status: str = found[0]["list"][0]["undoStatus"]
        return status

    def test_what_comes_back_is_listed(self) -> None:
        made, _ = self.send(self.draft("comes back"), "86400")
        self.site.call("user.delete", address=CAROL)
        a_day_passes(self.site)
        self.client = self.jmap_client()
        id = made.created["s"].id
        [blob] = self.until(lambda: self.submission(id).dsn_blob_ids)
        octets = Jmap(self.site, ALICE, PASSWORD).download(blob)
        self.assertIn(b"Content-Type: multipart/report", octets)
        self.assertIn(f"Final-Recipient: rfc822; {CAROL}".encode(), octets)
        self.assertEqual(self.submission(id).delivery_status[CAROL].delivered.value, "no")

    def test_what_is_not_sent(self) -> None:
        email = self.draft("x")
        for envelope, kind in (
            (Envelope(Address(email=BOB), [Address(email=CAROL)]), "forbiddenMailFrom"),
            (Envelope(Address(email=ALICE), [Address(email="x@example.org")]), "invalidRecipients"),
            (Envelope(Address(email=ALICE), []), "noRecipients"),
        ):
            submission = EmailSubmission(
                identity_id=self.identity.id, email_id=email, envelope=envelope
            )
            answer: Any = self.client.request(methods.EmailSubmissionSet(create={"s": submission}))
            self.assertEqual(answer.not_created["s"].type, kind)


class LaterTests(SynchronousTestCase):
    def test_held_over_smtp_and_sent_once_after_a_kill(self) -> None:
        """RFC 4865, with Python's client."""
        site = RunningSite({"alice": PASSWORD, "bob": PASSWORD})
        self.addCleanup(site.stop)
        bob = Jmap(site, BOB, PASSWORD)
        port = site.ports["submissions"]
        message = f"From: {ALICE}\r\nTo: {BOB}\r\nSubject: later\r\n\r\nx"
        with smtplib.SMTP_SSL("localhost", port, context=site.context()) as smtp:
            smtp.login(ALICE, PASSWORD)
            self.assertEqual(smtp.esmtp_features["futurerelease"].split()[0], str(31 * 24 * 3600))
            with self.assertRaises(smtplib.SMTPSenderRefused):
                smtp.sendmail(ALICE, [BOB], message, mail_options=["HOLDFOR=99999999"])
            smtp.sendmail(ALICE, [BOB], message, mail_options=["HOLDFOR=86400"])
        self.assertEqual(bob.emails("id"), [])
        a_day_passes(site)
        bob = Jmap(site, BOB, PASSWORD)
        end = time.monotonic() + 60
        while not (found := bob.emails("subject", "blobId")) and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual([each["subject"] for each in found], ["later"])
        octets = bob.download(found[0]["blobId"])
        self.assertIn(b"with ESMTPSA", octets)


class ShareTests(SynchronousTestCase):
    def test_what_smtp_sent_counts(self) -> None:
        site = RunningSite({"alice": PASSWORD, "bob": PASSWORD}, {"smtp.messages_per_hour": 1})
        self.addCleanup(site.stop)
        client = Jmap(site, ALICE, PASSWORD)
        port = site.ports["submissions"]
        with smtplib.SMTP_SSL("localhost", port, context=site.context()) as smtp:
            smtp.login(ALICE, PASSWORD)
            message = f"From: {ALICE}\r\nTo: {ALICE}\r\nSubject: by SMTP\r\n\r\nx"
            smtp.sendmail(ALICE, [ALICE], message)
        end = time.monotonic() + 90
        while not client.emails("id") and time.monotonic() < end:
            time.sleep(0.1)
        [identity] = client.call(("Identity/get", {}))[0]["list"]
        value = {"identityId": identity["id"], "emailId": client.emails("id")[0]["id"]}
        [answer] = client.call(("EmailSubmission/set", {"create": {"s": value}}))
        self.assertEqual(answer["notCreated"]["s"]["type"], "rateLimit")
