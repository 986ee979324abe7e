"""What the documents say is there: links, commands, and the tests they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from mailim.admin.table import TABLE

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)|!\[[^\]]*\]\(([^)\s]+)\)")
TEST = re.compile(r"\btests(?:\.[A-Za-z_][A-Za-z0-9_]*)+")

FEATURE = re.compile(r"\| (?:WIM|EXI|KIM|WC|MP)-[0-9]+ \|")
STATES = ("yes", "partial", "no")


def documents() -> Iterator[Path]:
    yield from (ROOT / name for name in ("README.md", "HACKING.md", "NEWS.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))


class DocumentTests(SynchronousTestCase):
    def test_links_lead_somewhere(self) -> None:
        for document in documents():
            for groups in LINK.findall(document.read_text()):
                target = groups[0] or groups[1]
                if "://" not in target:
                    place = (document.parent / target).resolve()
                    self.assertTrue(place.exists(), f"{document.name}: {target}")

    def test_every_command_is_documented(self) -> None:
        text = (ROOT / "docs" / "admin" / "command-line.md").read_text()
        for operation in TABLE:
            self.assertIn(f"$ mailim {operation.name.replace('.', ' ')}", text)

    def test_tests_that_are_named_exist(self) -> None:
        for document in documents():
            for name in set(TEST.findall(document.read_text())):
                if not (ROOT / name.replace(".", "/")).is_dir():
                    namedAny(name)

    def test_features_are_counted_and_a_yes_names_its_test(self) -> None:
        text = (ROOT / "docs" / "features.md").read_text()
        rows = [line.split(" | ") for line in text.splitlines() if FEATURE.match(line)]
        ids = [row[0].strip("| ") for row in rows]
        self.assertEqual(len(ids), len(set(ids)))
        for row in rows:
            self.assertIn(row[2], STATES, row[0])
            if row[2] == "yes":
                self.assertRegex(row[3], TEST, row[0])
        for state in STATES:
            count = sum(row[2] == state for row in rows)
            self.assertIn(f"| {state} | {count} |", text)

    def test_every_dependency_has_its_reason_and_no_other(self) -> None:
        setup = ConfigParser()
        setup.read(ROOT / "setup.cfg")
        wanted = setup["options"]["install_requires"] + setup["options.extras_require"]["dev"]
        named = {re.split(r"[\s\[>=<]", line)[0] for line in wanted.splitlines() if line}
        package = json.loads((ROOT / "webclient" / "package.json").read_text())
        named |= {*package["dependencies"], *package["devDependencies"]}
        text = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text()
        rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
        given = [
            re.sub(r"[\[(].*?[\])]", "", name).strip() for row in rows for name in row.split(", ")
        ]
        reasons = sorted(name for name in given if name != "package")
        self.assertEqual(reasons, sorted(named))

    def test_no_word_of_this_machine(self) -> None:
        for document in documents():
            self.assertNotRegex(document.read_text(), r"/(?:work|tmp|root)/", document.name)
