"""What `mailim.wire.pop3.Pop3Client.feed` reports, in the order in which the server said it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mailim.wire.pop3_commands import Command


@dataclass(frozen=True, slots=True)
class Greeting:
    """The server's first line."""

    ok: bool
    text: str
    apop_timestamp: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A command's +OK or -ERR; `code` is the response code without brackets."""

    command: Command
    ok: bool
    text: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a listing, without its line end."""

    command: Command
    data: bytes


@dataclass(frozen=True, slots=True)
class ListEnd:
    """The listing is complete; `count` lines came."""

    command: Command
    count: int


@dataclass(frozen=True, slots=True)
class BodyStart:
    """A message follows."""

    command: Command


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the message, unstuffed; never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnd:
    """The message is complete; `size` octets came in its chunks."""

    command: Command
    size: int


@dataclass(frozen=True, slots=True)
class Continuation:
    """A SASL challenge: decoded, or empty where `text` is not base64."""

    command: Command
    challenge: bytes
    text: str


Event: TypeAlias = Greeting | Reply | Line | ListEnd | BodyStart | Chunk | BodyEnd | Continuation
