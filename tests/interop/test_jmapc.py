"""JMAP as a client library of other people sees it: jmapc, over TLS, with HTTP Basic."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jmapc
from jmapc import methods
from jmapc.models import (
    Comparator,
    Email,
    EmailAddress,
    EmailBodyPart,
    EmailBodyValue,
    EmailQueryFilterCondition,
    Mailbox,
)
from jmapc.ref import Ref
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailim.events import Events
from mailim.protocols.http.router import Router
from mailim.protocols.http.site import Site
from mailim.protocols.jmap.service import Jmap
from mailim.tls import self_signed
from tests.fakes.store import short_directory
from tests.protocols.jmap.kit import ALICE, PASSWORD, Kit, mail
from tests.protocols.jmap.test_email_get import RICH

reactor: Any = installed


class JmapcTests(TestCase):
    async def serve(self) -> None:
        """Put the kit's JMAP behind a TLS port, with the real reactor as its clock."""
        self.kit = await Kit.start(self)
        events: Events = self.kit.site.events
        router = Router()
        self.site = Site(reactor, router)
        self.jmap = Jmap(reactor, self.kit.store, events, self.kit.identity, self.site.threads)
        router.add(*self.jmap.routes())
        certificate, key = self_signed(("localhost",))
        bundle = short_directory(self) / "ca.pem"
        bundle.write_bytes(certificate)
        self.patch(os, "environ", os.environ | {"REQUESTS_CA_BUNDLE": str(bundle)})
        options = PrivateCertificate.loadPEM(certificate + key).options()
        port = reactor.listenSSL(0, self.site, options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(self.site.close)
        self.addCleanup(self.jmap.close)
        self.host = f"localhost:{port.getHost().port}"

    def client(self, **named: Any) -> jmapc.Client:
        client = jmapc.Client.create_with_password(self.host, ALICE, PASSWORD, **named)
        self.addCleanup(client.requests_session.close)
        return client

    async def test_reading(self) -> None:
        await self.serve()
        await self.kit.add(mail("first", "plain words"), keywords=("$seen",))
        await self.kit.add(RICH)

        def read() -> Any:
            client = self.client()
            mailboxes: Any = client.request(methods.MailboxGet(ids=None), raise_errors=True)
            inbox = next(each for each in mailboxes.data if each.role == "inbox")
            results: Any = client.request(
                [
                    methods.EmailQuery(
                        filter=EmailQueryFilterCondition(in_mailbox=inbox.id),
                        sort=[Comparator(property="receivedAt", is_ascending=False)],
                    ),
                    methods.EmailGet(
                        ids=Ref("/ids"),
                        fetch_all_body_values=True,
                        properties=["subject", "from", "keywords", "bodyValues", "attachments",
                                    "receivedAt", "mailboxIds", "threadId"],
                    ),
                    methods.ThreadGet(ids=Ref("/list/*/threadId")),
                ],
                raise_errors=True,
            )  # fmt: skip
            return inbox, [each.response for each in results]

        inbox, (query, emails, threads) = await deferToThread(read)
        self.assertEqual((inbox.total_emails, inbox.unread_emails), (2, 1))
        self.assertEqual(len(query.ids), 2)
        self.assertEqual([each.subject for each in emails.data], ["Grüße", "first"])
        rich, plain = emails.data
        self.assertEqual(rich.mail_from[0].email, "carol@example.org")
        self.assertEqual(plain.keywords, {"$seen": True})
        self.assertIn("plain words", next(iter(plain.body_values.values())).value)
        self.assertEqual([each.type for each in rich.attachments], ["text/plain", "message/rfc822"])
        self.assertEqual(len(threads.data), 2)

    async def test_changing(self) -> None:
        await self.serve()
        id = await self.kit.add()

        def change() -> Any:
            client = self.client()
            made: Any = client.request(
                methods.MailboxSet(create={"k": Mailbox(name="Projects")}), raise_errors=True
            )
            box = made.created["k"].id
            before: Any = client.request(methods.EmailGet(ids=[]), raise_errors=True)
            moved: Any = client.request(
                methods.EmailSet(
                    update={id: {"mailboxIds": {box: True}, "keywords/$flagged": True}}
                ),
                raise_errors=True,
            )
            changes: Any = client.request(
                methods.EmailChanges(since_state=before.state), raise_errors=True
            )
            client.request(methods.EmailSet(destroy=[id]), raise_errors=True)
            wrong = client.request(methods.EmailChanges(since_state="nonsense"))
            return moved, changes, wrong

        moved, changes, wrong = await deferToThread(change)
        self.assertEqual(set(moved.updated), {id})
        self.assertEqual(changes.updated, [id])
        self.assertIsInstance(wrong, jmapc.errors.CannotCalculateChanges)
        self.assertEqual(await self.kit.ids(), [])

    async def test_writing(self) -> None:
        """A draft with a file; a new version of it takes the place of the old one."""
        await self.serve()
        drafts = self.kit.boxes["drafts"]
        source = short_directory(self) / "größe.bin"
        source.write_bytes(bytes(range(256)) * 1000)

        def draft(subject: str, blob: str) -> Email:
            return Email(
                mailbox_ids={drafts: True},
                keywords={"$draft": True, "$seen": True},
                mail_from=[EmailAddress(name="Alice Öst", email=ALICE)],
                to=[EmailAddress(name="Bo, B.", email="bo@example.org")],
                subject=subject,
                text_body=[EmailBodyPart(part_id="t", type="text/plain")],
                html_body=[EmailBodyPart(part_id="h", type="text/html")],
                attachments=[EmailBodyPart(blob_id=blob, type="application/x-y", name=source.name)],
                body_values={
                    "t": EmailBodyValue(value="Grüße\nund mehr"),
                    "h": EmailBodyValue(value="<p>Grüße</p>"),
                },
            )

        def write() -> Any:
            client = self.client()
            blob = client.upload_blob(source)
            first: Any = client.request(
                methods.EmailSet(create={"k": draft("Erste Fassung", blob.id)}), raise_errors=True
            )
            again: Any = client.request(
                methods.EmailSet(
                    create={"k": draft("Zweite Fassung", blob.id)},
                    destroy=[first.created["k"].id],
                ),
                raise_errors=True,
            )
            made = again.created["k"]
            found: Any = client.request(
                methods.EmailGet(
                    ids=[made.id, first.created["k"].id],
                    fetch_all_body_values=True,
                    properties=["subject", "from", "to", "keywords", "mailboxIds", "threadId",
                                "size", "bodyValues", "textBody", "htmlBody", "attachments"],
                ),
                raise_errors=True,
            )  # fmt: skip
            target = source.with_name("copy.bin")
            client.download_attachment(found.data[0].attachments[0], target)
            wrong: Any = client.request(
                methods.EmailSet(create={"k": draft("Ohne Datei", "0" * 64)})
            )
            return made, found, target.read_bytes(), wrong

        made, found, octets, wrong = await deferToThread(write)
        (shown,) = found.data
        self.assertEqual((shown.size, shown.thread_id), (made.size, made.thread_id))
        self.assertEqual(shown.subject, "Zweite Fassung")
        self.assertEqual(shown.mail_from[0].name, "Alice Öst")
        self.assertEqual(shown.to[0].name, "Bo, B.")
        self.assertEqual(shown.keywords, {"$draft": True, "$seen": True})
        self.assertEqual(shown.mailbox_ids, {drafts: True})
        texts = {part.type: shown.body_values[part.part_id].value for part in
                 (*shown.text_body, *shown.html_body)}  # fmt: skip
        self.assertEqual(texts, {"text/plain": "Grüße\nund mehr", "text/html": "<p>Grüße</p>"})
        self.assertEqual(shown.attachments[0].name, "größe.bin")
        self.assertEqual(octets, bytes(range(256)) * 1000)
        self.assertEqual(wrong.not_created["k"].type, "blobNotFound")
        self.assertEqual(len(await self.kit.ids()), 1)

    async def test_files(self) -> None:
        await self.serve()
        id = await self.kit.add(RICH)
        directory = short_directory(self)

        def files() -> tuple[Any, bytes]:
            client = self.client()
            found: Any = client.request(
                methods.EmailGet(ids=[id], properties=["attachments"]), raise_errors=True
            )
            target = directory / "note.txt"
            client.download_attachment(found.data[0].attachments[0], target)
            source: Path = directory / "up.bin"
            source.write_bytes(b"0123456789" * 100_000)
            return client.upload_blob(source), target.read_bytes()

        blob, note = await deferToThread(files)
        self.assertEqual(blob.size, 1_000_000)
        self.assertEqual(note.strip(), b"caf\xe9")

    async def test_push(self) -> None:
        await self.serve()

        async def add() -> None:
            await self.kit.add(mail("pushed"))

        # Until it is heard: nobody knows when the client listens.
        adding = LoopingCall(lambda: Deferred.fromCoroutine(add()))
        adding.start(0.2)
        try:
            event: Any = await deferToThread(lambda: next(self.client().events))
        finally:
            adding.stop()
        states = event.data.changed[self.kit.account_id]
        self.assertTrue(int(states.email) > 0)
        self.assertEqual(event.id, states.email)

    async def test_wrong_password(self) -> None:
        await self.serve()

        def knock() -> int:
            client = jmapc.Client.create_with_password(self.host, ALICE, "wrong")
            try:
                client.jmap_session  # noqa: B018
            except Exception as error:
                status: int = error.response.status_code  # type: ignore[attr-defined]
                return status
            finally:
                client.requests_session.close()
            return 0

        self.assertEqual(await deferToThread(knock), 401)
