"""`etc/filters.toml`: reading it gives either `RuleSet` or all that is wrong in it at once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from mailim.errors import MailimError
from mailim.mail.filters.actions import (
    DEEDS,
    ONLY_LOCAL,
    Copy,
    Deed,
    Jump,
    SendInstantMessage,
)
from mailim.mail.filters.conditions import Condition, Model, printable
from mailim.mail.filters.limits import ACTIONS, CONDITIONS, FILE_OCTETS, NAME_CHARS, RULES
from mailim.mail.filters.macros import has_macro

_TOP: Final = ("enabled", "rule")
_KEYS: Final = (  # that may be meant where an unknown one stands
    "header", "of", "all", "contains", "not_contains", "is", "not_is", "starts", "ends", "like",
    "not_like", "matches", "not_matches", "exists", "in_group", "not_in_group", "over", "under",
    "do", "folder", "keyword", "name", "value", "to", "reason", "from", "text", "about_automatic",
    "rules", "rule", "enabled", "queue", "match", "when", "then",
)  # fmt: skip


class Rule(Model):
    """One rule: if its conditions hold, its actions are done."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARS), AfterValidator(printable)]
    enabled: bool = True
    queue: Literal["local", "remote", "both"] = "local"
    match: Literal["all", "any"] = "all"
    when: Annotated[list[Condition], Field(min_length=1, max_length=CONDITIONS)]
    then: Annotated[list[Deed], Field(min_length=1, max_length=ACTIONS)]

    @model_validator(mode="after")
    def _makes_sense(self) -> Rule:
        for deed in self.then:
            if self.queue == "remote" and deed.do in ONLY_LOCAL:
                raise ValueError(f"{deed.do} means nothing for mail that leaves: queue = local")
        return self

    def applies_to(self, local: bool) -> bool:
        """Tell whether it looks at mail for accounts here, or for other servers."""
        return self.queue == "both" or self.queue == ("local" if local else "remote")


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A whole file that is well."""

    enabled: bool = False
    rules: tuple[Rule, ...] = ()

    def looks_at(self, local: bool) -> bool:
        """Tell whether any rule in force looks at such mail."""
        return self.enabled and any(each.enabled and each.applies_to(local) for each in self.rules)

    @property
    def groups(self) -> frozenset[str]:
        """The groups that rules in force ask about."""
        asked = (one.group for each in self.rules if each.enabled for one in each.when)
        return frozenset(group for group in asked if group is not None)

    def addresses(self) -> Iterator[tuple[Rule, str]]:
        """Give the addresses rules in force name, each with its rule; not those of macros."""
        for each in self.rules:
            if each.enabled:
                yield from ((each, one.group) for one in each.when if one.group is not None)
                for deed in each.then:
                    if isinstance(deed, Copy | SendInstantMessage):
                        yield from ((each, to) for to in deed.to if not has_macro(to))


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One thing wrong; `number` counts rules from 1, 0 is the file itself."""

    number: int
    name: str
    path: str  # "when 2: contains"
    text: str
    hint: str = ""

    def __str__(self) -> str:
        where = f'rule {self.number} "{self.name}"' if self.number else "file"
        path = f", {self.path}" if self.path else ""
        return f"{where}{path}: {self.text}" + (f" ({self.hint})" if self.hint else "")


class RulesError(MailimError):
    """Everything wrong in the file, at once."""

    def __init__(self, file: Path, problems: tuple[RuleProblem, ...]) -> None:
        lines = [f"{file}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"]
        super().__init__("\n".join([*lines, *(f"  {each}" for each in problems)]))
        self.problems = problems


def file_of(site: Path) -> Path:
    """Give where a site's rules stand."""
    return site / "etc" / "filters.toml"


