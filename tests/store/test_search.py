"""Full text: words found before and after indexing, and never too much."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.items import ItemQuery
from tests.fakes.store import open_transaction
from tests.store.mails import add_account, add_item, message

HTML = b"""From: Zo\xc3\xab <zoe@example.org>
Subject: =?utf-8?B?w4RuZGVydW5n?= of plans
To: =?iso-8859-1?Q?J=FCrgen?= <j@example.org>
Cc: Carl <carl@example.net>
List-Id: <team.lists.example.org>
X-Colour: Green
Content-Type: multipart/mixed; boundary=q

--q
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

%s
--q
Content-Type: application/pdf
Content-Disposition: attachment; filename=plan.pdf

hidden
--q--
"""


class SearchTest(SynchronousTestCase):
    """Each question is asked before and after indexing."""

    def setUp(self) -> None:
        self.tx = open_transaction(self)
        self.account = add_account(self.tx).id
        self.inbox = self.tx.folders.create(self.account, "Inbox").id
        markup = "<style>p {color: red}</style><p>The caf\u00e9 &amp; its M\u00fcsli</p>"
        html = HTML.replace(b"\n", b"\r\n") % b64encode(markup.encode())
        self.html = add_item(self.tx, self.inbox, html).id
        self.plain = add_item(
            self.tx, self.inbox, message("Lunch", body="The quick brown fox-trot\n> quoted words")
        ).id

    def found(self, given: dict[str, Any]) -> set[int]:
        fresh = set(self.tx.items.query(ItemQuery(self.account, given)).ids)
        for body_id in self.tx.search.waiting(0, 99):
            self.tx.search.add(body_id, self.tx.search.read(body_id))
        indexed = set(self.tx.items.query(ItemQuery(self.account, given)).ids)
        self.assertEqual(fresh, indexed, given)
        self.tx.search.empty()
        self.assertEqual(len(self.tx.search.waiting(0, 99)), 2)
        return fresh

    def test_bodies(self) -> None:
        for words in ("quick", "QUI", "brown the", "fox-trot", '"quick brown"', "trot", "quoted"):
            self.assertEqual(self.found({"body": words}), {self.plain}, words)
        for words in ("café", "cafe", "musli", "MÜSLI"):
            self.assertEqual(self.found({"body": words}), {self.html}, words)
        for words in ("style", "color", "hidden", "uick", '"brown quick"', "lunch", "nbsp amp"):
            self.assertEqual(self.found({"body": words}), set(), words)
        self.assertEqual(self.found({"body": "the"}), {self.plain, self.html})
        self.assertEqual(self.found({"body": ""}), {self.plain, self.html})
        self.assertEqual(self.found({"body": "-"}), set())

    def test_everywhere(self) -> None:
        for words in ("änderung", "carl", "jürgen café", "zoe@example.org", "zoë"):
            self.assertEqual(self.found({"text": words}), {self.html}, words)
        self.assertEqual(self.found({"text": "lunch fox"}), {self.plain})
        self.assertEqual(self.found({"text": "lunch café"}), set())
        self.assertEqual(self.found({"text": "team.lists"}), set())  # not of those fields

    def test_headers(self) -> None:
        for given in (
            ["List-Id"], ["list-id", "TEAM"], ["X-Colour", "green"], ["Subject", "Änderung"],
            ["Cc", "carl@example.net"],
        ):  # fmt: skip
            self.assertEqual(self.found({"header": given}), {self.html}, given)
        self.assertEqual(self.found({"header": ["Subject"]}), {self.html, self.plain})
        for given in (["Colour"], ["X-Colour", "red"], ["Subject", "green"], ["List"]):
            self.assertEqual(self.found({"header": given}), set(), given)

    def test_not_a_question_of_syntax(self) -> None:
        """Nothing anybody types is an operator of SQL or of FTS5."""
        for words in ('"', '""', "a OR b", "NEAR(a b)", "body:fox", "fox*", "(", "' --", "%", "_",
                      "{headers}", "\\", "^fox", "a\0b", "+", "\ud800"):  # fmt: skip
            for name in ("text", "body", "subject", "from"):
                self.found({name: words})
            self.found({"header": ["Subject", words]})
        self.assertEqual(self.found({"subject": "%"}), set())
        self.assertEqual(self.found({"text": "L_nch"}), set())

    def test_gone_with_the_body(self) -> None:
        for body_id in self.tx.search.waiting(0, 99):
            self.tx.search.add(body_id, self.tx.search.read(body_id))
        self.tx.items.remove(self.account, self.plain)
        self.tx.bodies.sweep(9)
        driver = self.tx.items._db.driver
        rows = driver.execute("SELECT rowid FROM message_search WHERE message_search MATCH 'quick'")
        self.assertEqual(rows.fetchall(), [])
        driver.execute("INSERT INTO message_search (message_search) VALUES ('integrity-check')")

    def test_indexing_what_went_meanwhile(self) -> None:
        body_id = self.tx.search.waiting(0, 1)[0]
        text = self.tx.search.read(body_id)
        self.tx.items.remove(self.account, self.html)
        self.tx.bodies.sweep(9)
        self.tx.search.add(body_id, text)
        self.assertEqual(self.tx.search.read(body_id).body, "")
