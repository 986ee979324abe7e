"""Packing: nothing is packed without the browser application."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.store import short_directory

ROOT = Path(__file__).parent.parent


class PackingTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Copy what an sdist without the application holds."""
        self.place = short_directory(self) / "unpacked"
        self.place.mkdir()
        for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, self.place)
        ignored = shutil.ignore_patterns("static", "__pycache__")
        shutil.copytree(ROOT / "mailim", self.place / "mailim", ignore=ignored)

    def setup(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "setup.py", "-q", *words],
            cwd=self.place, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def test_without_the_application_nothing_is_packed(self) -> None:
        for command in ("build_py", "sdist"):
            done = self.setup(command)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("the browser application is not here", done.stderr)

    def test_with_it_an_sdist_holds_it(self) -> None:
        static = self.place / "mailim" / "webmail" / "static"
        static.mkdir()
        for name in ("manifest.json", "app-X.js", "app-X.js.br"):
            (static / name).write_text("{}")
        done = self.setup("sdist")
        self.assertEqual(done.returncode, 0, done.stderr)
        [packed] = (self.place / "dist").glob("*.tar.gz")
        names = {Path(name).name for name in tarfile.open(packed).getnames()}
        self.assertLessEqual({"manifest.json", "app-X.js", "app-X.js.br"}, names)
