"""Builds the browser application before it is packed; everything else is in setup.cfg."""

import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithBrowserApplication(build_py):
    """A wheel holds the built files; an editable install takes them from the checkout."""

    def run(self) -> None:
        if not self.editable_mode:
            script = Path(__file__).resolve().parent / "webclient" / "build.py"
            if script.exists():  # not in an unpacked sdist, which holds the built files
                subprocess.run([sys.executable, str(script)], check=True)
        super().run()


setup(cmdclass={"build_py": BuildWithBrowserApplication})
