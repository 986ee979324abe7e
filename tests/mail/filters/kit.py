"""What tests of rules are written with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailim.interfaces.filters import Ruling
from mailim.interfaces.spool import SpoolEntry
from mailim.mail.filters.evaluation import Circumstances, Explained, evaluate
from mailim.mail.filters.limits import OCTETS
from mailim.mail.filters.outcome import Outcome
from mailim.mail.filters.rules import RulesError, RuleSet, parse
from mailim.mail.filters.view import MailView, Occasion
from mailim.wire.message import describe

MAIL = (
    b"From: Carl Example <Carl@Example.org>\r\n"
    b"To: Bob <bob@example.test>, ann@example.test\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= and lunch\r\n"
    b"Message-ID: <one@example.org>\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"\r\n"
    b"Shall we eat? Order 4711.\r\n"
)
BOB = Occasion("bob@example.test", "bob@example.test", True)
OUT = Occasion("dora@example.org", "dora@example.org", False)
NOW = 1_700_000_000_000_000


def rules(text: str) -> RuleSet:
    """Read a file; `enabled = true` stands above it."""
    return parse(f"enabled = true\n{text}".encode(), Path("filters.toml"))


def problems(text: str) -> list[str]:
    """Read a file that is broken; gives what is wrong in it."""
    try:
        parse(text.encode(), Path("filters.toml"))
    except RulesError as error:
        return [str(each) for each in error.problems]
    return []


def rule(when: str = "all = true", then: str = 'do = "junk"', more: str = "") -> str:
    """Give the text of one rule named Rule with conditions and actions between the braces."""
    name = "" if "name =" in more else 'name = "Rule"'
    return f"[[rule]]\n{name}\n{more}\nwhen = [{{ {when} }}]\nthen = [{{ {then} }}]\n"


def entry(data: bytes = MAIL, **changes: Any) -> SpoolEntry:
    """Give a mail as the queue has it."""
    values: dict[str, Any] = {
        "id": 7,
        "body_id": 1,
        "sha256": b"",
        "size": len(data),
        "prefix": b"Received: by mail.example.test; Mon, 23 Nov 2026 10:00:01 +0000\r\n",
        "sender": "bounce@lists.example.org",
        "origin": "smtp",
        "source": "",
        "received": NOW,
        "account_id": None,
        "recipients": (),
    }
    return SpoolEntry(**{**values, **changes})


def view(data: bytes = MAIL, **changes: Any) -> MailView:
    """Give a mail as rules see it."""
    return MailView(entry(data, **changes), describe(data), data[:OCTETS])


def weighed(
    text: str,
    data: bytes = MAIL,
    occasion: Occasion = BOB,
    members: Mapping[str, frozenset[str]] | None = None,
    explained: list[Explained] | None = None,
    **changes: Any,
) -> Outcome:
    """Ask the rules of a file about a mail."""
    copied = changes.pop("copied", False)
    sender_is = changes.pop("sender_is", frozenset())
    around = Circumstances("example.test", NOW, members or {}, sender_is, copied)
    return evaluate(rules(text), view(data, **changes), occasion, around, explained)


def ruling(text: str, data: bytes = MAIL, occasion: Occasion = BOB, **more: Any) -> Ruling:
    """Ask the rules of a file about a mail; gives what they decide."""
    return weighed(text, data, occasion, **more).ruling(b"X-Mailim-Copy: 1\r\n")


def matches(when: str, data: bytes = MAIL, occasion: Occasion = BOB, **more: Any) -> bool:
    """Tell whether a rule with one condition matches."""
    return bool(weighed(rule(when, more='queue = "both"'), data, occasion, **more).rules)
