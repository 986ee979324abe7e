"""Long responses are the same JSON as short ones."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailim.protocols.jmap.encoding import encode_response


class EncodingTests(SynchronousTestCase):
    def encode(self, responses: list[Any]) -> tuple[Any, int]:
        calls = []

        def threads(work: Any) -> Deferred[Any]:
            calls.append(work)
            return succeed(work())

        work = encode_response(responses, {"sessionState": "é", "createdIds": {}}, threads)
        octets = self.successResultOf(Deferred.fromCoroutine(work))
        return json.loads(octets), len(calls)

    def test_short_and_long(self) -> None:
        objects = [{"id": f"e{number}", "a": [None, '"', "😀"]} for number in range(100)]
        for responses, threads in (
            ([], 0),
            ([("Core/echo", {"list": 5}, "c"), ("Core/echo", {"list": "x" * 99}, "d")], 0),
            ([("A", {"list": objects[:5], "x": 1}, "c"), ("B", {}, '"')], 0),
            ([("A", {"x": 1, "list": objects, "y": None}, "c"), ("B", {"list": []}, "d")], 1),
            ([("A", {"list": objects}, "c")], 1),
        ):
            value, used = self.encode(responses)
            wanted = [[name, arguments, id] for name, arguments, id in responses]
            self.assertEqual(value, {
                "methodResponses": wanted, "sessionState": "é", "createdIds": {},
            })  # fmt: skip
            self.assertEqual(used, threads)
