"""A filter that says what it is told to."""

from __future__ import annotations

from zope.interface import implementer

from mailim.interfaces.filters import IFilter, Verdict
from mailim.interfaces.spool import SpoolEntry
from mailim.wire.message import MessageFacts


@implementer(IFilter)
class ToldFilter:
    """Gives its answers one after the other, the last again and again; raises exceptions."""

    def __init__(self, *answers: Verdict | Exception, name: str = "told") -> None:
        self.name = name
        self.answers = list(answers)
        self.asked: list[tuple[SpoolEntry, MessageFacts]] = []

    async def check(self, entry: SpoolEntry, facts: MessageFacts) -> Verdict:
        self.asked.append((entry, facts))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
