"""Compare parsing and serialising of stanzas with twisted.words.xish.domish.

Run: python bench/xml_vs_domish.py [rounds]. Both do the same work in turn, on one core, so
that a noisy machine disturbs both; what matters is the ratio of the medians of CPU time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from twisted.words.xish import domish

from mailim.wire.xml import AFTER_AUTH, Element, StreamParser, parse_document, serialise

HEADER = (
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    b" to='example.test' version='1.0'>"
)
STANZA = (
    b"<message xmlns='jabber:client' to='bob@example.test/desk' type='chat' id='5f3a9c1e'>"
    b"<body>The minutes of Monday are in the shared folder, see you at ten &amp; bring tea."
    b"</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
    b"<request xmlns='urn:xmpp:receipts'/></message>"
)
BATCH = 500
FROM = "alice@example.test/phone"


class Ours:
    def __init__(self) -> None:
        self.parser = StreamParser(AFTER_AUTH)
        self.parser.feed(HEADER)
        self.stanza = self.parse()[0]

    def parse(self) -> list[Element]:
        stanzas: list[Element] = []
        for _ in range(BATCH):
            stanzas += self.parser.feed(STANZA)  # type: ignore[arg-type]
        return stanzas

    def write(self) -> None:
        for _ in range(BATCH):
            serialise(self.stanza)

    def both(self) -> None:
        for stanza in self.parse():
            serialise(stanza.with_attrs({"from": FROM}))

    def frames(self) -> None:
        for _ in range(BATCH):
            parse_document(STANZA, AFTER_AUTH)


class Domish:
    def __init__(self) -> None:
        self.stanzas: list[domish.Element] = []
        self.stream = domish.elementStream()
        self.stream.DocumentStartEvent = lambda _: None
        self.stream.DocumentEndEvent = lambda: None
        self.stream.ElementEvent = self.stanzas.append
        self.stream.parse(HEADER)
        self.stanza = self.parse()[0]

    def parse(self) -> list[domish.Element]:
        self.stanzas.clear()
        for _ in range(BATCH):
            self.stream.parse(STANZA)
        return list(self.stanzas)

    def write(self) -> None:
        for _ in range(BATCH):
            self.stanza.toXml(defaultUri="jabber:client").encode()

    def both(self) -> None:
        for stanza in self.parse():
            stanza["from"] = FROM
            stanza.toXml(defaultUri="jabber:client").encode()


def cpu_time(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    ours, theirs = Ours(), Domish()
    works: dict[str, list[Callable[[], object]]] = {
        "parse": [ours.parse, theirs.parse],
        "serialise": [ours.write, theirs.write],
        "parse, set from, serialise": [ours.both, theirs.both],
        "parse, a frame each": [ours.frames, theirs.parse],
    }
    times: dict[str, list[list[float]]] = {name: [[], []] for name in works}
    for _ in range(rounds):
        for name, pair in works.items():
            for index, work in enumerate(pair):
                times[name][index].append(cpu_time(work))
    print(f"stanza of {len(STANZA)} bytes, median of {rounds} rounds of {BATCH}")
    for name, (mine, other) in times.items():
        fast, slow = (BATCH / statistics.median(each) for each in (mine, other))
        print(f"{name:28} {fast:9,.0f}/s  domish {slow:9,.0f}/s  ratio {fast / slow:.2f}")


if __name__ == "__main__":
    main()
