"""The administrator's file: complete, checked as a whole, hostile input refused."""

from __future__ import annotations

import ast
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailim.config import Config, ConfigError, load, parse
from mailim.config_reference import render as reference
from mailim.config_text import render
from mailim.config_values import name_server

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mailim"
SAMPLE = ROOT / "etc" / "mailim.toml"
REFERENCE = ROOT / "docs" / "admin" / "configuration.md"
FILE = Path("mailim.toml")


# Keys that are read afresh each time they are needed. Only such a key may lack "(restart)".
LIVE = {
    "im": {
        "stanzas_per_second",
        "login_seconds",
        "connections",
        "connections_per_address",
        "token_messages_per_minute",
        "acknowledgement_seconds",
        "unacknowledged_stanzas",
        "unacknowledged_octets",
        "unacknowledged_octets_in_all",
        "resumption_seconds",
        "resumable_per_account",
    },
    "multipop": {
        "enabled",
        "interval_minutes",
        "boxes_at_once",
        "boxes_per_account",
        "timeout_seconds",
        "run_minutes",
        "message_octets",
        "failures_before_quarantine",
        "allow_plaintext",
        "allow_private_hosts",
    },
    "mail": {"undo_seconds"},
    "smtp": {
        "connections",
        "connections_per_address",
        "recipients",
        "messages_per_connection",
        "errors_per_connection",
        "command_seconds",
        "data_seconds",
        "message_minutes",
    },
    "relay": {
        "host",
        "port",
        "security",
        "ca",
        "user",
        "password_file",
        "connections_per_destination",
        "mails_per_connection",
        "connection_idle_seconds",
        "allow_private_hosts",
    },
}


class SampleTests(SynchronousTestCase):
    def test_sample_is_what_the_models_say(self) -> None:
        self.assertEqual(SAMPLE.read_text(), render())

    def test_reference_is_what_the_models_say(self) -> None:
        self.assertEqual(REFERENCE.read_text(), reference())

    def test_sample_loads_as_the_defaults(self) -> None:
        self.assertEqual(load(SAMPLE).config, Config())

    def test_every_key_says_what_it_does(self) -> None:
        for section in Config.model_fields.values():
            fields = section.annotation.model_fields  # type: ignore[union-attr]
            for name, field in fields.items():
                self.assertTrue(field.description, name)

    def test_every_key_is_used(self) -> None:
        """Somewhere outside this module its value is read; a limit nobody reads is none."""
        read = set()
        for path in PACKAGE.rglob("*.py"):
            if not path.name.startswith("config"):
                tree = ast.walk(ast.parse(path.read_text()))
                read |= {node.attr for node in tree if isinstance(node, ast.Attribute)}
        for section, its in Config.model_fields.items():
            if section != "listeners":
                names = its.annotation.model_fields  # type: ignore[union-attr]
                self.assertEqual([name for name in names if name not in read], [], section)

    def test_a_key_a_reload_does_not_take_up_says_so(self) -> None:
        for section, its in Config.model_fields.items():
            if section == "listeners":
                continue  # each of its keys says so one level deeper
            fields = its.annotation.model_fields  # type: ignore[union-attr]
            live = {name for name, f in fields.items() if "(restart)" not in f.description}
            self.assertEqual(live, LIVE.get(section, set()), section)

    def test_changes_are_rendered_and_read_back(self) -> None:
        text = render({"server.domain": "b.example", "listeners.https.port": 0})
        config = parse(text.encode(), FILE)
        self.assertEqual(config.server.domain, "b.example")
        self.assertEqual(config.port("https"), 0)


class ProblemTests(SynchronousTestCase):
    def problems(self, text: str) -> dict[str, str]:
        error = self.assertRaises(ConfigError, parse, text.encode(), FILE)
        self.assertIn("mailim.toml", error.text)
        return {problem.path: f"{problem.text} {problem.hint}" for problem in error.problems}

    def test_all_problems_come_at_once_with_path_and_hint(self) -> None:
        found = self.problems(
            '[server]\nport_bse = 1\ndomain = ".."\n[im]\ncolleagues_limit = "a"\n[nonsense]\n'
        )
        self.assertEqual(
            set(found), {"server.port_bse", "server.domain", "im.colleagues_limit", "nonsense"}
        )
        self.assertIn("did you mean 'port_base'?", found["server.port_bse"])

    def test_a_number_is_not_guessed_from_text(self) -> None:
        self.assertIn("im.offline_messages", self.problems('[im]\noffline_messages = "10"'))

    def test_bounds_hold(self) -> None:
        self.assertIn("server.port_base", self.problems("[server]\nport_base = 60001"))
        self.assertIn("listeners.https.port", self.problems("[listeners.https]\nport = -1"))

    def test_cross_checks_hold(self) -> None:
        found = self.problems("[accounts]\nsession_idle_days = 20\nsession_max_days = 10")
        self.assertIn("must not exceed", found[""])

    def test_relay(self) -> None:
        for text, words in (
            ('security = "tls"', "needs a relay.host"),
            ('user = "kate"', "needs a relay.host"),
            ('user = "kate"\nhost = "out.example"', "starttls or tls"),
        ):
            self.assertIn(words, self.problems(f"[relay]\n{text}")[""])
        for bad in ("example.org", "1.2.3.4:0", "1.2.3.4:x", "::1:53x", "[::1]:99999", ""):
            found = self.problems(f'[relay]\ndns_servers = ["{bad}"]')
            self.assertIn("relay.dns_servers.0", found)
        for good, meant in (
            ("192.0.2.1", ("192.0.2.1", 53)),
            ("192.0.2.1:5353", ("192.0.2.1", 5353)),
            ("::1", ("::1", 53)),
            ("[::1]:5353", ("::1", 5353)),
        ):
            self.assertEqual(name_server(good), meant)

    def test_not_toml(self) -> None:
        self.assertIn("is not TOML", self.problems("= 1")[""])
        error = self.assertRaises(ConfigError, parse, b"\xff\xfe", FILE)
        self.assertIn("is not TOML", error.text)

    def test_deep_nesting_is_an_error_not_a_crash(self) -> None:
        self.assertIn("is not TOML", self.problems("a = " + "[" * 100_000)[""])

    def test_huge_file_is_refused_unread(self) -> None:
        self.assertIn("larger than", self.problems("#" * (1024 * 1024 + 1))[""])

    def test_missing_file_names_the_cure(self) -> None:
        error = self.assertRaises(ConfigError, load, Path("/nonexistent/etc/mailim.toml"))
        self.assertIn("mailim init", error.text)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300))
    def test_garbage_gives_only_the_named_error(self, data: bytes) -> None:
        try:
            parse(data, FILE)
        except ConfigError:
            pass
