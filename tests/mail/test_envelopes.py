"""Who may send as whom, and to whom: the one place that SMTP and JMAP ask."""

from __future__ import annotations

from mailim.interfaces.accounts import Account
from mailim.mail.envelopes import HEADER_OCTETS, Envelopes, Refusal, authors_of
from mailim.wire.smtp_paths import parse_path
from tests.mail.post import Post

ANN = "ann@example.test"


class EnvelopesTests(Post):
    async def account(self, number: int = 2) -> Account:
        found = await self.store.read(lambda tx: tx.accounts.get(number))
        assert found is not None
        return found

    async def recipient(self, address: str, relays: bool, known: bool = True) -> str:
        """Give the address in normal form, or the status of the refusal."""
        envelopes = Envelopes(self.directory, "example.test", can_relay=relays)
        try:
            return await envelopes.recipient(
                parse_path(address), await self.account() if known else None
            )
        except Refusal as error:
            return error.status

    async def test_own_addresses(self) -> None:
        await self.store.write(lambda tx: tx.accounts.add_alias("a@example.test", ANN))
        await self.store.write(lambda tx: tx.accounts.add_alias("b@example.test", "a@example.test"))
        envelopes = Envelopes(self.directory, "example.test", can_relay=True)
        account = await self.account()
        for address, own in (
            (ANN, True), ("ANN@Example.Test", True), ("ann+x@example.test", True),
            ("a@example.test", True), ("b@example.test", True), ("a+x@example.test", True),
            ("bob@example.test", False), ("robert@example.test", False),
            ("all@example.test", False), ("empty@example.test", False),
            ("nobody@example.test", False), ("ann@example.org", False), ("", False), ("ann", False),
            ("ann@example.test@example.org", False), ("<ann@example.test>", False),
        ):  # fmt: skip
            self.assertIs(await envelopes.is_own(account, address), own, address)

    async def test_a_disabled_account(self) -> None:
        envelopes = Envelopes(self.directory, "example.test", can_relay=True)
        account = await self.account()
        self.assertTrue(await envelopes.may_send(account))
        await self.store.write(lambda tx: tx.accounts.update(2, enabled=False))
        self.assertFalse(await envelopes.may_send(account))
        await self.store.write(lambda tx: tx.accounts.delete(2))
        self.assertFalse(await envelopes.may_send(account))

    async def test_recipients(self) -> None:
        for address, relayed, here, stranger in (
            ("Bob@Example.Test", "bob@example.test", "bob@example.test", "bob@example.test"),
            ("all@example.test", "all@example.test", "all@example.test", "all@example.test"),
            ("nobody@example.test", "5.1.1", "5.1.1", "5.1.1"),
            ("Postmaster", "postmaster@example.test", "postmaster@example.test",
             "postmaster@example.test"),
            ("Carl@Example.ORG", "Carl@example.org", "5.3.2", "5.7.1"),
            ("carl@b\u00fccher.example", "carl@xn--bcher-kva.example", "5.3.2", "5.7.1"),
            ("carl@[127.0.0.1]", "5.1.2", "5.3.2", "5.7.1"),
        ):  # fmt: skip
            self.assertEqual(await self.recipient(address, True), relayed)
            self.assertEqual(await self.recipient(address, False), here)
            self.assertEqual(await self.recipient(address, True, known=False), stranger)

    def test_authors(self) -> None:
        good = f"From: {ANN}\r\n".encode()
        for header, followed, authors in (
            (good + b"\r\n", True, (ANN,)),
            (good, False, (ANN,)),
            (good, True, (ANN, "")),
            (b"\r\n", True, ()),
            (b"", False, ()),
            (b"", True, ("",)),
            (good + b"from : x@y, z\r\n\r\n", True, (ANN, "x@y", "z")),
            (good + b"X: a\rb\r\n\r\n", True, (ANN, "")),
            (good + b"\r\r\n\r\n", True, (ANN, "")),
            (good + b"X: " + b"y" * HEADER_OCTETS + b"\r\n\r\n", True, (ANN, "")),
            (good.replace(b"\r", b"") + b"\n", True, (ANN,)),
        ):
            self.assertEqual(authors_of(header, followed), authors, header[:80])
