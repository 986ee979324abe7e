"""The file of rules: what is wrong in it is told all at once; garbage never does more."""

from __future__ import annotations

import tomllib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.mail.filters.actions import DEEDS
from mailim.mail.filters.conditions import MEMBER_TESTS, TEXT_TESTS
from mailim.mail.filters.limits import FILE_OCTETS, RULES
from mailim.mail.filters.rules import RulesError, parse
from mailim.mail.filters.sample import SAMPLE
from tests.mail.filters.kit import problems, rule, rules

REPOSITORY = Path(__file__).parents[3]


class SampleTest(SynchronousTestCase):
    """The sample is complete, off, and what a new site gets."""

    def test_the_one_in_the_repository(self) -> None:
        self.assertEqual((REPOSITORY / "etc" / "filters.toml").read_text(), SAMPLE)

    def test_it_is_good_and_does_nothing(self) -> None:
        found = parse(SAMPLE.encode(), Path("x"))
        self.assertFalse(found.looks_at(True) or found.looks_at(False))

    def test_it_shows_every_condition_and_action(self) -> None:
        found = parse(SAMPLE.encode(), Path("x"))
        shown = {one.test for each in found.rules for one in each.when}
        self.assertEqual(shown, {*TEXT_TESTS, *MEMBER_TESTS, "over", "under", ""})
        self.assertEqual({one.do for each in found.rules for one in each.then}, set(DEEDS))

    def test_with_all_on_it_is_good_too(self) -> None:
        found = parse(SAMPLE.replace("enabled = false", "enabled = true").encode(), Path("x"))
        self.assertTrue(found.looks_at(True) and found.looks_at(False))
        self.assertEqual(found.groups, {"sales@example.test"})


