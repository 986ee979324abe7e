"""Plays: conversations in text files, performed against a server.

A file holds one or more plays. A line says what somebody does or what has to happen; the
XML belonging to it stands below, indented:

    play: A chat message goes to the resource it is addressed to
    given bob sees alice
    alice/desk connects
    bob/phone is online with priority 5
    alice/desk sends:
        <message to='bob@example.test/phone' id='1' type='chat'><body>Hi</body></message>
    bob/phone receives:
        <message from='alice@example.test/desk' to='bob@example.test/phone' id='1'
                 type='chat'><body>Hi</body>...</message>
    alice/desk receives nothing

What can happen is listed in `ACTIONS`. An actor is written account/resource; the accounts
alice, bob, carol, dave and erin at example.test exist, and are no colleagues unless a play says so.

In expected XML, and nowhere else: the value * stands for anything, as an attribute, as all
of a text, and `...` as a last child for any further children. {name} stands for what it
stood for first; in what is sent, it is replaced by that. Other attributes and children than
those written may not be there, `xml:lang` excepted; white space around text does not count.

A play knows nothing of transport: a stage (`IStage`) connects its actors to a server.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from mailim.wire import ns
from mailim.wire.xml import AFTER_AUTH, Element, XmlStreamError, parse_document, serialise

DOMAIN: Final = "example.test"
_VARIABLE: Final = re.compile(r"\{([a-z0-9_]+)\}")


class IStage(Protocol):
    """What connects a play to a server. Actors are written account/resource."""

    async def given(self, what: str) -> None:
        """Prepare the server: the rest of a `given` line."""

    async def connect(self, actor: str, name: str) -> None:
        """Sign in and bind the resource; the play calls the actor by `name` from now on."""

    async def send(self, actor: str, xml: str) -> None:
        """Send one stanza, written in jabber:client."""

    async def send_all(self, actor: str, xml: Sequence[str]) -> None:
        """Send stanzas without waiting in between."""

    async def receive(self, actor: str) -> Element | None:
        """Give the next stanza; None if none comes."""

    async def disconnect(self, actor: str) -> None:
        """Cut the connection, without a word."""

    async def ended(self, actor: str) -> str:
        """Give the stream error an actor's stream ended with, "" if it did not."""

    async def wait(self, seconds: float) -> None:
        """Let time pass."""


class PlayFailed(AssertionError):
    """The server did not keep to the play."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a play with the XML below it."""

    number: int
    text: str
    stanzas: tuple[str, ...]


@dataclass(slots=True)
class Play:
    """One play, as it was read."""

    title: str
    file: str
    lines: list[Line] = field(default_factory=list)


def read_plays(path: Path) -> list[Play]:
    """Read the plays of a file; raises ValueError for a line nobody understands."""
    plays: list[Play] = []
    for number, text, xml in _lines(path.read_text("utf-8")):
        if text.startswith("play:"):
            plays.append(Play(text.removeprefix("play:").strip(), path.name))
            continue
        line = Line(number, text, tuple(_split(xml)))
        if not plays or _action(text) is None or bool(xml) != text.endswith(":"):
            raise ValueError(f"{path.name}:{number}: what does this mean? {text}")
        plays[-1].lines.append(line)
    return plays


async def perform(play: Play, stage: IStage) -> None:
    """Perform a play; raises `PlayFailed` where the server departs from it."""
    performance = Performance(stage)
    for line in play.lines:
        found = _action(line.text)
        assert found is not None
        action, words = found
        try:
            await action(performance, words, line.stanzas)
        except PlayFailed as error:
            raise PlayFailed(f"{play.file}:{line.number}: {line.text}\n{error}") from None


