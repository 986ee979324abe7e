"""JSON, forms, queries and targets from strangers."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, field_validator
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from mailim.protocols.http.body import Body
from mailim.protocols.http.encodings import choose
from mailim.protocols.http.input import model_of, parse_form, parse_json
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.targets import Target, parse_target


class Box(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    host: str
    port: int
    leave: bool = False

    @field_validator("host")
    @classmethod
    def _known(cls, value: str) -> str:
        if " " in value:
            raise ValueError("a host has no spaces")
        return value


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), children, max_size=4)
    ),
    max_leaves=20,
)


class JsonTests(SynchronousTestCase):
    @given(VALUES)
    def test_json_comes_through(self, value: object) -> None:
        for escape in (True, False):
            octets = json.dumps(value, ensure_ascii=escape).encode()
            self.assertEqual(parse_json(octets), value)

    @given(st.binary(max_size=200))
    def test_garbage_is_refused_politely(self, octets: bytes) -> None:
        try:
            parse_json(octets)
        except ValueError:
            pass

    def test_what_is_not_i_json(self) -> None:
        for octets in (
            b"", b"{", b"\xff", b"NaN", b"[Infinity]", b"1e999", b'{"a":1,"a":2}',
            b'"\\ud800"', b'{"\\udfff":1}', b"\xef\xbb\xbf{}", b"1" * 5000, b"[1] 2",
        ):  # fmt: skip
            self.assertRaises(ValueError, parse_json, octets)
        self.assertEqual(parse_json(b'"\\ud83d\\ude00"'), "😀")

    def test_depth(self) -> None:
        self.assertEqual(parse_json(b"[" * 5 + b"]" * 5, depth=5), [[[[[]]]]])
        self.assertRaises(ValueError, parse_json, b"[" * 6 + b"]" * 6, 5)
        self.assertRaises(ValueError, parse_json, b"[" * 1_000_000)
        self.assertRaises(ValueError, parse_json, b'{"a":' * 100_000)
        wide = json.dumps([[1]] * 1000 + ["[" * 50, '\\"[[{"'] * 50).encode()
        self.assertEqual(len(parse_json(wide, depth=3)), 1100)

    def test_all_errors_at_once(self) -> None:
        value = {"host": "a b", "port": "995", "more": 1}
        problem = self.assertRaises(Problem, model_of, Box, value)
        errors = dict(problem.errors)
        self.assertEqual(set(errors), {"host", "port", "more"})
        self.assertEqual(errors["host"], "a host has no spaces")
        problem = self.assertRaises(Problem, model_of, Box, [1])
        self.assertEqual(problem.status, 400)

    def test_strict(self) -> None:
        for value in ({"host": "h", "port": True}, {"host": "h", "port": 1.0}):
            self.assertRaises(Problem, model_of, Box, value)
        self.assertEqual(model_of(Box, {"host": "h", "port": 1}).port, 1)


class FormTests(SynchronousTestCase):
    def test_forms(self) -> None:
        fields = parse_form(b"address=a%40b.test&password=%C3%A9+%26&empty=")
        self.assertEqual(fields, {"address": "a@b.test", "password": "é &", "empty": ""})

    def test_bad_forms(self) -> None:
        for octets in (b"a=%ff", b"\xff=1", b"a=1&a=2", b"&".join([b"a=1"] * 101)):
            problem = self.assertRaises(Problem, parse_form, octets)
            self.assertEqual(problem.status, 400)

    @given(st.binary(max_size=100))
    def test_garbage(self, octets: bytes) -> None:
        try:
            parse_form(octets)
        except Problem:
            pass


class RequestTests(SynchronousTestCase):
    def request(self, body: bytes, content_type: str | None) -> Request:
        headers = Headers({"Content-Type": [content_type]} if content_type else {})
        stream = Body(lambda: None, lambda: None)
        stream.feed(body)
        stream.end()
        return Request("POST", Target(("x",), b""), headers, stream)

    def read(self, request: Request, what: str) -> object:
        from twisted.internet.defer import Deferred

        work = request.form() if what == "form" else request.json(Box)
        return self.successResultOf(Deferred.fromCoroutine(work))

    def test_json(self) -> None:
        for kind in ("application/json", "Application/JSON; charset=utf-8"):
            box = self.read(self.request(b'{"host":"h","port":1}', kind), "json")
            self.assertEqual(box, Box(host="h", port=1))

    def test_media_types(self) -> None:
        from twisted.internet.defer import Deferred

        for kind in (
            None,
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json, x",
        ):
            work = Deferred.fromCoroutine(self.request(b"{}", kind).json(Box))
            self.assertEqual(self.failureResultOf(work, Problem).value.status, 415)
        large = self.request(b"a" * 70_000, "application/x-www-form-urlencoded")
        work = Deferred.fromCoroutine(large.form())  # type: ignore[arg-type]
        self.assertEqual(self.failureResultOf(work, Problem).value.status, 413)

    def test_cookies(self) -> None:
        headers = Headers({"Cookie": ["a=1; __Host-sid=x=y; b", "__Host-sid=other"]})
        request = Request("GET", Target(("",), b""), headers)
        self.assertEqual(request.cookie("__Host-sid"), "x=y")
        self.assertIsNone(request.cookie("sid"))


class TargetTests(SynchronousTestCase):
    @given(st.binary(max_size=100))
    def test_garbage(self, octets: bytes) -> None:
        try:
            target = parse_target(octets)
        except Problem:
            return
        for segment in target.segments:
            self.assertNotIn("/", segment)
            self.assertNotIn("\\", segment)
            self.assertNotIn("\0", segment)
            self.assertNotIn(segment, (".", ".."))

    def test_long(self) -> None:
        self.assertEqual(self.assertRaises(Problem, parse_target, b"/" * 9000).status, 414)


class EncodingTests(SynchronousTestCase):
    def test_choice(self) -> None:
        offered = ("br", "gzip")
        for header, chosen in (
            (None, ""), ("", ""), ("gzip, deflate, br", "br"), ("gzip", "gzip"), ("*", "br"),
            ("br;q=0, *;q=0.1", "gzip"), ("gzip;q=1.0, br;q=0.5", "gzip"), ("identity", ""),
            ("br;q=0", ""), ("gzip;q=x", ""), ("GZIP", "gzip"), ("*;q=0", ""),
        ):  # fmt: skip
            self.assertEqual(choose(header, offered), chosen, header)
