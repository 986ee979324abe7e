"""`mailim init` from end to end: odd input, and nothing left behind where it fails."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailim.composition.founding import account_addresses
from mailim.errors import Invalid
from tests.fakes.site import BIN
from tests.fakes.store import short_directory


class FoundingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = short_directory(self)

    def init(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "mailim", *words], capture_output=True, text=True, timeout=180,
            cwd=cwd or self.place,
        )  # fmt: skip

    def left(self) -> list[str]:
        return sorted(str(path.relative_to(self.place)) for path in self.place.rglob("*"))

    def refused(self, *words: str) -> str:
        before = self.left()
        done = self.init(*words)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertTrue(done.stderr.startswith("mailim: "), done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(self.left(), before)
        return done.stderr


class FoundingTests(FoundingCase):
    def test_with_accounts_in_a_directory_with_spaces(self) -> None:
        done = self.init("init", "my site ü", "--domain", "office.test", "--accounts", "ann, bob")
        self.assertEqual(done.returncode, 0, done.stderr)
        site = self.place / "my site ü"
        passwords = site / "accounts.txt"
        self.assertEqual(stat.S_IMODE(passwords.stat().st_mode), 0o600)
        names = [line.split(" ")[0] for line in passwords.read_text().splitlines()]
        self.assertEqual(names, ["ann@office.test", "bob@office.test"])
        done = self.init("--config", str(site / "etc" / "mailim.toml"), "--json", "user", "list")
        found = {one["address"]: one["admin"] for one in json.loads(done.stdout)}
        self.assertEqual(found, {"ann@office.test": True, "bob@office.test": False})

    def test_json(self) -> None:
        done = self.init("--json", "init", "s", "--domain", "office.test", "--accounts", "ann")
        made = json.loads(done.stdout)
        self.assertEqual(made["accounts"], ["ann@office.test"])
        self.assertEqual(made["passwords"], "s/accounts.txt")
        self.assertTrue(Path(made["config"]).is_file())
        self.assertTrue(any("_xmpp-client" in record for record in made["dns"]))

    def test_python_m(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "mailim", "init", "s", "--domain", "office.test"],
            capture_output=True, text=True, timeout=180, cwd=self.place,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("_xmpps-client._tcp.office.test.", done.stdout)

    def test_the_address_it_listens_on_is_in_the_certificate(self) -> None:
        from cryptography import x509

        done = self.init("init", "s", "--domain", "office.test", "--listen", "192.0.2.7")
        self.assertEqual(done.returncode, 0, done.stderr)
        pem = (self.place / "s/etc/tls/certificate.pem").read_bytes()
        names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        addresses = names.value.get_values_for_type(x509.IPAddress)
        self.assertIn("192.0.2.7", [str(address) for address in addresses])


class RefusedTests(FoundingCase):
    def test_bad_input_makes_nothing(self) -> None:
        for words, said in (
            (["--domain", "..", "--accounts", "ann"], "domain"),
            (["--domain", "office.test", "--accounts", "ann,b b"], "not an address"),
            (["--domain", "office.test", "--accounts", "ann,Ann"], "twice"),
            (["--domain", "office.test", "--accounts", "ann@other.test"], "without its domain"),
            (["--domain", "office.test", "--accounts", "a'b"], "may not contain"),
            (["--domain", "office.test", "--port-base", "70000"], "port_base"),
            (["--domain", "office.test", "--port-base", "-1"], "port_base"),
            (["--domain", "office.test", "--listen", "nowhere"], "not an IP address"),
            (["--domain", "office.test", "--listen", '127.0.0.1"\nx = "'], "listen"),
        ):
            self.assertIn(said, self.refused("init", "s", *words))

    def test_places_that_do_not_do(self) -> None:
        (self.place / "file").write_text("a file")
        self.refused("init", "file", "--domain", "office.test")
        self.refused("init", "file/below", "--domain", "office.test")
        self.refused("init", "x" * 300, "--domain", "office.test")
        deep = "/".join(["d" * 40] * 3)
        self.assertIn("107", self.refused("init", deep, "--domain", "office.test"))
        self.refused("init", "/proc/nowhere", "--domain", "office.test")

    def test_what_is_there_is_kept(self) -> None:
        for name in ("accounts.txt", "etc/secret.key", "var/mailim.db", "var/LOGS/x.log"):
            path = self.place / name.replace("/", "-") / name
            path.parent.mkdir(parents=True)
            path.write_text("precious")
            site = str(path.relative_to(self.place).parts[0])
            said = self.refused("init", site, "--domain", "office.test", "--accounts", "ann")
            self.assertIn("is there already", said)
            self.assertEqual(path.read_text(), "precious")

    def test_an_empty_directory_will_do_and_stays_when_it_fails(self) -> None:
        (self.place / "s" / "etc").mkdir(parents=True)
        self.refused("init", "s", "--domain", "office.test", "--listen", "nowhere")
        done = self.init("init", "s", "--domain", "office.test")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_name_twice_is_found_without_making_anything(self) -> None:
        self.assertRaises(Invalid, account_addresses, ["ann", "ANN"], "office.test")


class InterruptedTests(FoundingCase):
    def test_an_interrupted_init_leaves_nothing(self) -> None:
        names = ",".join(f"account{number}" for number in range(5000))  # takes long
        process = subprocess.Popen(
            [BIN / "mailim", "init", "s", "--domain", "office.test", "--accounts", names],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.place,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while not (self.place / "s/var/record").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=180)
        self.assertEqual(process.returncode, 1, said)
        self.assertNotIn("Traceback", said)
        self.assertEqual(self.left(), [])
