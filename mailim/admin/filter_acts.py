"""Operations on the rules for mail: which are in force, and what they would do with a mail.

They work with and without a server. Testing does nothing: no mail moves, no message is sent.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mailim.admin.operations import Act
from mailim.errors import Invalid, Unavailable
from mailim.interfaces.filters import Ruling
from mailim.interfaces.spool import SpoolEntry
from mailim.mail.filters.content_filter import ContentFilter, settled, weigh
from mailim.mail.filters.evaluation import Explained
from mailim.mail.filters.limits import OCTETS
from mailim.mail.filters.rules import Rule, RulesError, RuleSet
from mailim.mail.filters.view import MailView, Occasion, normal
from mailim.wire.message import MessageFacts, describe

_QUEUES: Final = {"local": "mail for here", "remote": "mail that leaves", "both": "all mail"}


class FilterActs:
    """Binds `filter`."""

    def __init__(self, content_filter: ContentFilter) -> None:
        self._filter = content_filter

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        return {"filter.list": self.list, "filter.test": self.test}

    async def list(self, _values: dict[str, Any], _actor: str) -> Any:
        """Give the rules in force, and what is wrong in the file."""
        file = self._filter.file
        await file.look(now=True)
        rules, error = file.in_force or RuleSet(), file.error
        rows = [_row(number, rule) for number, rule in enumerate(rules.rules, 1)]
        told = {
            "file": str(file.path),
            "in_force": file.in_force is not None,
            "enabled": rules.enabled,
            "problems": _problems(error),
            "warnings": await self._warnings(rules),
            "rules": rows,
        }
        return {**told, "text": _listed(told)}

    async def test(self, values: dict[str, Any], _actor: str) -> Any:
        """Explain what the rules would do with a mail."""
        rules, error = await self._rules()
        around = self._filter.around
        octets = b64decode(values["file"])
        facts: MessageFacts = await around.threads(lambda: describe(octets))
        occasion = await self._occasion(values, facts)
        entry = _entry(values, facts, octets, occasion)
        view = await around.threads(lambda: MailView(entry, facts, octets[:OCTETS]))
        explained: list[Explained] = []
        outcome, marks = await weigh(around, rules, view, occasion, explained)
        ruling = await settled(around, outcome.ruling(marks), entry.origin)
        end = outcome.text()
        if not rules.enabled:
            end += "; the rules are switched off"
        told = {
            "sender": view.sender,
            "recipient": occasion.recipient,
            "local": occasion.local,
            "problems": _problems(error),
            "rules": [
                _explained(number, one, rules, occasion) for number, one in enumerate(explained, 1)
            ],
            "notes": list(ruling.notes),
            "instant_messages": _pings(ruling),
            "outcome": end,
        }
        return {**told, "text": _told(told)}

    async def _rules(self) -> tuple[RuleSet, RulesError | None]:
        file = self._filter.file
        await file.look(now=True)
        if file.in_force is None:
            raise Unavailable(file.error.text if file.error else "there are no rules to be read")
        return file.in_force, file.error

    async def _warnings(self, rules: RuleSet) -> Sequence[str]:
        """Say which addresses of rules are nothing here."""
        directory = self._filter.around.directory
        found: dict[str, None] = {}
        for rule, address in rules.addresses():
            local = await directory.is_local(address.rpartition("@")[2])
            if local and await directory.resolve(address) is None:
                found[f'rule "{rule.name}": there is no {address}'] = None
        return [*found]

    async def _occasion(self, values: dict[str, Any], facts: MessageFacts) -> Occasion:
        given = values.get("recipient") or next((one.email for one in facts.to if one.email), "")
        if not given:
            raise Invalid("the mail names nobody in To: say for whom by recipient", "recipient")
        asked = normal(given)
        directory = self._filter.around.directory
        local = await directory.is_local(asked.rpartition("@")[2]) and not values.get("remote")
        meant = await directory.resolve(asked) if local else None
        return Occasion(meant[0] if meant else asked, asked, local)


def _entry(
    values: dict[str, Any], facts: MessageFacts, octets: bytes, occasion: Occasion
) -> SpoolEntry:
    """Give the mail as the queue would have it."""
    from_ = next((one.email for one in facts.from_ if one.email), "")
    sender = values.get("sender", from_).strip("<>")
    size = len(octets)
    return SpoolEntry(0, 0, b"", size, b"", sender, "smtp", "filter test", 0, None, ())


def _problems(error: RulesError | None) -> list[dict[str, Any]]:
    return [
        {
            "rule": each.number,
            "name": each.name,
            "path": each.path,
            "text": each.text,
            "hint": each.hint,
        }
        for each in (error.problems if error else ())
    ]


def _row(number: int, rule: Rule) -> dict[str, Any]:
    return {
        "number": number,
        "name": rule.name,
        "enabled": rule.enabled,
        "queue": rule.queue,
        "match": rule.match,
        "conditions": [one.text for one in rule.when],
        "actions": [one.text for one in rule.then],
    }


def _explained(number: int, one: Explained, rules: RuleSet, occasion: Occasion) -> dict[str, Any]:
    rule = one.rule
    note = ""
    if not rule.enabled or not rules.enabled:
        note = "off"
    elif not rule.applies_to(occasion.local):
        note = f"only for {_QUEUES[rule.queue]}"
    elif not one.reached:
        note = "not reached"
    done = [expanded for _, expanded in one.actions]
    return {
        **_row(number, rule),
        "matched": one.matched,
        "note": note,
        "conditions": [
            {"text": text, "holds": holds, "seen": seen} for text, holds, seen in one.conditions
        ],
        "actions": [
            {"text": deed.text, "expanded": done[at] if at < len(done) else None}
            for at, deed in enumerate(rule.then)
        ],
    }


def _pings(ruling: Ruling) -> list[dict[str, str]]:
    return [{"to": one.recipient, "from": one.sender, "text": one.body} for one in ruling.pings]


# --- as text ----------------------------------------------------------------------------------


def _listed(told: dict[str, Any]) -> str:
    state = ("on" if told["enabled"] else "off") if told["in_force"] else "not to be read"
    lines = [f"{told['file']}: rules are {state}"]
    lines += _problem_lines(told["problems"], told["in_force"])
    lines += [f"warning: {one}" for one in told["warnings"]]
    for one in told["rules"]:
        state = "" if one["enabled"] else " (off)"
        lines.append(f"{one['number']:>3}  {one['name']}{state}, {_QUEUES[one['queue']]}")
        joined = "  and " if one["match"] == "all" else "  or  "
        for at, text in enumerate(one["conditions"]):
            lines.append(f"     {'  if  ' if not at else joined}{text}")
        lines += [f"       then {text}" for text in one["actions"]]
    return "\n".join(lines)


def _told(told: dict[str, Any]) -> str:
    where = "an account here" if told["local"] else "another server"
    lines = [f"from {told['sender'] or '<>'} to {told['recipient']}, {where}"]
    lines += _problem_lines(told["problems"])
    for one in told["rules"]:
        said = "matches" if one["matched"] else "does not match"
        note = f" ({one['note']})" if one["note"] else ""
        lines.append(f'rule {one["number"]} "{one["name"]}"{note}: {said}')
        for each in one["conditions"]:
            saw = f"; saw {each['seen']}" if each["seen"] else ""
            lines.append(f"    {'yes' if each['holds'] else 'no ':<3}  {each['text']}{saw}")
        for each in one["actions"]:
            if each["expanded"] is not None:
                lines.append(f"    then {' / '.join(each['expanded'].splitlines())}")
    lines += [f"note: {note}" for note in told["notes"]]
    return "\n".join([*lines, f"outcome: {told['outcome']}"])


def _problem_lines(problems: list[dict[str, Any]], in_force: bool = True) -> list[str]:
    if not problems:
        return []
    meanwhile = "the last good rules stay in force" if in_force else "mail waits for good rules"
    lines = [f"the file is broken, {meanwhile}:"]
    for one in problems:
        where = f'rule {one["rule"]} "{one["name"]}"' if one["rule"] else "file"
        path = f", {one['path']}" if one["path"] else ""
        hint = f" ({one['hint']})" if one["hint"] else ""
        lines.append(f"  {where}{path}: {one['text']}{hint}")
    return lines
