"""Operations on rules for mail: what is in force, and what would happen to a mail."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailim.accounts.directory import Directory
from mailim.admin.display import shown
from mailim.admin.filter_acts import FilterActs
from mailim.errors import Invalid, Unavailable
from mailim.events import Events
from mailim.mail.filters.content_filter import ContentFilter, Surroundings
from mailim.mail.filters.rule_file import RuleFile
from tests.fakes.store import open_store, short_directory
from tests.mail.filters.kit import MAIL, rule
from tests.mail.post import make_office

RULES = '''
enabled = true
[[rule]]
name = "Tell"
when = [{ header = "Subject", contains = "lunch" }, { of = "size", under = 5000 }]
[[rule.then]]
do = "instant_message"
text = """
You have received an email from $SENDER$.
Subject: $SUBJECT$"""
[[rule]]
name = "Off"
enabled = false
when = [{ of = "attachment", like = "*.exe" }]
then = [{ do = "delete" }]
[[rule]]
name = "Out"
queue = "remote"
when = [{ all = true }]
then = [{ do = "hold" }]
[[rule]]
name = "Group"
match = "any"
when = [{ of = "recipient", in_group = "team@example.test" }, { of = "body", matches = "no" }]
then = [{ do = "move", folder = "Team" }, { do = "stop" }]
[[rule]]
name = "Behind"
when = [{ all = true }]
then = [{ do = "junk" }]
'''


class FilterActsTest(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.store = open_store(self)
        await self.store.write(make_office)
        self.path = short_directory(self) / "filters.toml"
        self.path.write_text(RULES)
        around = Surroundings(
            self.store.bodies,
            Directory(self.store, Events()),
            "example.test",
            b"key",
            lambda: 0,
            deferToThread,
        )
        rules = ContentFilter(RuleFile(Clock(), self.path, deferToThread), around)
        self.acts = FilterActs(rules).acts()

    async def tried(self, data: bytes = MAIL, **values: Any) -> Any:
        values["file"] = b64encode(data).decode()
        return await self.acts["filter.test"](values, "console")

    async def listed(self) -> Any:
        return await self.acts["filter.list"]({}, "console")

    async def test_list(self) -> None:
        told = await self.listed()
        self.assertEqual((told["enabled"], told["in_force"], told["problems"]), (True, True, []))
        self.assertEqual(
            told["rules"][3],
            {
                "number": 4,
                "name": "Group",
                "enabled": True,
                "queue": "local",
                "match": "any",
                "conditions": [
                    'recipient is a member of "team@example.test"',
                    'body matches "no"',
                ],
                "actions": ['move to folder "Team"', "stop"],
            },
        )
        self.assertIn("  2  Off (off), mail for here", shown(told, False))

    async def test_addresses_that_are_nothing(self) -> None:
        copies = '"gone@example.test", "ann@example.test", "x@b.example"'
        when = 'of = "sender", in_group = "no@example.test"'
        self.path.write_text(rule(when, f'do = "copy", to = [{copies}]', 'name = "a"'))
        self.assertEqual(
            (await self.listed())["warnings"],
            [
                'rule "a": there is no no@example.test',
                'rule "a": there is no gone@example.test',
            ],
        )

    async def test_explained(self) -> None:
        told = await self.tried()
        rules = {each["name"]: each for each in told["rules"]}
        matched = {name: (one["matched"], one["note"]) for name, one in rules.items()}
        self.assertEqual(
            matched,
            {
                "Tell": (True, ""),
                "Off": (False, "off"),
                "Out": (True, "only for mail that leaves"),
                "Group": (True, ""),
                "Behind": (True, "not reached"),
            },
        )
        self.assertEqual(
            rules["Tell"]["conditions"],
            [
                {"text": 'Subject contains "lunch"', "holds": True, "seen": "Grüße and lunch"},
                {
                    "text": "size is under 5000 octets",
                    "holds": True,
                    "seen": f"{len(MAIL)} octets",
                },
            ],
        )
        (action,) = rules["Tell"]["actions"]
        said = "You have received an email from carl@example.org.\nSubject: Grüße and lunch"
        self.assertTrue(action["expanded"].endswith(said), action)
        self.assertEqual(
            told["instant_messages"],
            [{"to": "bob@example.test", "from": "example.test", "text": said}],
        )
        self.assertEqual(rules["Behind"]["actions"], [{"text": "move to Junk", "expanded": None}])
        self.assertEqual(
            told["outcome"],
            'delivered into folder "Team"; instant messages to bob@example.test',
        )
        text = shown(told, False)
        self.assertIn("    yes  Subject contains", text)
        self.assertIn('    no   body matches "no"; saw Shall we eat? Order 4711.', text)
        self.assertTrue(text.endswith(f"outcome: {told['outcome']}"))

    async def test_for_others(self) -> None:
        told = await self.tried(recipient="robert@example.test", sender="<x@example.net>")
        self.assertEqual((told["recipient"], told["local"]), ("bob@example.test", True))
        told = await self.tried(recipient="Kim@Example.org")
        self.assertEqual((told["recipient"], told["local"]), ("kim@example.org", False))
        self.assertEqual(told["outcome"], "held in the queue: Held by rule Out.")
        told = await self.tried(remote=True)
        self.assertEqual((told["recipient"], told["local"]), ("bob@example.test", False))

    async def test_a_null_sender(self) -> None:
        told = await self.tried(sender="")
        self.assertEqual(told["instant_messages"], [])
        self.assertIn("automatic", told["notes"][0])

    async def test_nobody_to_judge_for(self) -> None:
        with self.assertRaises(Invalid):
            await self.tried(b"Subject: x\r\n\r\n")
        told = await self.tried(b"", recipient="bob@example.test")
        self.assertIn("delivered", told["outcome"])

    async def test_garbage(self) -> None:
        for data in (b"\x00\xff" * 500, b"From: =?x?q?=FF?=\r\n" * 500, MAIL[:100] + b"\x1b[2J"):
            told = await self.tried(data, recipient="bob@example.test")
            self.assertNotIn("\x1b", shown(told, False))

    async def test_nothing_is_done(self) -> None:
        await self.tried()
        found = await self.store.read(lambda tx: (tx.spool.list(10), tx.notices.waiting(10)))
        self.assertEqual([list(each) for each in found], [[], []])

    async def test_a_broken_file(self) -> None:
        await self.listed()
        self.path.write_text(RULES.replace('"junk"', '"jnk"'))
        told = await self.listed()
        self.assertEqual(len(told["rules"]), 5)
        (problem,) = told["problems"]
        self.assertEqual(
            (problem["rule"], problem["name"], problem["path"], problem["hint"]),
            (5, "Behind", "then 1", "did you mean 'junk'?"),
        )
        self.assertIn("the last good rules stay in force", shown(told, False))
        self.assertEqual(len((await self.tried())["problems"]), 1)

    async def test_broken_from_the_beginning(self) -> None:
        self.path.write_text("enabled = ")
        told = await self.listed()
        self.assertEqual((told["in_force"], told["rules"]), (False, []))
        self.assertIn("mail waits", shown(told, False))
        with self.assertRaises(Unavailable):
            await self.tried()

    async def test_no_file(self) -> None:
        os.unlink(self.path)
        told = await self.listed()
        self.assertEqual((told["enabled"], told["problems"]), (False, []))
        self.assertTrue((await self.tried())["outcome"].endswith("switched off"))
