"""Where prepared documents wait for their frame: in memory, bounded in every direction."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailim.errors import NotFound
from mailim.wire.part import Part

EXPIRES: Final = 600.0  # seconds
MAX_TOKENS: Final = 2000
MAX_OCTETS: Final = 64 * 1024 * 1024  # of all documents together
MAX_OF_ACCOUNT: Final = 40  # documents of one account


@dataclass(frozen=True, slots=True)
class Frame:
    """A prepared document and what it may load."""

    account_id: int
    expires: float
    document: bytes
    policy: str
    sha256: bytes
    images: Mapping[str, Part]  # by path


class Shelf:
    """Frames by token. What is too much pushes out the oldest, an account's own ones first."""

    def __init__(
        self,
        clock: IReactorTime,
        *,
        octets: int = MAX_OCTETS,
        tokens: int = MAX_TOKENS,
        of_account: int = MAX_OF_ACCOUNT,
    ) -> None:
        self._clock = clock
        self._most_octets = octets
        self._most_tokens = tokens
        self._most_of_account = of_account
        self._frames: OrderedDict[str, Frame] = OrderedDict()
        self._of_account: dict[int, list[str]] = {}
        self.octets = 0

    def __len__(self) -> int:
        return len(self._frames)

    @staticmethod
    def new_token() -> str:
        """Make a token; whoever has it may read what is put under it."""
        return secrets.token_urlsafe(24)

    def put(self, token: str, frame: Frame) -> None:
        """Keep a frame."""
        own = self._of_account.get(frame.account_id, [])
        while len(own) >= self._most_of_account:
            self._take(own[0])
        now = self._clock.seconds()
        while self._frames:
            token_of_oldest, oldest = next(iter(self._frames.items()))
            full = (
                len(self._frames) >= self._most_tokens
                or self.octets + len(frame.document) > self._most_octets
            )
            if oldest.expires > now and not full:
                break
            self._take(token_of_oldest)
        self._frames[token] = frame
        self._of_account.setdefault(frame.account_id, []).append(token)
        self.octets += len(frame.document)

    def get(self, token: str) -> Frame:
        """Give a frame; raises `NotFound` if it is none, or no longer one."""
        frame = self._frames.get(token)
        if frame is None or frame.expires <= self._clock.seconds():
            raise NotFound("this view has expired; open the message again")
        return frame

    def _take(self, token: str) -> None:
        frame = self._frames.pop(token)
        self.octets -= len(frame.document)
        own = self._of_account[frame.account_id]
        own.remove(token)
        if not own:
            del self._of_account[frame.account_id]
