"""Commands, paths and parameters of SMTP, right and wrong."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.smtp_commands import (
    Auth,
    Bdat,
    CommandError,
    Hello,
    MailFrom,
    RcptTo,
    Simple,
    from_base64,
    parse_command,
)
from mailim.wire.smtp_paths import NULL, Path, PathError, parse_path, split_path

GOOD_PATHS = {
    "a@example.org": "a@example.org",
    "A.b+c@Example.ORG": "A.b+c@Example.ORG",
    '"alice"@example.org': "alice@example.org",  # RFC 5321 4.1.2: the same mailbox
    '"al\\ice"@example.org': "alice@example.org",
    '"a b"@example.org': '"a b"@example.org',
    '"a\\"@b"@example.org': '"a\\"@b"@example.org',
    '"a>b"@example.org': '"a>b"@example.org',
    "@one.example,@two.example:a@example.org": "a@example.org",
    "a@[192.0.2.1]": "a@[192.0.2.1]",
    "a@[IPv6:2001:db8::1]": "a@[IPv6:2001:db8::1]",
    "bounce_1@em_2.example.org": "bounce_1@em_2.example.org",
    "küche@bücher.example": "küche@bücher.example",
    "Postmaster": "postmaster",
}
BAD_PATHS = (
    "a", "@", "a@", "@b", "a b@example.org", "a..b@example.org", ".a@example.org",
    "a.@example.org", "a@b@example.org", "a@-b.example", "a@b..example", 'a"b"@example.org',
    '"a@example.org', '"a\\"@example.org', "a@[", "a@[]", "a@exa mple.org", "a@example.org.",
    "x" * 65 + "@example.org", "a@" + "x." * 130 + "x", "a,b@example.org", "a;b@example.org",
    "@one.example:@two.example:a@example.org", "a@example.org\u0085", "a\u0085@example.org",
)  # fmt: skip


class PathTests(SynchronousTestCase):
    def test_good_ones(self) -> None:
        for text, meant in GOOD_PATHS.items():
            inner, rest = split_path(f"<{text}> SIZE=1")
            self.assertEqual((inner, rest), (text, " SIZE=1"))
            self.assertEqual(str(parse_path(inner)), meant)

    def test_bad_ones(self) -> None:
        for text in BAD_PATHS:
            self.assertRaises(PathError, parse_path, text)

    def test_brackets_are_needed(self) -> None:
        for text in ("a@example.org", "<a@example.org", " <a@example.org>", '<"a>@example.org'):
            self.assertRaises(PathError, split_path, text)

    def test_the_null_path(self) -> None:
        self.assertEqual(parse_path(""), NULL)
        self.assertTrue(NULL.is_null)

    def test_kinds(self) -> None:
        self.assertTrue(parse_path("a@[192.0.2.1]").is_literal)
        self.assertFalse(parse_path("ä@example.org").is_ascii)
        self.assertTrue(parse_path("a@example.org").is_ascii)


class CommandTests(SynchronousTestCase):
    def refusal(self, line: bytes) -> tuple[int, str]:
        error = self.assertRaises(CommandError, parse_command, line)
        return error.code, error.status

    def test_hello(self) -> None:
        self.assertEqual(parse_command(b"EHLO a.example"), Hello("a.example", True))
        self.assertEqual(parse_command(b"helo [192.0.2.1]"), Hello("[192.0.2.1]", False))
        for line in (b"EHLO", b"EHLO a b", b"HELO "):
            self.assertEqual(self.refusal(line), (501, "5.5.4"))

    def test_mail(self) -> None:
        line = (
            "MAIL FROM:<ä@example.org> SIZE=123 BODY=8bitmime SMTPUTF8 RET=hdrs ENVID=a+2Bb AUTH=<>"
        )
        self.assertEqual(
            parse_command(line.encode()),
            MailFrom(Path("ä", "example.org"), 123, "8BITMIME", True, "HDRS", "a+b", True),
        )
        self.assertEqual(parse_command(b"mail from:<>"), MailFrom(NULL))

    def test_future_release(self) -> None:
        """RFC 4865 section 5."""
        line = b"MAIL FROM:<a@example.org> "
        path = Path("a", "example.org")
        self.assertEqual(parse_command(line + b"holdfor=86400"), MailFrom(path, hold_for=86400))
        for text in (b"2023-11-14T22:13:20Z", b"2023-11-15t00:13:20.000+02:00"):
            self.assertEqual(
                parse_command(line + b"HOLDUNTIL=" + text),
                MailFrom(path, hold_until=1_700_000_000_000_000),
            )

    def test_bad_mail(self) -> None:
        for line, code, status in (
            (b"MAIL", 501, "5.5.4"),
            (b"MAIL FROM <a@example.org>", 501, "5.5.4"),
            (b"MAIL FROM: <a@example.org>", 501, "5.1.7"),
            (b"MAIL FROM:a@example.org", 501, "5.1.7"),
            (b"MAIL FROM:<postmaster>", 501, "5.1.7"),
            (b"MAIL FROM:<a@example.org>SIZE=1", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> SIZE=x", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> SIZE=1 SIZE=2", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> SIZE=" + b"9" * 21, 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> BODY=BINARYMIME", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> SMTPUTF8=yes", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> ENVID=+0D+0A", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> ENVID=" + b"x" * 101, 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> HOLDFOR=" + b"9" * 10, 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> HOLDFOR=-1", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> HOLDFOR", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> HOLDUNTIL=tomorrow", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> HOLDUNTIL=2026-11-23", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> HOLDUNTIL=2026-11-23T10:00:00", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> HOLDUNTIL=2026-02-30T10:00:00Z", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> HOLDFOR=1 HOLDUNTIL=2026-11-23T10:00:00Z", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org> X=1", 555, "5.5.4"),
            (b"MAIL FROM:<a@example.org> =1", 501, "5.5.4"),
            (b"MAIL FROM:<a@example.org>" + b" X" * 30, 501, "5.5.4"),
        ):
            self.assertEqual(self.refusal(line), (code, status), line)

    def test_rcpt(self) -> None:
        line = b"RCPT TO:<a@example.org> NOTIFY=success,failure ORCPT=RFC822;b+2Bc@example.org"
        self.assertEqual(
            parse_command(line),
            RcptTo(Path("a", "example.org"), ("SUCCESS", "FAILURE"), "rfc822;b+c@example.org"),
        )
        self.assertEqual(parse_command(b"RCPT TO:<Postmaster>"), RcptTo(Path("postmaster")))

    def test_bad_rcpt(self) -> None:
        for line in (
            b"RCPT TO:<>",
            b"RCPT TO:<a>",
            b"RCPT TO:<a@example.org> NOTIFY=NEVER,DELAY",
            b"RCPT TO:<a@example.org> NOTIFY=DELAY,DELAY",
            b"RCPT TO:<a@example.org> NOTIFY",
            b"RCPT TO:<a@example.org> ORCPT=rfc822",
            b"RCPT TO:<a@example.org> ORCPT=rfc822;+0A",
        ):
            self.assertEqual(self.refusal(line)[0], 501, line)
        self.assertEqual(self.refusal(b"RCPT TO:<a@example.org> SIZE=1"), (555, "5.5.4"))

    def test_bdat(self) -> None:
        self.assertEqual(parse_command(b"BDAT 12"), Bdat(12, False))
        self.assertEqual(parse_command(b"bdat 0 last"), Bdat(0, True))
        for line in (b"BDAT", b"BDAT -1", b"BDAT 1 FIRST", b"BDAT 1 LAST x", b"BDAT " + b"9" * 21):
            self.assertEqual(self.refusal(line), (501, "5.5.4"))

    def test_auth(self) -> None:
        self.assertEqual(parse_command(b"AUTH plain AGEAYg=="), Auth("PLAIN", b"\0a\0b"))
        self.assertEqual(parse_command(b"AUTH PLAIN ="), Auth("PLAIN", b""))
        self.assertEqual(parse_command(b"AUTH LOGIN"), Auth("LOGIN", None))
        self.assertNotIn("b'", repr(parse_command(b"AUTH PLAIN AGEAYg==")))
        for line in (b"AUTH", b"AUTH PLAIN !", b"AUTH PLAIN a b", b"AUTH " + b"X" * 21):
            self.assertEqual(self.refusal(line)[0], 501)
        self.assertRaises(CommandError, from_base64, b"\xff")

    def test_others(self) -> None:
        self.assertEqual(parse_command(b"quit "), Simple("QUIT"))
        self.assertEqual(parse_command(b"NOOP anything"), Simple("NOOP"))
        self.assertEqual(self.refusal(b"DATA now"), (501, "5.5.4"))
        self.assertEqual(self.refusal(b"TURN"), (500, "5.5.1"))
        self.assertEqual(self.refusal(b""), (500, "5.5.1"))
        self.assertEqual(self.refusal(b"NOOP \x07"), (500, "5.5.2"))
        self.assertEqual(self.refusal(b"NOOP \xff"), (500, "5.5.2"))

    @given(
        st.sampled_from(
            [b"", b"EHLO ", b"MAIL FROM:<", b"RCPT TO:", b"AUTH ", b"BDAT ", b"AUTH X "]
        ),
        st.binary(max_size=80) | st.text('a@<>"\\.:[],;= +0A', max_size=40).map(str.encode),
    )
    @settings(max_examples=1000, deadline=None)
    def test_only_named_errors(self, start: bytes, rest: bytes) -> None:
        try:
            parse_command(start + rest)
        except CommandError as error:
            self.assertTrue(500 <= error.code < 600)
            self.assertTrue(error.text.isascii())
