"""Builds the browser application before it is packed; everything else is in setup.cfg."""

import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent


def build_browser_application() -> None:
    """Build it where its source is; raises `SystemExit` if it can neither be built nor found."""
    script = HERE / "webclient" / "build.py"
    if script.exists():  # not in an unpacked sdist, which holds the built files
        subprocess.run([sys.executable, str(script)], check=True)
    elif not (HERE / "mailim" / "webmail" / "static" / "manifest.json").exists():
        raise SystemExit("the browser application is not here, nor is its source")


class BuildWithBrowserApplication(build_py):
    """A wheel holds the built files; an editable install takes them from the checkout."""

    def run(self) -> None:
        if not self.editable_mode:
            build_browser_application()
        super().run()


class SdistWithBrowserApplication(sdist):
    """So does an sdist, from which others make wheels."""

    def run(self) -> None:
        build_browser_application()
        super().run()


setup(cmdclass={"build_py": BuildWithBrowserApplication, "sdist": SdistWithBrowserApplication})
