"""The plays of `xmpp/*.txt` once more, over real streams of one server: TCP and WebSocket."""

from __future__ import annotations

from typing import Final

from twisted.trial.unittest import TestCase

from tests.dialogues.plays import PlayFailed, perform, read_plays
from tests.dialogues.stream_stage import SteadyReactor, StreamStage, Watch
from tests.dialogues.test_xmpp_plays import DIRECTORY
from tests.fakes.inside import serve

_LIMIT: Final = "a limit other than that of colleagues is read when the server starts"
_OLD_STREAM: Final = (
    "the play keeps a stream that is taken over until later; a server ends it at once, and contacts"
    " see that it went before they see the presence of the new one"
)
# Plays that cannot be performed here, and why: file, title.
LEFT_OUT: Final[dict[tuple[str, str], str]] = {
    ("presence.txt", "a connection is taken over"): _OLD_STREAM,
    ("archive.txt", "what found no room is not archived"): _LIMIT,
    ("offline.txt", "no more room"): _LIMIT,
    ("roster.txt", "a full roster"): _LIMIT,
    ("subscriptions.txt", "a full roster"): _LIMIT,
}
_UNLIMITED: Final = {
    "im.stanzas_per_second": 100_000,
    "im.connections_per_address": 10_000,
    "http.connections_per_address": 10_000,
}


class StreamPlaysTests(TestCase):
    timeout = 300

    async def perform_all(self, websocket: bool) -> None:
        clock = SteadyReactor()
        server = await serve(self, changes=dict(_UNLIMITED), clock=clock)
        watch = Watch(server.im.router)
        failures = []
        plays = [play for path in sorted(DIRECTORY.glob("*.txt")) for play in read_plays(path)]
        for number, play in enumerate(plays, 1):
            if (play.file, play.title) in LEFT_OUT:
                continue
            stage = StreamStage(server, clock, watch, number, websocket)
            await stage.open()
            try:
                await perform(play, stage)
            except PlayFailed as error:
                failures.append(str(error))
            await stage.close()
        self.assertEqual(failures, [], "\n\n".join(failures))

    async def test_by_tcp(self) -> None:
        await self.perform_all(False)

    async def test_by_websocket(self) -> None:
        await self.perform_all(True)

    def test_what_is_left_out_exists(self) -> None:
        titles = {
            (play.file, play.title) for path in DIRECTORY.glob("*.txt") for play in read_plays(path)
        }
        self.assertLessEqual(set(LEFT_OUT), titles)
