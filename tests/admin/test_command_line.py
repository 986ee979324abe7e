"""The words of the `mailim` command, and how results are shown."""

from __future__ import annotations

import io
import sys
from base64 import b64decode, b64encode
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailim.admin.command_line import collect, parser
from mailim.admin.display import shown
from mailim.admin.table import BY_NAME, MAX_OCTETS, TABLE
from mailim.errors import Invalid
from tests.fakes.store import short_directory


class ParserTests(SynchronousTestCase):
    def parse(self, *words: str, stdin: str = "") -> tuple[str, dict[str, Any]]:
        namespace = parser().parse_args(list(words))
        self.patch(sys, "stdin", io.StringIO(stdin))
        return namespace.operation.name, collect(
            namespace, namespace.operation, lambda _: "asked for"
        )

    def test_the_contract_of_user_add(self) -> None:
        name, values = self.parse(
            "user", "add", "a@x.test", "--admin", "--password-stdin", stdin="s3cret pass\n"
        )
        self.assertEqual(name, "user.add")
        self.assertEqual(values, {"address": "a@x.test", "admin": True, "password": "s3cret pass"})

    def test_the_contract_of_multipop_add(self) -> None:
        _, values = self.parse(
            "multipop", "add", "a@x.test", "--host", "h", "--port", "110", "--user", "u",
            "--stls", "--ca", "/ca.pem", "--leave", "--password-stdin", stdin="p\n",
        )  # fmt: skip
        self.assertEqual(
            values,
            {
                "address": "a@x.test", "host": "h", "port": 110, "user": "u",
                "security": "stls", "ca": "/ca.pem", "leave": True, "password": "p",
            },
        )  # fmt: skip

    def test_the_contract_of_record_search(self) -> None:
        _, values = self.parse("record", "search", "--from", "a", "--since", "2026-01-01", "hello")
        self.assertEqual(values, {"from": "a", "since": "2026-01-01", "text": "hello"})

    def test_the_contract_of_filter_test(self) -> None:
        """A mail's octets go as they are; the server reads no file."""
        path = short_directory(self) / "one.eml"
        path.write_bytes(bytes(range(256)))
        name, values = self.parse("filter", "test", str(path), "--sender", "a@x.test", "--remote")
        self.assertEqual(b64decode(values.pop("file")), bytes(range(256)))
        self.assertEqual((name, values), ("filter.test", {"sender": "a@x.test", "remote": True}))
        path.write_bytes(b"x" * (MAX_OCTETS + 1))
        error = self.assertRaises(Invalid, self.parse, "filter", "test", str(path))
        self.assertIn("larger than", error.text)
        self.assertRaises(Invalid, self.parse, "filter", "test", str(path.parent / "none"))

    def test_a_password_is_asked_for_and_never_an_argument(self) -> None:
        _, values = self.parse("user", "passwd", "a@x.test")
        self.assertEqual(values["password"], "asked for")
        self.patch(sys, "stderr", io.StringIO())
        error = self.assertRaises(SystemExit, self.parse, "user", "passwd", "a@x.test", "secret")
        self.assertEqual(error.code, 2)

    def test_no_terminal_to_ask_at(self) -> None:
        def ask(_prompt: str) -> str:
            raise EOFError

        words = parser().parse_args(["user", "add", "a@b.test"])
        error = self.assertRaises(Invalid, collect, words, words.operation, ask)
        self.assertIn("--password-stdin", error.text)

    def test_an_empty_password_on_stdin_is_refused(self) -> None:
        self.assertRaises(Invalid, self.parse, "user", "passwd", "a@x.test", "--password-stdin")

    def test_wrong_usage_exits_with_2(self) -> None:
        self.patch(sys, "stderr", io.StringIO())
        for words in ([], ["nonsense"], ["user"], ["user", "add"], ["im", "kick"]):
            error = self.assertRaises(SystemExit, parser().parse_args, words)
            self.assertEqual(error.code, 2)

    def test_json_may_stand_before_and_behind(self) -> None:
        for words in (["--json", "user", "list"], ["user", "list", "--json"]):
            self.assertTrue(parser().parse_args(words).json)
        self.assertFalse(parser().parse_args(["user", "list"]).json)

    def test_every_operation_can_be_said(self) -> None:
        for operation in TABLE:
            words = operation.name.split(".")
            for argument in operation.arguments:
                if argument.positional and argument.required:
                    words.append("1")
                elif argument.required and argument.kind != "secret":
                    words += [f"--{argument.name}", "1"]
            self.assertIs(parser().parse_args(words).operation, operation)


class TableTests(SynchronousTestCase):
    def test_wrong_arguments_are_refused_by_name(self) -> None:
        for given, path in (
            ({}, "address"),
            ({"address": 1, "password": "x"}, "address"),
            ({"address": "a", "password": "x", "admin": "yes"}, "admin"),
            ({"address": "a", "password": "x", "bogus": 1}, "bogus"),
            ({"address": "a\0", "password": "x"}, "address"),
            ({"address": "a" * 100_000, "password": "x"}, "address"),
        ):
            error = self.assertRaises(Invalid, BY_NAME["user.add"].checked, given)
            self.assertEqual(error.path, path)

    def test_octets_are_base64_of_some_size(self) -> None:
        operation = BY_NAME["filter.test"]
        most = b64encode(b"x" * MAX_OCTETS).decode()
        self.assertEqual(operation.checked({"file": most})["file"], most)
        for bad in ("=", "ä", "a b", b64encode(b"x" * (MAX_OCTETS + 9)).decode(), 5):
            self.assertRaises(Invalid, operation.checked, {"file": bad})

    def test_true_is_no_number(self) -> None:
        given = {"limit": True}
        self.assertRaises(Invalid, BY_NAME["record.search"].checked, given)


class DisplayTests(SynchronousTestCase):
    def test_a_list_is_columns(self) -> None:
        text = shown([{"a": "x", "bb": True}, {"a": "yyy", "bb": None}], False)
        self.assertEqual(text, "a    bb\nx    yes\nyyy  -")

    def test_nothing_is_said_to_be_nothing(self) -> None:
        self.assertEqual(shown([], False), "(none)")
        self.assertEqual(shown(None, False), "")

    def test_texts_of_strangers_cannot_steer_the_terminal(self) -> None:
        text = shown([{"body": "\x1b[2J\r\nrm -rf\u202e"}], False)
        for char in ("\x1b", "\r", "\u202e"):
            self.assertNotIn(char, text)
        self.assertEqual(text.count("\n"), 1)

    def test_json(self) -> None:
        self.assertIn('"ü"', shown(["ü"], True))
