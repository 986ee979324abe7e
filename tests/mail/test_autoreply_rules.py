"""Who is answered automatically: every rule by itself, and garbage."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.address import parse_address
from mailim.interfaces.vacation import Vacation
from mailim.mail.autoreply_rules import (
    OLDEST_SECONDS,
    Decision,
    Incoming,
    Respondent,
    decide,
    is_automatic,
    matches,
    person_of,
)
from mailim.wire.fields import raw_fields
from mailim.wire.message import describe

NOW = 1_700_000_000_000_000
CARL = "carl@example.org"
HEADER = "From: Carl <carl@example.org>\r\nTo: Bob <bob@example.test>\r\nSubject: x\r\n"
ME = Respondent(
    "bob@example.test",
    "Bob",
    Vacation(enabled=True),
    frozenset({"bob@example.test", "robert@example.test", "kate@a.test", "b@xn--bcher-kva.test"}),
)


def me(**changes: Any) -> Respondent:
    given = {name: getattr(ME, name) for name in ("address", "name", "settings", "own")}
    own = {
        name: changes.pop(name) for name in ("own", "any_addressee", "hosted") if name in changes
    }
    return Respondent(**given | own | {"settings": Vacation(enabled=True, **changes)})


def asked(
    header: str | bytes = HEADER,
    sender: str = CARL,
    origin: str = "smtp",
    who: Respondent = ME,
    received: int = NOW,
    junk: bool = False,
    added: bytes = b"",
) -> Decision:
    octets = header.encode("utf-8", "surrogateescape") if isinstance(header, str) else header
    data = octets + b"\r\nHello\r\n"
    fields = [(name.lower(), value) for name, value in raw_fields(octets)]
    more = [(name.lower(), value) for name, value in raw_fields(added)]
    facts = describe(data)
    return decide(Incoming(origin, sender, received, junk, facts, fields, more), who, NOW)


class RuleCase(SynchronousTestCase):
    def answers(self, *args: Any, to: str = CARL, **named: Any) -> None:
        self.assertEqual(asked(*args, **named), Decision(to), (args, named))

    def keeps_silent(self, *args: Any, **named: Any) -> None:
        found = asked(*args, **named)
        self.assertEqual(found.sender, "", (args, named))
        self.assertNotEqual(found.reason, "")


class MailTests(RuleCase):
    def test_a_plain_mail(self) -> None:
        self.answers()
        self.answers(sender="Carl@EXAMPLE.org")

    def test_off(self) -> None:
        self.keeps_silent(who=Respondent("bob@example.test", "", Vacation(), ME.own))
        self.keeps_silent(who=me(from_date=NOW + 1))
        self.keeps_silent(who=me(to_date=NOW))
        self.answers(who=me(from_date=NOW, to_date=NOW + 1))

    def test_without_a_sender(self) -> None:
        """RFC 3834 section 2: never to the null reverse-path; nor to what is no address."""
        for sender in (
            "",
            "carl",
            "@example.org",
            '"carl b"@example.org',
            "a@b@c d",
            "a@[1.2.3.4]",
        ):
            self.keeps_silent(sender=sender)

    def test_from_here(self) -> None:
        self.keeps_silent(origin="system")
        self.keeps_silent(junk=True)

    def test_old(self) -> None:
        old = (OLDEST_SECONDS + 60) * 1_000_000
        self.keeps_silent(received=NOW - old)
        for seconds, answered in ((OLDEST_SECONDS - 60, True), (OLDEST_SECONDS + 60, False)):
            date = format_datetime(datetime.fromtimestamp(NOW / 1e6 - seconds, UTC))
            found = asked(f"{HEADER}Date: {date}\r\n")
            self.assertEqual(bool(found.sender), answered)
        self.answers(f"{HEADER}Date: Thu, 1 Jan 2099 00:00:00 +0000\r\n")
        self.answers(f"{HEADER}Date: nonsense\r\n")

    def test_fields_of_programs(self) -> None:
        for field in (
            "List-Id: <x.example.org>", "LIST-UNSUBSCRIBE: <mailto:x@y>", "List-Nonsense: 1",
            "Precedence: bulk", "precedence:  List ", "Precedence: junk", "Precedence: (a) bulk",
            "Auto-Submitted: auto-generated", "Auto-Submitted: auto-replied; x=y",
            "Auto-Submitted:", "Auto-Submitted: \x00\xff", "Auto-Submitted: no-really",
            "Auto-Submitted: no\r\nAuto-Submitted: auto-notified",
            "X-Auto-Response-Suppress: All", "X-Auto-Response-Suppress: DR, OOF",
            "X-Auto-Response-Suppress: RN;AutoReply", "X-Spam-Flag: YES", "X-Spam-Status: Yes, 9",
            "X-Loop: bob@example.test", "X-Autoreply: yes", "X-Failed-Recipients: x@y",
            "Mailing-List: x", "Content-Type: multipart/report; boundary=x",
        ):  # fmt: skip
            self.keeps_silent(f"{HEADER}{field}\r\n")
        for field in (
            "Auto-Submitted: no", "Auto-Submitted: No (a person)",
            "Auto-Submitted: (x) no", "Precedence: first-class",
            "X-Auto-Response-Suppress: DR, NDR, RN, NRN", "X-Auto-Response-Suppress: None",
            "X-Spam-Flag: NO", "X-Spam-Status: No, score=-2", "Listing: x", "X-Listen: y",
            "Content-Type: multipart/mixed; boundary=x",
        ):  # fmt: skip
            self.answers(f"{HEADER}{field}\r\n")

    def test_fields_added_here_count(self) -> None:
        self.keeps_silent(added=b"X-Spam-Flag: YES\r\n")
        self.answers(added=b"Received: by mail.example.test\r\n")

    def test_addressees(self) -> None:
        """RFC 5230 section 4.5."""
        base = "From: carl@example.org\r\n"
        for field in (
            "To: x@example.org, BOB@Example.Test", "Cc: robert@example.test",
            "To: Team: bob@example.test;", "To: bob+lists@example.test", "Bcc: bob@example.test",
            "Resent-To: bob@example.test", "To: b@bücher.test", "To: b+x@BÜCHER.test",
            "To: undisclosed-recipients:;\r\nCc: <bob@example.test>",
        ):  # fmt: skip
            self.answers(f"{base}{field}\r\n")
        for field in (
            "Subject: none at all", "To: x@example.org", "To: undisclosed-recipients:;",
            "To: bob@example.org", "To: bobby@example.test", "Reply-To: bob@example.test",
            "To: +bob@example.test", "To: b@buecher.test", "To: @example.test", "To: bob",
        ):  # fmt: skip
            self.keeps_silent(f"{base}{field}\r\n")
        anybody = me(any_addressee=True)
        self.answers(f"{base}To: x@example.org\r\n", who=anybody)
        self.keeps_silent(f"{base}To: undisclosed-recipients:;\r\n", who=anybody)


class SenderTests(RuleCase):
    def test_programs(self) -> None:
        for local in (
            "MAILER-DAEMON", "mailer-daemon", "Postmaster", "noreply", "no-reply", "no_reply",
            "no.reply", "shop-noreply", "noreply-orders", "noreply+123", "do-not-reply",
            "donotreply", "owner-list", "list-owner", "list-request", "list-bounces",
            "bounces", "bounce", "bounce-123", "bounces+77-bob=example.test", "bounce+x",
            "list-bounces+bob=example.test", "list-return-12-bob=example.test", "majordomo",
            "listserv", "x-errors", "nobody", "root", "autoreply", "auto-reply",
        ):  # fmt: skip
            self.assertTrue(is_automatic(local), local)
            self.keeps_silent(sender=f"{local}@example.org")
        for local in (
            "carl", "carl.owner", "request", "ownerly", "bouncer", "carl-b", "daemonica", "carl+x",
            "list", "rooted", "anna.bounce.berg", "return", "norepl", "errors.x", "prvs=1a=carl",
        ):  # fmt: skip
            self.assertFalse(is_automatic(local), local)
            self.answers(sender=f"{local}@example.org", to=f"{local}@example.org")

    def test_itself(self) -> None:
        for sender in ("bob@example.test", "ROBERT@example.test", "bob+x@example.test",
                       "kate@a.test", "b@bücher.test"):  # fmt: skip
            self.keeps_silent(sender=sender)
        self.answers(sender="bobby@example.test", to="bobby@example.test")

    def test_colleagues(self) -> None:
        self.answers(sender="ann@example.test", to="ann@example.test")
        quiet = me(colleagues=False)
        self.keeps_silent(sender="ann@EXAMPLE.test", who=quiet)
        self.answers(sender="ann@a.example.test", to="ann@a.example.test", who=quiet)

    def test_no_way_out(self) -> None:
        here = me(hosted=frozenset({"example.test"}))
        self.keeps_silent(who=here)
        self.answers(sender="ann@example.test", to="ann@example.test", who=here)

    def test_excluded(self) -> None:
        for pattern in ("carl@example.org", "*@EXAMPLE.org", "c*", "????@*", "*"):
            self.keeps_silent(who=me(excluded=("x@y", pattern)))
        for pattern in ("carl@example.com", "???@*", "carl", "[c]arl@example.org", "example.org"):
            self.answers(who=me(excluded=(pattern,)))
        # Also by the name on the letter.
        self.keeps_silent(sender="x9@bulk.example", who=me(excluded=("carl@*",)))


class PersonTests(SynchronousTestCase):
    def test_what_stays_the_same(self) -> None:
        for address, person in {
            "carl@x.org": "carl@x.org",
            "carl+shop@x.org": "carl@x.org",
            "+x@x.org": "+x@x.org",
            "prvs=012345abcd=carl@x.org": "carl@x.org",
            "btv1==1234==carl@x.org": "carl@x.org",
            "srs0=ab12=cd=x.org=carl@forward.net": "carl@x.org",
            "srs0+ab12=cd=x.org=carl+y@forward.net": "carl@x.org",
            "srs1=ab=fwd.net==cd=ef=x.org=carl@other.net": "carl@x.org",
            "ann+srs=ab12=cd=x.org=carl@tenant.net": "carl@x.org",
            "a=b@x.org": "a=b@x.org",
            "srs@x.org": "srs@x.org",
        }.items():
            self.assertEqual(person_of(address), person)

    def test_in_time(self) -> None:
        begin = time.thread_time()
        person_of("srs0=" + "=" * 300 + "@x")
        person_of("+srs" * 90 + "=@x")
        self.assertLess(time.thread_time() - begin, 5)


class CollectedTests(RuleCase):
    def collected(self, more: str) -> Decision:
        date = format_datetime(datetime.fromtimestamp(NOW / 1e6, UTC))
        return asked(f"{more}{HEADER}Date: {date}\r\n", "", "multipop")

    def test_the_sender(self) -> None:
        for more, to in (
            ("", CARL),
            ("Return-Path: <dora@example.org>\r\n", "dora@example.org"),
            ("Return-Path: dora@example.org\r\nReply-To: eve@example.org\r\n", "dora@example.org"),
            ("Return-Path: <dora@x.org>\r\nReturn-Path: <eve@x.org>\r\n", "dora@x.org"),
            ("Reply-To: Eve <eve@example.org>\r\n", "eve@example.org"),
            ("Return-Path: <>\r\n", ""),
            ("Return-Path: < >\r\nReply-To: eve@example.org\r\n", ""),
            ("Reply-To: eve@example.org, dora@example.org\r\n", ""),
            ("Return-Path: <list-bounces+1@example.org>\r\n", ""),
            ("Reply-To: noreply@example.org\r\n", ""),
            ("From: two@example.org, three@example.org\r\n", CARL),  # the last one counts
        ):
            self.assertEqual(self.collected(more).sender, to, more)

    def test_without_a_date(self) -> None:
        self.keeps_silent(HEADER, "", "multipop")

    def test_a_header_cannot_choose_for_mail_with_an_envelope(self) -> None:
        self.answers(f"Return-Path: <eve@example.org>\r\nReply-To: eve@example.org\r\n{HEADER}")


class MatchingTests(SynchronousTestCase):
    @settings(max_examples=300, database=None)
    @given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
    def test_as_the_standard_library_has_it(self, pattern: str, text: str) -> None:
        import fnmatch

        self.assertEqual(matches(pattern, text), fnmatch.fnmatchcase(text, pattern))

    def test_in_time(self) -> None:
        begin = time.thread_time()
        self.assertFalse(matches("*a" * 127, "a" * 126 + "b" * 128))
        self.assertLess(time.thread_time() - begin, 2)


LINES = st.sampled_from(
    [b"From: ", b"To: bob@example.test", b"Return-Path: ", b"Auto-Submitted: ", b"Precedence: ",
     b"Date: ", b"Reply-To: ", b"Resent-To: ", b"X-Spam-Flag: ", b"<", b">", b"@", b"\r\n", b"\r",
     b"\n", b" ", b"=?utf-8?q?=0D=0ABcc:_x?=", b"carl@example.org", b"\x00", b"\xff", b"(", b'"']
) | st.binary(max_size=12)  # fmt: skip


class GarbageTests(SynchronousTestCase):
    @settings(max_examples=500, database=None)
    @given(
        st.lists(LINES, max_size=25).map(b"".join),
        st.text(max_size=30) | st.just(CARL),
        st.sampled_from(["smtp", "multipop"]),
    )
    def test_whatever_the_header(self, header: bytes, sender: str, origin: str) -> None:
        found = asked(header, sender, origin, me(any_addressee=True, excluded=("*x?",)))
        self.assertNotEqual(bool(found.sender), bool(found.reason))
        if found.sender:
            self.assertEqual(str(parse_address(found.sender)), found.sender)

    def test_many_addressees_take_little_time(self) -> None:
        header = "From: carl@example.org\r\nTo: " + ", ".join(
            f"x{n}@bücher{n}.test" for n in range(5000)
        )
        begin = time.thread_time()
        asked(f"{header}\r\n")
        self.assertLess(time.thread_time() - begin, 10)
