"""All rules for one mail and one recipient, in their order.

The same walk serves mail on its way and `mailim filter test`, which only looks at more of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mailim.mail.filters.actions import Jump, Skip
from mailim.mail.filters.outcome import Outcome
from mailim.mail.filters.rules import Rule, RuleSet
from mailim.mail.filters.testing import Grounds, Members, holds, shown
from mailim.mail.filters.view import MailView, Occasion, moment

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GUID_CHARS: Final = 11


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What rules know besides the mail."""

    domain: str  # the server's own, for $PRIMARYDOMAIN$
    now: int
    members: Members = field(default_factory=dict)
    sender_is: frozenset[str] = frozenset()
    copied: bool = False


@dataclass(slots=True)
class Explained:
    """One rule as `filter test` shows it."""

    rule: Rule
    reached: bool = False  # no rule before it ended or jumped over it
    matched: bool = False
    conditions: list[tuple[str, bool, str]] = field(default_factory=list)  # text, holds, seen
    actions: list[tuple[str, str]] = field(default_factory=list)  # text, what it came to


def evaluate(
    rules: RuleSet,
    mail: MailView,
    occasion: Occasion,
    circumstances: Circumstances,
    explained: list[Explained] | None = None,
) -> Outcome:
    """Walk through the rules; `explained` gets one entry for each, in their order.

    Blocking, in time linear in the mail: for a thread.
    """
    outcome = Outcome(mail, occasion, circumstances.copied)
    shows = [Explained(rule) for rule in rules.rules]
    at = 0
    while at < len(rules.rules) and not outcome.over:
        rule, show = rules.rules[at], shows[at]
        show.reached = True
        at += 1
        if rules.enabled and rule.enabled and rule.applies_to(occasion.local):
            grounds = _grounds(mail, occasion, circumstances, rule)
            if _matches(rule, grounds):
                outcome.rules.append(rule.name)
                at = _act(rules, at, outcome, show, grounds.macro)
    if explained is not None:
        for show in shows:
            grounds = _grounds(mail, occasion, circumstances, show.rule)
            show.conditions += [
                (one.text, holds(one, grounds), shown(one, grounds)) for one in show.rule.when
            ]
            show.matched = _matches(show.rule, grounds)
        explained += shows
    return outcome


def _grounds(
    mail: MailView, occasion: Occasion, circumstances: Circumstances, rule: Rule
) -> Grounds:
    macro = _macros(mail, occasion, circumstances, rule.name)
    return Grounds(mail, occasion, macro, circumstances.members, circumstances.sender_is)


def _matches(rule: Rule, grounds: Grounds) -> bool:
    tests = (holds(condition, grounds) for condition in rule.when)
    return all(tests) if rule.match == "all" else any(tests)


def _act(
    rules: RuleSet, at: int, outcome: Outcome, show: Explained, macro: Callable[[str], str]
) -> int:
    """Do all of a rule's actions; gives the place of the rule to go on with."""
    goes_on = at
    for deed in show.rule.then:
        show.actions.append((deed.text, outcome.do(deed, macro)))
        if deed.do == "stop":
            goes_on = len(rules.rules)
        elif isinstance(deed, Skip):
            goes_on = at + deed.rules
        elif isinstance(deed, Jump):
            goes_on = [each.name for each in rules.rules].index(deed.rule, at)
    return goes_on


def _macros(
    mail: MailView, occasion: Occasion, circumstances: Circumstances, rule: str
) -> Callable[[str], str]:
    """Give what tells the values of macros; see `macros.NAMES`."""
    mailbox, domain = (lambda text: text.rpartition("@")[0]), (lambda text: text.rpartition("@")[2])
    values: dict[str, Callable[[], str]] = {
        "SENDER": lambda: mail.sender,
        "SENDERDOMAIN": lambda: domain(mail.sender),
        "SENDERMAILBOX": lambda: mailbox(mail.sender),
        "ACTUALFROM": lambda: mail.envelope_sender,
        "RECIPIENT": lambda: occasion.recipient,
        "RECIPIENTDOMAIN": lambda: domain(occasion.recipient),
        "RECIPIENTMAILBOX": lambda: mailbox(occasion.recipient),
        "ACTUALTO": lambda: occasion.asked_for,
        "SUBJECT": lambda: _last(mail, "subject"),
        "REPLYTO": lambda: mail.reply_to,
        "MESSAGEID": lambda: mail.message_id,
        "FILTERRULENAME": lambda: rule,
        "CURRENTTIME": lambda: moment(circumstances.now),
        "GEN_GUID": lambda: "".join(secrets.choice(_LETTERS) for _ in range(_GUID_CHARS)),
        "PRIMARYDOMAIN": lambda: circumstances.domain,
    }
    return lambda name: (
        _last(mail, name.removeprefix("HEADER:")) if name.startswith("HEADER:") else values[name]()
    )


def _last(mail: MailView, name: str) -> str:
    """Give a field's text; of several the last counts, as everywhere (RFC 8621 4.1.3)."""
    found = mail.header(name)
    return found[-1].shown if found else ""
