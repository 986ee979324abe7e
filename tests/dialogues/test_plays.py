"""The play runner itself: it must notice what is not as written."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.dialogues.plays import (
    PlayFailed,
    in_client_ns,
    mismatch,
    parse_pattern,
    perform,
    read_plays,
)
from tests.dialogues.router_stage import RouterStage
from tests.fakes.store import short_directory


def differs(expected: str, actual: str, variables: dict[str, str] | None = None) -> bool:
    found = {} if variables is None else variables
    return bool(mismatch(parse_pattern(expected), parse_pattern(actual), found))


class MatchTests(SynchronousTestCase):
    def test_same(self) -> None:
        for expected, actual in (
            ("<message/>", "<message/>"),
            ("<message id='1'/>", "<message id='1'/>"),
            ("<message id='1'/>", "<message id='1' xml:lang='en'/>"),
            ("<message id='*'/>", "<message id='anything'/>"),
            ("<message id='1'/>", "<message xmlns='jabber:client' id='1'/>"),
            ("<message>\n  <body>Hi</body>\n</message>", "<message><body> Hi</body></message>"),
            ("<message><body>*</body></message>", "<message><body>Hi</body></message>"),
            ("<message><body/>...</message>", "<message><body/><x/><y/></message>"),
            ("<message><body/>...</message>", "<message><body/></message>"),
            ("<message>...</message>", "<message><body/></message>"),
        ):
            self.assertFalse(differs(expected, actual), (expected, actual))

    def test_different(self) -> None:
        for expected, actual in (
            ("<message/>", "<presence/>"),
            ("<message/>", "<message id='1'/>"),
            ("<message id='1'/>", "<message/>"),
            ("<message id='*'/>", "<message/>"),
            ("<message id='1'/>", "<message id='2'/>"),
            ("<message/>", "<message><body/></message>"),
            ("<message><body/></message>", "<message/>"),
            ("<message><body/></message>", "<message><body xmlns='x'/></message>"),
            ("<message><body>Hi</body></message>", "<message><body>Ho</body></message>"),
            ("<message><body/></message>", "<message><body>Ho</body></message>"),
            ("<message><a/><b/></message>", "<message><b/><a/></message>"),
            ("<message><a/>...</message>", "<message><b/><a/></message>"),
            ("<message><a/><b/>...</message>", "<message><a/></message>"),
        ):
            self.assertTrue(differs(expected, actual), (expected, actual))

    def test_variables(self) -> None:
        variables: dict[str, str] = {}
        self.assertFalse(differs("<iq id='{x}'/>", "<iq id='7'/>", variables))
        self.assertFalse(differs("<iq id='{x}'/>", "<iq id='7'/>", variables))
        self.assertTrue(differs("<iq id='{x}'/>", "<iq id='8'/>", variables))
        self.assertFalse(differs("<iq id='n{x}'/>", "<iq id='n7'/>", variables))

    def test_namespace_is_declared_once(self) -> None:
        self.assertEqual(in_client_ns("<a><b/></a>"), "<a xmlns='jabber:client'><b/></a>")


class ReadingTests(SynchronousTestCase):
    def read(self, text: str) -> Path:
        path = short_directory(self) / "play.txt"
        path.write_text(text)
        return path

    def test_read(self) -> None:
        path = self.read(
            "# a comment\nplay: One\nalice/desk connects\nalice/desk sends:\n"
            "    <message>\n    <body/></message>\n\n    <presence/>\nplay: Two\n"
        )
        one, two = read_plays(path)
        self.assertEqual((one.title, two.title), ("One", "Two"))
        self.assertEqual([line.number for line in one.lines], [3, 4])
        self.assertEqual(one.lines[1].stanzas, ("<message>\n<body/></message>", "<presence/>"))

    def test_what_nobody_understands(self) -> None:
        for text in (
            "alice/desk connects\n",
            "play: x\nalice/desk sings\n",
            "play: x\nalice/desk sends:\n",
            "play: x\nalice/desk connects\n    <presence/>\n",
            "play: x\nalice/desk sends:\n    <presence>\n",
        ):
            with self.assertRaises(ValueError):
                read_plays(self.read(text))


class PerformanceTests(TestCase):
    async def failure(self, text: str) -> str:
        """Perform a play that has to fail; give what it says."""
        path = short_directory(self) / "play.txt"
        path.write_text("play: x\nalice/desk is online\nbob/phone is online\n" + text)
        (play,) = read_plays(path)
        with self.assertRaises(PlayFailed) as caught:
            await perform(play, RouterStage(self))
        return str(caught.exception)

    async def test_departures_are_noticed(self) -> None:
        message = "<message to='bob@example.test' id='1'><body>x</body></message>"
        send = f"alice/desk sends:\n    {message}\n"
        for text, line, told in (
            (f"{send}bob/phone receives nothing\n", 6, "received: <message"),
            ("bob/phone receives:\n    <presence/>\n", 4, "received nothing"),
            (f"{send}bob/phone receives:\n    <message id='1'/>\n", 6, "attribute"),
            (
                f"{send}bob/phone receives in any order:\n    <message id='1'/>\n    <iq/>\n",
                6,
                "expected: <message id='1'/>",
            ),
            ("bob/phone's stream ends with conflict\n", 4, "it ended with nothing"),
            ("bob/phone has carbons\n", 4, "received nothing"),
        ):
            failure = await self.failure(text)
            self.assertIn(f"play.txt:{line}:", failure)
            self.assertIn(told, failure)