class Performance:
    """A play under way."""

    def __init__(self, stage: IStage) -> None:
        self._stage = stage
        self._variables: dict[str, str] = {}

    async def given(self, words: tuple[str, ...], _: tuple[str, ...]) -> None:
        """Prepare the server."""
        await self._stage.given(words[0])

    async def connects(self, words: tuple[str, ...], _: tuple[str, ...]) -> None:
        """Sign in and bind; a second connection of a resource gets another name."""
        await self._stage.connect(words[0], words[1] or words[0])

    async def is_online(self, words: tuple[str, ...], _: tuple[str, ...]) -> None:
        """Connect, ask for the roster, become available; what comes of it is not looked at."""
        actor, priority = words
        inner = f"<priority>{priority}</priority>" if priority else ""
        await self._stage.connect(actor, actor)
        roster = "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"
        await self._stage.send(actor, roster)
        await self._stage.send(actor, f"<presence>{inner}</presence>")
        await self.forgets(words, ())

    async def forgets(self, words: tuple[str, ...], _: tuple[str, ...]) -> None:
        """Drop what an actor has received so far."""
        while await self._stage.receive(words[0]) is not None:
            pass

    async def sends(self, words: tuple[str, ...], stanzas: tuple[str, ...]) -> None:
        """Send stanzas."""
        for stanza in stanzas:
            await self._stage.send(words[0], self._filled(stanza))

    async def sends_at_once(self, words: tuple[str, ...], stanzas: tuple[str, ...]) -> None:
        """Send stanzas in one go, as a fast client does."""
        await self._stage.send_all(words[0], [self._filled(stanza) for stanza in stanzas])

    async def has_carbons(self, words: tuple[str, ...], _: tuple[str, ...]) -> None:
        """Switch carbons on (XEP-0280 section 5)."""
        enable = "<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
        await self._stage.send(words[0], enable)
        stanza = "<iq type='result' id='carbons' to='*'/>"
        while True:
            answer = await self._next(words[0], parse_pattern(stanza))
            if not mismatch(parse_pattern(stanza), answer, {}):
                return

    async def receives(self, words: tuple[str, ...], stanzas: tuple[str, ...]) -> None:
        """Receive exactly these next, in this order."""
        for stanza in stanzas:
            expected = parse_pattern(stanza)
            actual = await self._next(words[0], expected)
            variables = dict(self._variables)
            problem = mismatch(expected, actual, variables)
            if problem:
                raise PlayFailed(f"{problem}\nexpected: {stanza}\nreceived: {_text(actual)}")
            self._variables = variables

    async def receives_any_order(self, words: tuple[str, ...], stanzas: tuple[str, ...]) -> None:
        """Receive exactly these next, in whatever order."""
        waiting = [(stanza, parse_pattern(stanza)) for stanza in stanzas]
        while waiting:
            actual = await self._next(words[0], waiting[0][1])
            for pair in waiting:
                variables = dict(self._variables)
                if not mismatch(pair[1], actual, variables):
                    self._variables = variables
                    waiting.remove(pair)
                    break
            else:
                wanted = "\n          ".join(stanza for stanza, _ in waiting)
                raise PlayFailed(f"expected: {wanted}\nreceived: {_text(actual)}")

    async def receives_nothing(self, words: tuple[str, ...], _: tuple[str, ...]) -> None:
        """Receive nothing more."""
        actual = await self._stage.receive(words[0])
        if actual is not None:
            raise PlayFailed(f"received: {_text(actual)}")

    async def disconnects(self, words: tuple[str, ...], _: tuple[str, ...]) -> None:
        """Lose the connection."""
        await self._stage.disconnect(words[0])

    async def stream_ends(self, words: tuple[str, ...], _: tuple[str, ...]) -> None:
        """Be cut off by the server, with a stream error."""
        condition = await self._stage.ended(words[0])
        if condition != words[1]:
            raise PlayFailed(f"it ended with {condition or 'nothing'}")

    async def time_passes(self, words: tuple[str, ...], _: tuple[str, ...]) -> None:
        """Let time pass."""
        await self._stage.wait(float(words[0]))

    async def _next(self, actor: str, expected: Element) -> Element:
        actual = await self._stage.receive(actor)
        if actual is None:
            raise PlayFailed(f"expected: {_text(expected)}\nreceived nothing")
        return actual

    def _filled(self, text: str) -> str:
        return _VARIABLE.sub(lambda match: self._variables[match[1]], text)


