"""The import law (HACKING.md): imports go down only, and only composition imports store."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

PACKAGE = Path(__file__).parent.parent / "mailim"

# Top to bottom. A name that stands in no row is a base module.
ROWS = (
    ("tap", "__main__", "composition"),
    ("protocols", "remote", "webmail", "admin"),
    ("mail", "im", "groupware"),
    ("record",),
    ("accounts",),
    ("store",),
    ("interfaces",),
    ("wire",),
)
SIDEWAYS = {
    ("webmail", "protocols.http"),
    ("admin", "protocols.http"),
    ("tap", "composition"),
    ("__main__", "composition"),
}
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}
BASE = len(ROWS)


def imports(source: str, module: str) -> Iterator[str]:
    """Give every mailim module a source file imports, as "mail.queue"."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                parent = f"mailim.{module}".split(".")[: -node.level]
                base = ".".join([*parent, *([node.module] if node.module else [])])
            else:
                base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("mailim."):
                yield name.removeprefix("mailim.")


def broken(source: str, module: str) -> list[str]:
    """Say which imports of a module break the law."""
    found = []
    own = module.split(".")[0]
    rank = RANK.get(own, BASE)
    for target in imports(source, module):
        other = target.split(".")[0]
        if other == own:
            continue
        below = RANK.get(other, BASE)
        if other == "store" and own != "composition":
            found.append(f"{module} imports {target}: only composition sees the store")
        elif below < rank or (below == rank < BASE):
            if not any(own == a and f"{target}.".startswith(f"{b}.") for a, b in SIDEWAYS):
                found.append(f"{module} imports {target}: not downward")
    return found


class LayersTests(SynchronousTestCase):
    def test_every_import_points_down(self) -> None:
        problems = []
        count = 0
        for path in sorted(PACKAGE.rglob("*.py")):
            module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            if module == "__init__":
                continue
            count += 1
            problems += broken(path.read_text(), module)
        self.assertGreater(count, 20)
        self.assertEqual(problems, [])

    def test_planted_upward_import_is_found(self) -> None:
        self.assertTrue(broken("from mailim.im.router import Router", "accounts.directory"))
        self.assertTrue(broken("import mailim.protocols.xmpp", "im.router"))
        self.assertTrue(broken("from ..im import router", "record.record"))
        self.assertTrue(broken("from mailim.wire.xml import Element", "errors"))

    def test_planted_sideways_import_is_found(self) -> None:
        self.assertTrue(broken("from mailim.im.router import Router", "mail.queue"))
        self.assertTrue(broken("from mailim.protocols.xmpp import stream", "webmail.pages"))
        self.assertTrue(broken("def f():\n    from mailim import mail", "im.router"))

    def test_planted_store_import_is_found(self) -> None:
        self.assertTrue(broken("from mailim.store.engine import Store", "mail.queue"))
        self.assertTrue(broken("from mailim.store import engine", "protocols.jmap.api"))
        self.assertTrue(broken("from mailim.store import engine", "tap"))

    def test_lawful_imports_are_not(self) -> None:
        self.assertEqual(broken("from mailim.store.engine import Store", "composition.core"), [])
        self.assertEqual(broken("from mailim.composition.server import Server", "tap"), [])
        self.assertEqual(broken("from mailim.protocols.http import site", "webmail.pages"), [])
        self.assertEqual(broken("from mailim.errors import Invalid", "wire.xml"), [])
        self.assertEqual(broken("from mailim.mail import queue", "mail.intake"), [])
