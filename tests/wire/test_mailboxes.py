"""Address lists: good ones as the standard library reads them, bad ones as well as may be."""

from __future__ import annotations

from email.utils import getaddresses

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.mailboxes import Group, Mailbox, parse_groups, parse_mailboxes


def pairs(value: str | bytes) -> list[tuple[str | None, str]]:
    raw = value if isinstance(value, bytes) else value.encode()
    return [(each.name, each.email) for each in parse_mailboxes(raw)]


class Good(SynchronousTestCase):
    def test_forms(self) -> None:
        """RFC 5322 appendix A, RFC 8621 section 4.1.2.3."""
        for value, expected in (
            ("John Doe <jdoe@machine.example>", [("John Doe", "jdoe@machine.example")]),
            (
                '"Joe Q. Public" <john.q.public@example.com>',
                [("Joe Q. Public", "john.q.public@example.com")],
            ),
            (
                'Mary <mary@x.test>, jdoe@example.org, "Giant; \\"Big\\" Box" <s@example.net>',
                [
                    ("Mary", "mary@x.test"),
                    (None, "jdoe@example.org"),
                    ('Giant; "Big" Box', "s@example.net"),
                ],
            ),
            ("jdoe@example.org (John \\(D\\) Doe)", [("John (D) Doe", "jdoe@example.org")]),
            ("Who? <one@y.test> (comment)", [("Who?", "one@y.test")]),
            ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", None),
            ('"quoted local"@example.org', [(None, '"quoted local"@example.org')]),
            ('<"a>b"@example.org>', [(None, '"a>b"@example.org')]),
            ("Mary Smith\r\n\t<mary@example.net>", [("Mary Smith", "mary@example.net")]),
            ("<@node.test:mary@example.net>", [(None, "mary@example.net")]),
            ("user @ example . org", [(None, "user@example.org")]),
            ("user@[IPv6:2001:db8::1]", [(None, "user@[IPv6:2001:db8::1]")]),
            ("a@b.c, ,, d@e.f", [(None, "a@b.c"), (None, "d@e.f")]),
            ("jörg@exämple.org", [(None, "jörg@exämple.org")]),
        ):
            if expected is not None:
                self.assertEqual(pairs(value), expected, value)

    def test_encoded_words(self) -> None:
        self.assertEqual(
            pairs("=?utf-8?q?J=C3=BCrgen_Gro=C3=9F?= <j@x>, =?iso-8859-1?b?/A==?= K <k@x>"),
            [("Jürgen Groß", "j@x"), ("ü K", "k@x")],
        )
        self.assertEqual(pairs('"=?utf-8?q?a=2C_b?=" <j@x>'), [("a, b", "j@x")])
        self.assertEqual(pairs("j@x (=?utf-8?q?J=C3=BCrgen?=)"), [("Jürgen", "j@x")])

    def test_groups(self) -> None:
        """RFC 8621 section 4.1.2.4 has this value."""
        raw = (
            b'"  James Smythe" <james@example.com>, Friends:\r\n'
            b" jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?=\r\n <john@example.com>;"
        )
        self.assertEqual(
            parse_groups(raw),
            (
                Group(None, (Mailbox("James Smythe", "james@example.com"),)),
                Group(
                    "Friends",
                    (Mailbox(None, "jane@example.com"), Mailbox("John Smîth", "john@example.com")),
                ),
            ),
        )

    def test_empty_group(self) -> None:
        self.assertEqual(
            parse_groups(b"undisclosed-recipients:;, a@b"),
            (Group("undisclosed-recipients", ()), Group(None, (Mailbox(None, "a@b"),))),
        )
        self.assertEqual(parse_mailboxes(b"undisclosed-recipients:;"), ())

    NAMES = st.text("abcdefgäöß ,.;:<>@()\"'", max_size=12)
    EMAILS = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z]{1,5})?@[a-z]{1,8}\.[a-z]{2,4}", fullmatch=True)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(NAMES, EMAILS), max_size=5))
    def test_as_the_standard_library(self, people: list[tuple[str, str]]) -> None:
        written = [
            f'"{name}" <{email}>'.replace('"', "'").replace("'", '"', 1).replace("' <", '" <')
            for name, email in people
        ]
        value = ", ".join(written)
        expected = [(" ".join(name.split()), email) for name, email in getaddresses([value])]
        got = [(" ".join((name or "").split()), email) for name, email in pairs(value)]
        self.assertEqual(got, expected)


class Bad(SynchronousTestCase):
    def test_best_effort(self) -> None:
        for value, expected in (
            ("", []),
            (" , ;:,", []),
            ("root", [(None, "root")]),
            ("John Smith", [("John Smith", "")]),
            ("John Smith john@example.org", [("John Smith", "john@example.org")]),
            ('"Unclosed <a@b.c>, d@e.f', [("Unclosed", "a@b.c"), (None, "d@e.f")]),
            ("Unclosed (x <a@b.c>", [("Unclosed x", "a@b.c")]),
            ("Name <a@b.c, d@e.f", [("Name", "a@b.c"), (None, "d@e.f")]),
            ("Name <<a@b.c>>", [("Name", "a@b.c")]),
            ("Name a@b.c>", [("Name", "a@b.c")]),
            ("A <a@b.c> B <d@e.f>", [("A", "a@b.c"), ("B", "d@e.f")]),
            ("Friends: a@b.c, d@e.f", [(None, "a@b.c"), (None, "d@e.f")]),
            ("<>", []),
            ("Nobody <>", [("Nobody", "")]),
        ):
            self.assertEqual(pairs(value), expected, value)

    def test_no_control_characters(self) -> None:
        self.assertEqual(
            pairs(b"=?utf-8?q?a=0D=0ABcc=3A_b=00?= <a\x01\x00@b.c>"), [("a Bcc: b", "a@b.c")]
        )

    def test_raw_octets(self) -> None:
        self.assertEqual(pairs("Jürgen <j@x>".encode("cp1252")), [("Jürgen", "j@x")])
        raw = "李明 <li@x>".encode("gb18030")
        self.assertEqual(parse_mailboxes(raw, "gb2312"), (Mailbox("李明", "li@x"),))

    def test_bombs_are_bounded(self) -> None:
        self.assertEqual(len(parse_mailboxes(b"a@b, " * 100_000)), 10_000)
        self.assertLessEqual(len(parse_groups(b"a:;" * 100_000)), 10_000)

    @settings(max_examples=500, deadline=None)
    @given(
        st.one_of(
            st.binary(max_size=100),
            st.text('ab@<>(),:;"\\ \r\n=?q.', max_size=60).map(str.encode),
        )
    )
    def test_never_raises(self, raw: bytes) -> None:
        for mailbox in parse_mailboxes(raw):
            text = (mailbox.name or "") + mailbox.email
            self.assertTrue(mailbox.email or mailbox.name)
            self.assertFalse(any(char < " " for char in text))
            text.encode()