_Act = Callable[[Performance, tuple[str, ...], tuple[str, ...]], Awaitable[None]]
_ACTOR: Final = r"([a-z]+/[\w-]+)"
ACTIONS: Final[tuple[tuple[str, _Act], ...]] = (
    (r"given (.+)", Performance.given),
    (rf"{_ACTOR} connects(?: as {_ACTOR})?", Performance.connects),
    (rf"{_ACTOR} is online(?: with priority (-?\d+))?", Performance.is_online),
    (rf"{_ACTOR} forgets what came", Performance.forgets),
    (rf"{_ACTOR} sends:", Performance.sends),
    (rf"{_ACTOR} sends at once:", Performance.sends_at_once),
    (rf"{_ACTOR} has carbons", Performance.has_carbons),
    (rf"{_ACTOR} receives:", Performance.receives),
    (rf"{_ACTOR} receives in any order:", Performance.receives_any_order),
    (rf"{_ACTOR} receives nothing", Performance.receives_nothing),
    (rf"{_ACTOR} disconnects", Performance.disconnects),
    (rf"{_ACTOR}'s stream ends with ([a-z-]+)", Performance.stream_ends),
    (r"time passes ([\d.]+)s", Performance.time_passes),
)


def parse_pattern(text: str) -> Element:
    """Parse expected XML, written in jabber:client."""
    return parse_document(in_client_ns(text), AFTER_AUTH)


def in_client_ns(text: str) -> str:
    """Declare jabber:client on a stanza written without its namespace."""
    return re.sub(r"^(\s*<[a-z]+)(?![^>]*\sxmlns=)", rf"\1 xmlns='{ns.CLIENT}'", text, count=1)


def mismatch(expected: Element, actual: Element, variables: dict[str, str]) -> str:
    """Say what differs, "" if nothing; binds variables."""
    if (expected.name, expected.ns) != (actual.name, actual.ns):
        return f"<{actual.name}/> of {actual.ns} instead of <{expected.name}/> of {expected.ns}"
    for name in {*expected.attrs, *actual.attrs} - {"xml:lang"}:
        wanted, value = expected.get(name), actual.get(name)
        if wanted is None or value is None or not _fits(wanted, value, variables):
            return f"attribute {name} of <{actual.name}/> is {value!r} instead of {wanted!r}"
    wanted_below, open_ended = _children(expected)
    below, _ = _children(actual)
    for want, have in zip(wanted_below, below, strict=False):
        if isinstance(want, str) or isinstance(have, str):
            if not isinstance(want, str) or not isinstance(have, str):
                return f"text and elements differ in <{actual.name}/>"
            if not _fits(want, have, variables):
                return f"the text of <{actual.name}/> is {have!r}"
        elif problem := mismatch(want, have, variables):
            return problem
    if len(below) < len(wanted_below) or (len(below) > len(wanted_below) and not open_ended):
        return f"<{actual.name}/> has {len(below)} children instead of {len(wanted_below)}"
    return ""


def _fits(wanted: str, value: str, variables: dict[str, str]) -> bool:
    if wanted == "*":
        return True
    match = _VARIABLE.fullmatch(wanted)
    if match:
        return variables.setdefault(match[1], value) == value
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), wanted) == value


def _children(element: Element) -> tuple[list[Element | str], bool]:
    """Give the children without empty text, and whether `...` follows."""
    children: list[Element | str] = []
    open_ended = False
    for child in element.children:
        if isinstance(child, str):
            text = child.strip()
            if text.endswith("..."):
                open_ended, text = True, text.removesuffix("...").strip()
            if text:
                children.append(text)
        else:
            children.append(child)
    return children, open_ended


def _action(text: str) -> tuple[_Act, tuple[str, ...]] | None:
    for pattern, action in ACTIONS:
        match = re.fullmatch(pattern, text)
        if match:
            return action, tuple(group or "" for group in match.groups())
    return None


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Give number, text and the indented block below of each line; # begins a comment."""
    current: tuple[int, str] | None = None
    block: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            block.append(line.strip())
            continue
        if current is not None:
            yield (*current, "\n".join(block))
        current, block = (number, line.strip()), []
    if current is not None:
        yield (*current, "\n".join(block))


def _split(xml: str) -> Iterator[str]:
    """Give the single stanzas of a block: each ends where it parses."""
    text = ""
    for line in xml.splitlines():
        text = f"{text}\n{line}" if text else line
        try:
            parse_pattern(text)
        except XmlStreamError:
            continue
        yield text
        text = ""
    if text:
        raise ValueError(f"this is no stanza: {text}")


def _text(element: Element) -> str:
    return serialise(element).decode()
