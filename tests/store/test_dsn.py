"""What senders want to be told stays with the mail, and is handed on by aliases and groups."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.dsn import NOTHING_SAID, MailDsn, RecipientDsn
from mailim.interfaces.spool import NewMail
from mailim.wire.message import describe
from tests.fakes.store import open_transaction
from tests.store.mails import message, prepared

SAID = MailDsn(
    "FULL",
    "QQ314159",
    {"list@x": RecipientDsn(("SUCCESS", "FAILURE"), "rfc822;List@x"), "one@x": RecipientDsn()},
)


class DsnTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.tx = open_transaction(self)

    def add(self, dsn: MailDsn) -> int:
        data = message()
        mail = NewMail("ann@x", ("list@x", "one@x"), "smtp", "", 1000, dsn=dsn)
        return self.tx.spool.add(mail, self.tx.bodies.add(prepared(data)), b"", describe(data))

    def said(self, spool_id: int) -> MailDsn:
        entry = self.tx.spool.get(spool_id)
        assert entry is not None
        return entry.dsn

    def test_kept(self) -> None:
        spool_id, plain = self.add(SAID), self.add(NOTHING_SAID)
        self.assertEqual(self.said(spool_id), SAID)
        self.assertIs(self.said(plain), NOTHING_SAID)
        self.assertEqual([entry.dsn for entry in self.tx.spool.list(9)], [SAID, NOTHING_SAID])

    def test_goes_with_the_mail(self) -> None:
        spool_id = self.add(SAID)
        self.tx.spool.remove(spool_id)
        self.assertEqual(self.tx.spool._dsn.of((spool_id,)), {})

    def expanded(self, *addresses: str, name: str = "list@x") -> MailDsn:
        spool_id = self.add(SAID)
        entry = self.tx.spool.get(spool_id)
        assert entry is not None
        (recipient,) = (each for each in entry.recipients if each.address == name)
        self.tx.spool.replace_recipient(recipient.id, addresses)
        return self.said(spool_id)

    def test_an_alias_hands_all_on(self) -> None:
        said = self.expanded("bob@x").of("bob@x")
        self.assertEqual(said, SAID.of("list@x"))

    def test_of_a_group_only_failures_are_told(self) -> None:
        said = self.expanded("bob@x", "kim@x")
        for address in ("bob@x", "kim@x"):
            self.assertEqual(said.of(address), RecipientDsn(("FAILURE",), "rfc822;List@x"))

    def test_the_first_address_is_named(self) -> None:
        self.assertEqual(
            self.expanded("bob@x", name="one@x").of("bob@x"), RecipientDsn((), "rfc822;one@x")
        )


class WishTest(SynchronousTestCase):
    def test_wanted(self) -> None:
        """RFC 3461 4.1: nothing said means failures, perhaps delays; NEVER means nothing."""
        for notify, wanted in (
            ((), "FAILURE DELAY"),
            (("NEVER",), ""),
            (("SUCCESS",), "SUCCESS"),
            (("SUCCESS", "DELAY"), "SUCCESS DELAY"),
        ):
            said = RecipientDsn(notify)
            words = [word for word in ("SUCCESS", "FAILURE", "DELAY") if said.wants(word)]
            self.assertEqual(words, wanted.split(), notify)
