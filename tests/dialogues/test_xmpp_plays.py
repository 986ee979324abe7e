"""Every play of `xmpp/*.txt`, performed before the router."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailim.protocols.xmpp.features.carbons import CarbonsSwitch
from mailim.protocols.xmpp.features.mam import Mam
from tests.dialogues.plays import Play, PlayFailed, perform, read_plays
from tests.dialogues.router_stage import RouterStage

DIRECTORY = Path(__file__).parent / "xmpp"


class XmppPlaysTests(TestCase):
    """One test for each play, named after file and title."""


def _stage(case: TestCase) -> RouterStage:
    stage = RouterStage(case)
    stage.features = lambda im: (CarbonsSwitch(), Mam(im.archive))
    return stage


def _test_of(play: Play) -> Callable[[TestCase], Awaitable[None]]:
    async def test(self: TestCase) -> None:
        try:
            await perform(play, _stage(self))
        except PlayFailed as error:
            self.fail(str(error))

    return test


for _path in sorted(DIRECTORY.glob("*.txt")):
    for _play in read_plays(_path):
        _words = re.sub(r"\W+", "_", f"{_path.stem} {_play.title}").strip("_").lower()
        _name = f"test_{_words}"
        if hasattr(XmppPlaysTests, _name):
            raise ValueError(f"two plays are called {_play.title} in {_path.name}")
        setattr(XmppPlaysTests, _name, _test_of(_play))
