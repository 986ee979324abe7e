"""Tests of programs that are killed: run one, see that it died where it should."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.fakes.crashing import RANDOM
from tests.fakes.store import short_directory

REPOSITORY = Path(__file__).parents[2]


class CrashCase(TestCase):
    """Base of tests that run such a program."""

    timeout = 1800

    async def crash(self, module: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Give what was found without a crash, and after each; all crashes were crashes."""
        out, err, code = await getProcessOutputAndValue(
            sys.executable,
            ["-m", module, str(short_directory(self))],
            env=dict(os.environ),
            path=str(REPOSITORY),
            reactor=reactor,
        )
        self.assertEqual(code, 0, err.decode())
        clean, *crashes = map(json.loads, out.splitlines())
        self.assertEqual(clean["end"], "done", err.decode())
        for found in crashes:
            # At random it may be over before.
            ends = ("killed", "done") if found["point"].startswith(RANDOM) else ("killed",)
            self.assertIn(found["end"], ends, f"{found['point']}\n{err.decode()}")
        by_chance = {found["end"] for found in crashes if found["point"].startswith(RANDOM)}
        self.assertNotEqual(by_chance, {"done"}, "chance has killed nothing")
        return clean, crashes
