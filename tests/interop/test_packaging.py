"""What is shipped: twistd finds the plugin anywhere, and a wheel of a clean clone runs."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.fakes.site import BIN, RunningSite

ROOT = Path(__file__).resolve().parents[2]


def run(*words: object, **more: object) -> str:
    """Run a program; gives its standard output, or fails with its errors."""
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=600, **more
    )  # type: ignore[call-overload]
    if done.returncode:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return str(done.stdout)


class PluginTests(SynchronousTestCase):
    def test_twistd_finds_the_plugin_from_elsewhere(self) -> None:
        text = run(BIN / "twistd", "--help", cwd="/")
        self.assertRegex(text, r"(?m)^\s+mailim\s")

    def test_the_server_starts_from_elsewhere(self) -> None:
        site = RunningSite({}, start=False)
        self.addCleanup(site.stop)
        site.start(Path("/"))
        self.assertEqual(site.get("/healthz")[0], 200)

    def test_only_the_plugin_stands_in_twisted_plugins(self) -> None:
        found = {path.name for path in (ROOT / "twisted").rglob("*.py")}
        self.assertEqual(found, {"mailim_plugin.py"})  # an __init__.py would hide Twisted's own


class WheelTests(SynchronousTestCase):
    """One test, for a wheel takes its time."""

    def setUp(self) -> None:
        if not (ROOT / ".git").exists():
            raise SkipTest("this is no clone")
        self.directory = Path(tempfile.mkdtemp(prefix="mw"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def _build(self) -> Path:
        """Build a wheel from what is committed, as a newcomer's clone has it."""
        clone = self.directory / "clone"
        run("git", "clone", "-q", "--no-hardlinks", ROOT, clone)
        modules = ROOT / "webclient" / "node_modules"
        if modules.is_dir():  # what `npm ci` would fetch again
            shutil.copytree(modules, clone / "webclient" / "node_modules", symlinks=True)
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps",
            "-w", self.directory, clone)  # fmt: skip
        [wheel] = self.directory.glob("mailim-*.whl")
        return wheel

    def _install(self, wheel: Path) -> Path:
        """Install it in a new environment that borrows everybody else's packages."""
        place = self.directory / "venv"
        venv.create(place, symlinks=True)
        [packages] = place.glob("lib/python*/site-packages")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
        others = self.directory / "others"
        others.mkdir()
        for path in map(Path, sys.path):
            if path.name == "site-packages" and path.is_dir():
                for one in path.iterdir():
                    ours = one.name.startswith(("mailim", "__editable__")) or one.suffix == ".pth"
                    if not ours and not (others / one.name).exists():
                        (others / one.name).symlink_to(one)
        (packages / "others.pth").write_text(f"{others}\n")
        return place / "bin" / "python"

    def test_a_wheel_holds_everything_and_runs(self) -> None:
        wheel = self._build()
        names = set(zipfile.ZipFile(wheel).namelist())
        for wanted in (
            "twisted/plugins/mailim_plugin.py", "mailim/py.typed",
            "mailim/webmail/static/manifest.json", "mailim/webmail/templates/login.html",
            "mailim/store/migrations/versions/v0001_accounts_record_im.py",
        ):  # fmt: skip
            self.assertIn(wanted, names)
        manifest = json.loads(zipfile.ZipFile(wheel).read("mailim/webmail/static/manifest.json"))
        self.assertGreater(len(manifest["files"]), 5)
        for file, about in manifest["files"].items():
            for ending in ("", *(f".{encoding}" for encoding in about["encodings"])):
                self.assertIn(f"mailim/webmail/static/{file}{ending}", names)
        strays = [
            name for name in names
            if name.startswith(("tests/", "bench/", "webclient/")) or "node_modules" in name
            or name in ("twisted/__init__.py", "twisted/plugins/__init__.py")
        ]  # fmt: skip
        self.assertEqual(strays, [])
        python = self._install(wheel)
        environment = {**os.environ, "HOME": str(self.directory)}
        environment.pop("PYTHONPATH", None)
        self.assertIn(
            str(self.directory),
            run(python, "-c", "import mailim; print(mailim.__file__)", env=environment, cwd="/"),
        )
        self._serve(python, environment)

    def _serve(self, python: Path, environment: dict[str, str]) -> None:
        """Make a site with it, serve, fetch the sign-in page and its style."""
        site = self.directory / "site"
        given = {"env": environment, "cwd": self.directory}
        run(python, "-m", "mailim", "init", site, "--domain", "example.test", "--listen",
            "127.0.0.1", "--accounts", "admin", **given)  # fmt: skip
        config = site / "etc" / "mailim.toml"
        text = config.read_text()
        config.write_text(text.replace("# port = 0", "port = 0"))
        server = subprocess.Popen(
            [python, "-c", "from twisted.scripts.twistd import run; run()", "-n",
             "--pidfile=", "mailim", "--config", config],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **given,
        )  # type: ignore[call-overload] # fmt: skip
        try:
            bound = site / "var" / "listeners.json"
            deadline = time.monotonic() + 180
            while not bound.exists() and time.monotonic() < deadline and server.poll() is None:
                time.sleep(0.1)
            port = json.loads(bound.read_text())["https"]["port"]
            context = ssl.create_default_context(cafile=str(site / "etc/tls/certificate.pem"))
            url = f"https://localhost:{port}"
            with urllib.request.urlopen(f"{url}/login", context=context) as page:
                html = page.read().decode()
            style = html.split('rel="stylesheet" href="')[1].split('"')[0]
            with urllib.request.urlopen(url + style, context=context) as answer:
                self.assertEqual(answer.status, 200)
            listed = run(python, "-m", "mailim", "--config", config, "user", "list", **given)
            self.assertIn("admin@example.test", listed)
        finally:
            server.terminate()
            server.wait(120)
