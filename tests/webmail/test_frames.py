"""HTML mail in its frame: policy, tokens, inline parts, other people's mail."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

from mailim.interfaces.spool import NewMail
from mailim.wire.jmap_ids import EMAIL, write_id
from tests.fakes.inside import PASSWORD
from tests.fakes.waiting import until
from tests.fakes.web import WebClient
from tests.webmail.test_pages import PagesCase

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def html_mail() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "m@x.test", "alice@example.test", "Hello"
    mail.set_content("plain")
    mail.add_alternative(
        '<p>Hi</p><script>alert(1)</script><img src="cid:logo"><img src="https://t.example/p.gif">',
        subtype="html",
    )
    html = mail.get_payload()[1]  # type: ignore[index]
    html.add_related(PNG, "image", "png", cid="<logo>")  # type: ignore[union-attr]
    return mail.as_bytes()


class FrameTests(PagesCase):
    async def signed_in(self, name: str = "alice") -> WebClient:
        client = await self.client()
        await client.sign_in(name, PASSWORD)
        return client

    async def deliver(self, address: str, data: bytes) -> str:
        """Put a mail into an account's Inbox; gives its JMAP id."""
        core = self.server.core
        account = await core.accounts.show(address)
        prepared = await core.intake.prepare(data)

        def unit(tx):  # type: ignore[no-untyped-def]
            folder = tx.folders.by_role(account.id, "inbox")
            body = tx.bodies.add(prepared.body)
            return tx.items.add(folder.id, body, b"", prepared.facts, frozenset(), 1).id

        return write_id(EMAIL, await core.store.write(unit))

    async def frame(self, client: WebClient, email: str, **more: object) -> tuple[str, bool]:
        answer = await client.request("POST", "/api/frames", body={"emailId": email, **more})
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json["url"], answer.json["hasRemoteImages"]

    async def test_the_document_can_do_nothing(self) -> None:
        client = await self.signed_in()
        url, remote = await self.frame(
            client, await self.deliver("alice@example.test", html_mail())
        )
        self.assertTrue(remote)
        client.cookie = ""  # no cookie reaches the frame
        answer = await client.request("GET", url, headers={"Sec-Fetch-Dest": "iframe"})
        self.assertEqual(answer.status, 200)
        policy = answer.headers["content-security-policy"]
        self.assertIn("sandbox allow-popups allow-popups-to-escape-sandbox", policy)
        self.assertNotIn("allow-scripts", policy)
        self.assertNotIn("allow-same-origin", policy)
        self.assertIn("default-src 'none'", policy)
        images = policy.partition("img-src ")[2].partition(";")[0]
        self.assertNotIn(" https:", f" {images} ".replace(f" https://127.0.0.1:{client.port}", ""))
        self.assertNotIn("<script", answer.text)
        self.assertNotIn("t.example", answer.text)

    async def test_images_from_the_internet_only_when_asked_for(self) -> None:
        client = await self.signed_in()
        email = await self.deliver("alice@example.test", html_mail())
        url, _ = await self.frame(client, email, remoteImages=True)
        answer = await client.request("GET", url)
        self.assertIn("t.example", answer.text)
        self.assertIn("https: http:", answer.headers["content-security-policy"])

    async def test_in_the_dark_the_words_of_an_image_left_out_are_light(self) -> None:
        client = await self.signed_in()
        email = await self.deliver("alice@example.test", html_mail())
        url, _ = await self.frame(client, email, colorScheme="dark")
        text = (await client.request("GET", url)).text
        self.assertIn("<img>", text)  # it has no address: it is not turned back
        self.assertIn("img[src]{filter:invert(1)", text)
        self.assertNotIn("}img{filter", text)

    async def test_inline_images_are_served_by_the_token_alone(self) -> None:
        client = await self.signed_in()
        url, _ = await self.frame(client, await self.deliver("alice@example.test", html_mail()))
        text = (await client.request("GET", url)).text
        part = text.partition('<img src="/m/')[2].partition('"')[0]
        client.cookie = ""
        answer = await client.request("GET", f"/m/{part}")
        self.assertEqual((answer.status, answer.body), (200, PNG))
        self.assertEqual(answer.headers["content-type"], "image/png")
        self.assertEqual((await client.request("GET", f"/m/{part}0")).status, 404)

    async def test_it_is_shown_in_a_frame_only(self) -> None:
        client = await self.signed_in()
        url, _ = await self.frame(client, await self.deliver("alice@example.test", html_mail()))
        answer = await client.request("GET", url, headers={"Sec-Fetch-Dest": "document"})
        self.assertEqual(answer.status, 404)

    async def test_nobody_gets_a_frame_for_anothers_mail(self) -> None:
        client = await self.signed_in("admin")
        email = await self.deliver("alice@example.test", html_mail())
        answer = await client.request("POST", "/api/frames", body={"emailId": email})
        self.assertEqual(answer.status, 404)

    async def test_a_frame_ends_with_the_account(self) -> None:
        client = await self.signed_in()
        url, _ = await self.frame(client, await self.deliver("alice@example.test", html_mail()))
        part = (await client.request("GET", url)).text.partition('<img src="')[2].partition('"')[0]
        await self.server.core.accounts.disable("alice@example.test")
        self.assertEqual((await client.request("GET", url)).status, 404)
        self.assertEqual((await client.request("GET", part)).status, 404)

    async def test_a_mail_with_a_large_attachment_is_shown(self) -> None:
        client = await self.signed_in()
        mail = EmailMessage()
        mail.set_content("<p>short</p>", subtype="html")
        mail.add_attachment(b"\0" * 45_000_000, "application", "octet-stream")
        data = mail.as_bytes()
        self.assertGreater(len(data), 50 * 1024 * 1024)
        url, _ = await self.frame(client, await self.deliver("alice@example.test", data))
        self.assertIn("short", (await client.request("GET", url)).text)

    async def test_unknown_and_malformed_ids(self) -> None:
        client = await self.signed_in()
        for email, status in (("e999", 404), ("m1", 404), ("", 404), ("e1' OR 1", 404), (1, 400)):
            answer = await client.request("POST", "/api/frames", body={"emailId": email})
            self.assertEqual(answer.status, status, email)
        self.assertEqual((await client.request("GET", "/m/nothing/body.html")).status, 404)

    async def test_collected_mail_comes_to_the_inbox(self) -> None:
        """The whole local path: intake, queue, delivery."""
        await self.signed_in()
        core = self.server.core
        account = await core.accounts.show("alice@example.test")
        mail = NewMail("", (account.address,), "multipop", "test", core.intake.now(), account.id)
        await core.intake.accept(mail, html_mail())

        async def inbox() -> Any:
            found = await core.store.read(lambda tx: tx.folders.by_role(account.id, "inbox"))
            return found if found is not None and found.total else None

        found = await until(inbox)
        self.assertEqual((found.total, found.unread), (1, 1))