def parse(data: bytes, file: Path) -> RuleSet:
    """Check the octets of a file; raises `RulesError` naming `file`. Blocking."""
    if len(data) > FILE_OCTETS:
        raise RulesError(file, (RuleProblem(0, "", "", f"is larger than {FILE_OCTETS} octets"),))
    try:
        tree = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RulesError(file, (RuleProblem(0, "", "", f"is not TOML: {error}"),)) from None
    problems = list(_top(tree))
    given = tree.get("rule", [])
    rules: dict[int, Rule] = {}
    for number, one in enumerate(given if isinstance(given, list) else [], 1):
        try:
            rules[number] = Rule.model_validate(one)
        except ValidationError as error:
            name = one.get("name", "") if isinstance(one, dict) else ""
            details = error.errors(include_url=False, include_context=False)
            problems += [_problem(number, str(name)[:NAME_CHARS], dict(each)) for each in details]
    problems += _between(rules, given)
    if problems:
        raise RulesError(file, tuple(sorted(problems, key=lambda each: each.number)))
    return RuleSet(tree.get("enabled", True), tuple(rules.values()))


def _top(tree: Mapping[str, Any]) -> Iterator[RuleProblem]:
    for key in tree:
        if key not in _TOP:
            yield RuleProblem(0, "", key[:60], "unknown key", _hint(key, _TOP))
    if type(tree.get("enabled", True)) is not bool:
        yield RuleProblem(0, "", "enabled", "must be true or false")
    rules = tree.get("rule", [])
    if not isinstance(rules, list):
        yield RuleProblem(0, "", "rule", "must be tables that begin with [[rule]]")
    elif len(rules) > RULES:
        yield RuleProblem(0, "", "rule", f"there may be {RULES} rules")


def _between(rules: Mapping[int, Rule], given: Any) -> Iterator[RuleProblem]:
    """Find what is wrong between rules: names used twice, jumps to nowhere."""
    if not isinstance(given, list):
        return
    names = [one.get("name") if isinstance(one, dict) else None for one in given]
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if isinstance(name, str) and first.setdefault(name, number) != number:
            told = f"rule {first[name]} has this name too"
            yield RuleProblem(number, name[:NAME_CHARS], "name", told)
    for number, rule in rules.items():
        for at, deed in enumerate(rule.then, 1):
            if isinstance(deed, Jump) and deed.rule not in names[number:]:
                told = f"there is no later rule {deed.rule!r}"
                close = _hint(deed.rule, [str(name) for name in names[number:]])
                yield RuleProblem(number, rule.name, f"then {at}: rule", told, close)


def _problem(number: int, name: str, detail: dict[str, Any]) -> RuleProblem:
    path = _path(detail["loc"])
    if detail["type"] == "extra_forbidden":
        hint = _hint(str(detail["loc"][-1]), _KEYS)
        return RuleProblem(number, name, path, "unknown key", hint)
    if detail["type"] == "union_tag_invalid":
        done = str(detail["input"].get("do"))
        return RuleProblem(
            number, name, path, f"there is no action {done!r:.60}", _hint(done, DEEDS)
        )
    if detail["type"] == "union_tag_not_found":
        return RuleProblem(number, name, path, "an action needs do = ...", ", ".join(DEEDS))
    shown = detail["input"]
    got = f"got {shown!r:.60}" if isinstance(shown, str | int | float | bool) else ""
    return RuleProblem(number, name, path, detail["msg"].removeprefix("Value error, "), got)


def _path(loc: tuple[int | str, ...]) -> str:
    """Say where it is: ("then", 0, "move", "folder") is "then 1: folder"."""
    if not loc or len(loc) < 2 or loc[0] not in ("when", "then") or not isinstance(loc[1], int):
        return ".".join(str(part) for part in loc)
    rest = loc[3:] if loc[0] == "then" else loc[2:]
    keys = ".".join(str(part) for part in rest if part != "list[constrained-str]")
    return f"{loc[0]} {loc[1] + 1}" + (f": {keys}" if keys else "")


def _hint(key: str, known: Any) -> str:
    close = difflib.get_close_matches(key, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""
