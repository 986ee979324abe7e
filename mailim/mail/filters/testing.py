"""Whether a condition holds for a mail, and what it saw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mailim.mail.filters.conditions import Condition
from mailim.mail.filters.expressions import Expression, quoted
from mailim.mail.filters.limits import SEEN_CHARS, VALUE_CHARS
from mailim.mail.filters.macros import expand, one_line
from mailim.mail.filters.view import MailView, Occasion, Seen, folded, seen

NOTHING: Final = "(nothing)"
_KEPT: Final = 512  # compiled patterns
_WHOLE: Final = ("is", "starts", "ends", "like")  # tests that look at an address alone too

Members = Mapping[str, frozenset[str]]
"""By group: the addresses its members have."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What conditions are tested on. `sender_is`: all addresses that mean the sender."""

    mail: MailView
    occasion: Occasion
    macro: Callable[[str], str]
    members: Members
    sender_is: frozenset[str] = frozenset()


def holds(condition: Condition, grounds: Grounds) -> bool:
    """Tell whether a condition holds."""
    test = condition.test
    if not test:
        return True
    if condition.of == "size":
        size, limit = grounds.mail.size, condition.value(test)
        return bool(size > limit if test == "over" else size < limit)
    negative = test.startswith("not_")
    test = test.removeprefix("not_")
    if test == "in_group":
        return _is_member(condition, grounds) != negative
    values = _values(condition, grounds, test)
    if test == "exists":
        return any(True for _ in values) == condition.exists
    compare = _comparison(test, condition.value(condition.test), grounds.macro)
    return any(compare(each) for each in values) != negative


def shown(condition: Condition, grounds: Grounds) -> str:
    """Give what a condition looked at, for people."""
    if not condition.test:
        return ""
    if condition.of == "size":
        return f"{grounds.mail.size} octets"
    values = [one_line(each.shown) for each in _values(condition, grounds, "")]
    text = " | ".join(values)
    if not values or not text.strip(" |"):
        return NOTHING
    return text if len(text) <= SEEN_CHARS else text[: SEEN_CHARS - 1] + "…"


def _values(condition: Condition, grounds: Grounds, test: str) -> Iterable[Seen]:
    mail = grounds.mail
    if condition.header is not None:
        for name in condition.header:
            yield from mail.header(name)
            if test in _WHOLE:
                yield from mail.addresses(name)
    elif condition.of == "attachment":
        yield from mail.attachments
    elif condition.of == "body":
        if mail.body.shown:
            yield mail.body
    else:
        address = {
            "sender": mail.sender,
            "envelope_sender": mail.envelope_sender,
            "recipient": grounds.occasion.recipient,
        }[str(condition.of)]
        if address:
            yield seen(address)


def _is_member(condition: Condition, grounds: Grounds) -> bool:
    members = grounds.members.get(str(condition.group), frozenset())
    if condition.of == "recipient":
        return grounds.occasion.recipient in members
    if condition.of == "envelope_sender":
        return grounds.mail.envelope_sender in members
    return not members.isdisjoint(grounds.sender_is | {grounds.mail.sender})


def _comparison(test: str, value: str, macro: Callable[[str], str]) -> Callable[[Seen], bool]:
    if test == "matches":
        try:
            expression = _expression(expand(value, macro, quoted))
        except ValueError:  # what macros gave makes it too large
            return lambda _one: False
        return lambda one: expression.found_in(one.shown)
    wanted = folded(expand(value, macro, most=VALUE_CHARS))
    if value and not wanted:
        return lambda _one: False  # a macro that gave nothing is in no text
    if test == "like":
        pattern = _wildcards(wanted)
        return lambda one: pattern.found_in(one.folded)
    return {
        "contains": lambda one: wanted in one.folded,
        "is": lambda one: wanted == one.folded,
        "starts": lambda one: one.folded.startswith(wanted),
        "ends": lambda one: one.folded.endswith(wanted),
    }[test]


@lru_cache(_KEPT)
def _wildcards(text: str) -> Expression:
    """Give the pattern for a text in which * stands for anything and ? for one character."""
    pieces = (
        {"*": "(?s:.*)", "?": "(?s:.)"}.get(each) or quoted(each)
        for each in re.split(r"([*?])", re.sub(r"\*+", "*", text))
    )
    return Expression(rf"\A{''.join(pieces)}\z")


@lru_cache(_KEPT)
def _expression(pattern: str) -> Expression:
    return Expression(pattern)
