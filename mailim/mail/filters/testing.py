"""Whether a condition holds for a mail, and what it saw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mailim.mail.filters.conditions import Condition
from mailim.mail.filters.expressions import Expression, quoted
from mailim.mail.filters.limits import RULES, SEEN_CHARS, VALUE_CHARS
from mailim.mail.filters.macros import expand, has_macro, one_line
from mailim.mail.filters.view import MailView, Occasion, Seen, folded, seen

NOTHING: Final = "(nothing)"
_KEPT: Final = RULES  # compiled patterns without macros
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
    if test in ("matches", "like"):
        try:
            expression = _expression(test, value, macro)
        except ValueError:  # what macros gave makes it too large
            return lambda _one: False
        if test == "matches":
            return lambda one: expression.found_in(one.shown)
        return lambda one: expression.found_in(one.folded)
    wanted = folded(expand(value, macro, most=VALUE_CHARS))
    if not wanted:
        return lambda _one: False  # a macro that gave nothing is in no text
    return {
        "contains": lambda one: wanted in one.folded,
        "is": lambda one: wanted == one.folded,
        "starts": lambda one: one.folded.startswith(wanted),
        "ends": lambda one: one.folded.endswith(wanted),
    }[test]


def _expression(test: str, value: str, macro: Callable[[str], str]) -> Expression:
    """Give the pattern of a rule; one with words of a stranger in it is not kept."""
    if test == "matches":
        return Expression(expand(value, macro, quoted)) if has_macro(value) else _pattern(value)
    return _wildcards(value, macro) if has_macro(value) else _plain_wildcards(value)


def _wildcards(value: str, macro: Callable[[str], str]) -> Expression:
    """Give the pattern for a text in which * stands for anything and ? for one character.

    In what a macro gives they stand for themselves.
    """
    pieces = (
        {"*": "(?s:.*)", "?": "(?s:.)"}.get(each) or quoted(folded(expand(each, macro)))
        for each in re.split(r"([*?])", re.sub(r"\*+", "*", value))
    )
    return Expression(rf"\A{''.join(pieces)}\z")


@lru_cache(_KEPT)
def _pattern(value: str) -> Expression:
    return Expression(value)


@lru_cache(_KEPT)
def _plain_wildcards(value: str) -> Expression:
    return _wildcards(value, lambda name: name)