class ProblemTest(SynchronousTestCase):
    """Everything wrong, with the rule's number and name, the key and a hint."""

    def test_rules_are_on_unless_the_file_says_otherwise(self) -> None:
        for text, on in (("", True), ("enabled = true", True), ("enabled = false", False)):
            self.assertEqual(parse(text.encode(), Path("x")).enabled, on)

    def test_all_at_once(self) -> None:
        found = problems(
            'enabld = true\n'
            + rule('header = "Subjct x", contains = "a"', more='name = "one"')
            + rule('header = "To", contians = "a"', more='name = "two"\nqueue = "locl"')
            + rule(then='do = "mvoe"', more='name = "three"')
            + rule(then='do = "jump", rule = "two"', more='name = "three"')
        )  # fmt: skip
        self.assertEqual(len(found), 7, "\n".join(found))
        self.assertEqual(found[0], "file, enabld: unknown key (did you mean 'enabled'?)")
        self.assertIn('rule 1 "one", when 1: header', found[1])
        text = "\n".join(found)
        for part in (
            'rule 2 "two", queue: Input should be',
            "rule 2 \"two\", when 1: contians: unknown key (did you mean 'contains'?)",
            "rule 3 \"three\", then 1: there is no action 'mvoe' (did you mean 'move'?)",
            "rule 4 \"three\", then 1: rule: there is no later rule 'two'",
            'rule 4 "three", name: rule 3 has this name too',
        ):
            self.assertIn(part, text)

    def test_each(self) -> None:
        for text, part in {
            rule(""): "say what is looked at",
            rule('of = "body"'): "say one of contains",
            rule('of = "body", over = 1'): "say one of contains",
            rule('of = "size", contains = "1"'): "say one of over, under",
            rule('of = "body", in_group = "a@b.example"'): "say one of contains",
            rule('of = "body", header = "X", is = "x"'): "say what is looked at",
            rule('all = true, is = "x"'): "stands alone",
            rule("all = false"): "all: Input should be True",
            rule('of = "body", matches = "(a"'): "no regular expression: missing )",
            rule('of = "body", matches = "(a)\\\\1"'): "no regular expression: invalid escape",
            rule('of = "body", matches = "(?=a)"'): "no regular expression",
            rule('of = "body", matches = "((a{900}){900}){900}"'): "no regular expression",
            rule('of = "body", contains = ""'): "at least 1 character",
            rule('of = "body", contains = "a\\u0007"'): "control characters",
            rule(f'of = "body", contains = "{"a" * 1001}"'): "at most 1000 characters",
            rule('of = "sender", in_group = "nobody"'): "not an address",
            rule('of = "size", over = "1"'): "valid integer",
            rule('of = "size", over = -1'): "greater than or equal to 0",
            rule(then='do = "move", folder = ""'): "at least 1 character",
            rule(then='do = "move", folder = "a//b"'): "path of folder names",
            rule(then='do = "move", folder = "a/$SENDER$"'): "no macros",
            rule(then='do = "move", folder = "a/b/c/d/e/f/g/h/i/j/k"'): "more than 10 names",
            rule(then='do = "keyword", keyword = "a b"'): "no keyword",
            rule(then='do = "add_header", name = "X A", value = "x"'): "match pattern",
            rule(then='do = "add_header", name = "Content-Type", value = "x"'): "own",
            rule(then='do = "add_header", name = "X", value = "a\\r\\nB: c"'): "control",
            rule(then='do = "copy", to = "nobody"'): "not an address",
            rule(then='do = "copy", to = []'): "at least 1 item",
            rule(then='do = "instant_message"'): "text: Field required",
            rule(then='do = "instant_message", text = " "'): "is empty",
            rule(then='do = "instant_message", text = "\\u001b"'): "control characters",
            rule(then='do = "instant_message", text = "x", to = "$SUBJECT$"'): "not an address",
            rule(then='do = "instant_message", text = "x", from = "a b"'): "neither an address",
            rule(then='do = "instant_message", text = "x", from = "$SUBJECT$@x y"'): "neither",
            rule(then='do = "skip", rules = 0'): "greater than or equal to 1",
            rule(then='do = "jump", rule = "Rule"'): "no later rule",
            rule(then='do = "jump", rule = "Nowhere"'): "no later rule",
            rule(then='folder = "x"'): "an action needs do",
            rule(then='do = "move", folder = "x"', more='queue = "remote"'): "means nothing",
            "[[rule]]\nname = 'x'\nwhen = []\nthen = []": "at least 1 item",
            "[[rule]]\nwhen = [{all = true}]\nthen = [{do = 'stop'}]": "name: Field required",
            "enabled = 'yes'": "must be true or false",
            "rule = 1": "begin with [[rule]]",
            "rule = [1]": "valid dictionary",
            "enabled = ": "is not TOML",
            "x = 1\n" * 2: "is not TOML",
        }.items():
            found = problems(text)
            self.assertTrue(any(part in each for each in found), f"{text}\n{found}")

    def test_limits(self) -> None:
        many = "[[rule]]\nname = '{}'\nwhen = [{{all = true}}]\nthen = [{{do = 'stop'}}]\n"
        text = "".join(many.format(at) for at in range(RULES))
        self.assertEqual(len(rules(text).rules), RULES)
        self.assertIn(f"there may be {RULES} rules", "".join(problems(text + many.format("x"))))
        self.assertIn("is larger than", "".join(problems("#" * (FILE_OCTETS + 1))))
        conditions = ", ".join(["{ all = true }"] * 51)
        self.assertTrue(problems(rule().replace("{ all = true }", conditions)))

    def test_not_text(self) -> None:
        for data in (b"\xff\xfe", b"enabled = true\x00", b"a" * 10, b"[" * 10_000):
            self.assertRaises(RulesError, parse, data, Path("x"))


class GarbageTest(SynchronousTestCase):
    """Whatever stands in the file, it is rules or a RulesError."""

    def read(self, data: bytes) -> None:
        try:
            parse(data, Path("x"))
        except RulesError as error:
            self.assertTrue(error.problems)
            self.assertIn("problem", error.text)

    @given(st.binary(max_size=400))
    @settings(max_examples=200, deadline=None)
    def test_octets(self, data: bytes) -> None:
        self.read(data)

    @given(st.data())
    @settings(max_examples=200, deadline=None)
    def test_the_sample_damaged(self, data: st.DataObject) -> None:
        """Cut, doubled, and with other octets in it."""
        octets = SAMPLE.replace("enabled = false", "enabled = true").encode()
        start = data.draw(st.integers(0, len(octets)))
        end = data.draw(st.integers(start, min(len(octets), start + 200)))
        self.read(octets[:start] + data.draw(st.binary(max_size=20)) + octets[end:])

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=10),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["name", "when", "then", "header", "of", "is", "do", "to", "text"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        )
    )
    @settings(max_examples=200, deadline=None)
    def test_other_trees(self, tree: object) -> None:
        """Values of other kinds than a rule has."""
        text = f"rule = [{_toml(tree)}]\n"
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return
        self.read(text.encode())


def _toml(value: object) -> str:
    """Write a value as TOML has it inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        plain = "".join(char if char.isprintable() and char not in '"\\' else "?" for char in value)
        return f'"{plain}"'
    return "0" if value is None else str(value).lower()
