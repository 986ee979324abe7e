"""Actions and macros: what each comes to, and what strangers cannot make of them."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.interfaces.filters import Action, Ruling
from mailim.mail.filters.evaluation import Circumstances, evaluate
from mailim.mail.filters.limits import ADDED_OCTETS, TEXT_CHARS
from mailim.mail.filters.macros import one_line
from mailim.mail.filters.outcome import header_field
from mailim.mail.filters.rules import RuleSet
from tests.mail.filters.kit import BOB, MAIL, OUT, rule, rules, ruling, view, weighed


def done(then: str, data: bytes = MAIL, **more: Any) -> Ruling:
    """Do one action with every mail."""
    return ruling(rule(then=then, more='queue = "both"'), data, **more)


def ping(text: str, data: bytes = MAIL, **more: Any) -> str:
    """Give the text of the instant message a rule sends; "" if it sends none."""
    then = f'do = "instant_message", text = "{text}"'
    return "|".join(one.body for one in done(then, data, **more).pings)


class ActionTest(SynchronousTestCase):
    """Every action."""

    def test_move(self) -> None:
        verdict = done('do = "move", folder = "Lists/A"').verdict
        self.assertEqual((verdict.action, verdict.folder), (Action.ACCEPT, "Lists/A"))

    def test_junk(self) -> None:
        self.assertEqual(done('do = "junk"').verdict.action, Action.JUNK)

    def test_of_move_and_junk_the_last_counts(self) -> None:
        verdict = done('do = "junk" }, { do = "move", folder = "A"').verdict
        self.assertEqual((verdict.action, verdict.folder), (Action.ACCEPT, "A"))
        verdict = done('do = "move", folder = "A" }, { do = "junk"').verdict
        self.assertEqual((verdict.action, verdict.folder), (Action.JUNK, ""))

    def test_what_is_for_folders_means_nothing_elsewhere(self) -> None:
        for then in (
            'do = "move", folder = "A"',
            'do = "junk"',
            'do = "keyword", keyword = "$seen"',
        ):
            found = done(then, occasion=OUT)
            self.assertEqual((found.plain, found.rules), (True, ("Rule",)))

    def test_keyword(self) -> None:
        then = 'do = "keyword", keyword = "$Flagged" }, { do = "keyword", keyword = "lunch"'
        self.assertEqual(done(then).verdict.keywords, {"$flagged", "lunch"})

    def test_add_header(self) -> None:
        headers = done('do = "add_header", name = "X-Was", value = "$SUBJECT$"').verdict.headers
        self.assertEqual(headers, b"X-Was: =?utf-8?q?Gr=C3=BC=C3=9Fe_and_lunch?=\r\n")

    def test_copy(self) -> None:
        found = done('do = "copy", to = ["Ann@Example.test", "$SENDER$", "ann@example.test"]')
        self.assertEqual(found.copies, ("ann@example.test", "carl@example.org"))
        self.assertEqual(found.copy_headers, b"X-Mailim-Copy: 1\r\n")

    def test_what_came_back_is_not_copied_again(self) -> None:
        found = done('do = "copy", to = "ann@example.test"', copied=True)
        self.assertEqual((found.copies, len(found.notes)), ((), 1))

    def test_delete(self) -> None:
        self.assertTrue(done('do = "delete"').deleted)

    def test_hold(self) -> None:
        """What is let go goes where the rules said."""
        found = done('do = "hold" }, { do = "junk"')
        self.assertEqual((found.held, found.verdict.action), ("Held by rule Rule.", Action.JUNK))

    def test_all_actions_of_a_rule_are_done_also_behind_a_delete(self) -> None:
        then = 'do = "delete" }, { do = "copy", to = "ann@example.test" }, { do = "hold"'
        found = done(then)
        self.assertEqual((found.deleted, found.copies), (True, ("ann@example.test",)))

    def test_instant_message(self) -> None:
        then = 'do = "instant_message", to = ["$RECIPIENT$", "postmaster@$PRIMARYDOMAIN$"], '
        then += 'from = "alerts@example.test", text = "From $SENDER$."'
        self.assertEqual(
            [(one.recipient, one.sender, one.body) for one in done(then).pings],
            [
                ("bob@example.test", "alerts@example.test", "From carl@example.org."),
                ("postmaster@example.test", "alerts@example.test", "From carl@example.org."),
            ],
        )

    def test_the_sender_of_the_seed(self) -> None:
        text = "You have received an email from $SENDER$.\\nSubject: $SUBJECT$"
        self.assertEqual(
            ping(text),
            "You have received an email from carl@example.org.\nSubject: Grüße and lunch",
        )
        (one,) = done(f'do = "instant_message", text = "{text}"').pings
        self.assertEqual((one.recipient, one.sender), ("bob@example.test", "example.test"))

    def test_no_message_about_what_no_person_sent(self) -> None:
        auto = b"Auto-Submitted: auto-replied\r\n" + MAIL
        self.assertEqual(ping("x", auto), "")
        self.assertEqual(ping("x", sender=""), "")
        self.assertEqual(ping("x", b"Auto-Submitted: no\r\n" + MAIL), "x")
        anyway = 'do = "instant_message", text = "x", about_automatic = true'
        self.assertEqual(len(done(anyway, sender="").pings), 1)

    def test_collected_mail_has_no_envelope(self) -> None:
        self.assertEqual(ping("x", sender="", origin="multipop"), "x")
        bounced = b"Return-Path: <>\r\n" + MAIL
        self.assertEqual(ping("x", bounced, sender="", origin="multipop"), "")


class OrderTest(SynchronousTestCase):
    """Rules follow each other."""

    def names(self, *texts: str, **more: Any) -> list[str]:
        return weighed("".join(texts), **more).rules

    def one(self, name: str, then: str = 'do = "keyword", keyword = "k"', more: str = "") -> str:
        return rule("all = true", then, f'name = "{name}"\n{more}')

    def test_all_that_match(self) -> None:
        off = self.one("off", more="enabled = false")
        remote = self.one("remote", 'do = "delete"', 'queue = "remote"')
        self.assertEqual(self.names(self.one("a"), off, remote, self.one("b")), ["a", "b"])

    def test_remote(self) -> None:
        copy = 'do = "copy", to = "x@example.org"'
        both = self.one("both", copy, 'queue = "both"')
        remote = self.one("remote", copy, 'queue = "remote"')
        self.assertEqual(
            self.names(self.one("local"), both, remote, occasion=OUT), ["both", "remote"]
        )

    def test_stop_delete_and_hold_end_it(self) -> None:
        for deed in ("stop", "delete", "hold"):
            found = self.names(self.one("a", f'do = "{deed}"'), self.one("b"))
            self.assertEqual(found, ["a"], deed)

    def test_skip_and_jump(self) -> None:
        rest = [self.one(name) for name in "bcd"]
        skipped = self.names(self.one("a", 'do = "skip", rules = 2'), *rest)
        self.assertEqual(skipped, ["a", "d"])
        jumped = self.names(self.one("a", 'do = "jump", rule = "c"'), *rest)
        self.assertEqual(jumped, ["a", "c", "d"])
        self.assertEqual(self.names(self.one("a", 'do = "skip", rules = 1000'), *rest), ["a"])

    def test_any_and_all(self) -> None:
        for match, holds in (("any", True), ("all", False)):
            text = rule(
                'header = "Subject", contains = "lunch" }, { header = "Subject", is = "no"',
                more=f'match = "{match}"',
            )
            self.assertEqual(bool(self.names(text)), holds, match)

    def test_one_switch_for_all(self) -> None:
        self.assertEqual(weighed(rule()).rules, ["Rule"])
        off = RuleSet(False, rules(rule()).rules)
        self.assertFalse(off.looks_at(True))
        self.assertEqual(evaluate(off, view(), BOB, Circumstances("example.test", 0)).rules, [])


class MacroTest(SynchronousTestCase):
    """Every macro, and what strangers write into them."""

    def test_every_macro(self) -> None:
        data = b"Reply-To: Desk <desk@example.org>\r\nX-Two: first\r\nX-Two: second\r\n" + MAIL
        expected = {
            "$SENDER$": "carl@example.org",
            "$SENDERDOMAIN$": "example.org",
            "$SENDERMAILBOX$": "carl",
            "$ACTUALFROM$": "bounce@lists.example.org",
            "$RECIPIENT$": "bob@example.test",
            "$RECIPIENTDOMAIN$": "example.test",
            "$RECIPIENTMAILBOX$": "bob",
            "$ACTUALTO$": "bob@example.test",
            "$SUBJECT$": "Grüße and lunch",
            "$REPLYTO$": "desk@example.org",
            "$MESSAGEID$": "one@example.org",
            "$HEADER:MESSAGE-ID$": "<one@example.org>",
            "$HEADER:x-two$": "second",
            "$HEADER:X-None$": "",
            "$FILTERRULENAME$": "Rule",
            "$CURRENTTIME$": "2023-11-14 22:13:20 UTC",
            "$PRIMARYDOMAIN$": "example.test",
            "$subject$": "Grüße and lunch",
        }
        for macro, value in expected.items():
            self.assertEqual(ping(f"[{macro}]", data), f"[{value}]", macro)
        self.assertRegex(ping("$GEN_GUID$"), r"\A[0-9A-Z]{11}\Z")
        self.assertNotEqual(ping("$GEN_GUID$"), ping("$GEN_GUID$"))

    def test_what_is_no_macro_stays(self) -> None:
        text = "$5 and $NOSUCH$SENDER$ $ $$ $HEADER:$ $AV_VERSION$"
        expected = "$5 and $NOSUCHcarl@example.org $ $$ $HEADER:$ $AV_VERSION$"
        self.assertEqual(ping(text), expected)

    def test_what_a_macro_gives_is_not_expanded(self) -> None:
        data = MAIL.replace(b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= and lunch", b"$SENDER$ $HEADER:TO$")
        self.assertEqual(ping("$SUBJECT$", data), "$SENDER$ $HEADER:TO$")

    def test_a_subject_cannot_make_lines(self) -> None:
        """Neither in the text of a message nor in a header, however it is encoded."""
        evil = b"=?utf-8?q?a=0D=0ABcc:_x@example.org=0D=0A=0D=0Abody=00=1B[31m?="
        data = MAIL.replace(b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= and lunch", evil)
        self.assertEqual(
            ping("Subject: $SUBJECT$", data), "Subject: a Bcc: x@example.org body [31m"
        )
        headers = done('do = "add_header", name = "X-S", value = "$SUBJECT$"', data).verdict.headers
        self.assertEqual(headers, b"X-S: a Bcc: x@example.org body [31m\r\n")
        separators = "a\u2028b\u2029c\x85d\u202ee\u2066f".encode()
        data = MAIL.replace(b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= and lunch", separators)
        self.assertEqual(ping("$SUBJECT$", data), "a b c d e f")

    def test_an_address_cannot_be_smuggled_in(self) -> None:
        data = b'Reply-To: "x@example.org,\r\n y"@example.test\r\n' + MAIL
        found = done('do = "copy", to = "$REPLYTO$"', data)
        for address in found.copies:
            self.assertNotRegex(address, r"[\r\n]")

    def test_long_ones_are_cut(self) -> None:
        data = MAIL.replace(b"lunch", b"l" * 7000)
        self.assertEqual(len(ping("$SUBJECT$", data)), 1000)
        self.assertEqual(len(ping("$SUBJECT$" * 40, data)), TEXT_CHARS)
        then = ", ".join(
            '{ do = "add_header", name = "X-A", value = "$SUBJECT$" }' for _ in range(20)
        )
        text = rule().replace('{ do = "junk" }', then)
        found = ruling(text, data)
        self.assertLessEqual(len(found.verdict.headers), ADDED_OCTETS)
        self.assertIn("too many", " ".join(found.notes))


class HeaderTest(SynchronousTestCase):
    """Fields that are added."""

    @given(st.text(max_size=1000) | st.text("=?utf-8qb_ 0AD\xe4", max_size=60))
    @settings(max_examples=300, deadline=None)
    @example("=?utf-8?q?=0D=0Ax?=")
    def test_any_subject_comes_back_from_the_field(self, text: str) -> None:
        """It is one field whatever stands in it, and says the same."""
        value = one_line(text)
        field = header_field("X-Value", value)
        self.assertTrue(field.endswith(b"\r\n"))
        self.assertEqual([], re.findall(rb"\r\n(?! |\Z)|(?<!\r)\n|\r(?!\n)", field))
        self.assertTrue(all(len(line) <= 998 for line in field.split(b"\r\n")))
        message = message_from_bytes(field + b"\r\n", policy=default)
        self.assertEqual(message.keys(), ["X-Value"])
        got = " ".join(str(message["X-Value"]).split())
        self.assertEqual(got, " ".join(value.split()))
