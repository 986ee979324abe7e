"""Operations on the record: search, verify, checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorTime

from mailim.admin.operations import Act
from mailim.errors import Invalid, LimitExceeded, Unavailable
from mailim.interfaces.record import RecordQuery
from mailim.interfaces.store import IStore
from mailim.record.checkpoints import Checkpoints
from mailim.record.entries import Seal
from mailim.record.export import export
from mailim.record.query import search
from mailim.record.verify import verify
from mailim.times import micros

_PAGE = 100
_EXPORT = 10_000  # leaves in one answer
_MAX_NOTES = 64 * 1024 * 1024


class RecordActs:
    """Binds `record`; `threads` runs what blocks, `export_octets` bounds one answer."""

    def __init__(
        self,
        clock: IReactorTime,
        store: IStore,
        checkpoints: Checkpoints,
        threads: Callable[[Callable[[], Any]], Any],
        export_octets: int = 64 * 1024 * 1024,
    ) -> None:
        self._clock = clock
        self._store = store
        self._checkpoints = checkpoints
        self._threads = threads
        self._export_octets = export_octets

    def acts(self) -> Mapping[str, Act]:
        """Give the acts by the names of their operations."""
        return {
            "record.search": self.search,
            "record.export": self.export,
            "record.verify": self.verify,
            "record.checkpoint": self.checkpoint,
        }

    async def search(self, values: dict[str, Any], _actor: str) -> Any:
        """Search, newest first."""
        found = await search(self._store, query_of(values))
        return [{**one, "id": str(one["id"])} for one in found]

    async def export(self, values: dict[str, Any], _actor: str) -> Any:
        """Give a search with its proofs, as JSON lines."""
        checkpoint = await self._checkpoints.checkpoint()
        out = _Bounded(self._export_octets)
        query = replace(query_of(values), limit=values.get("limit", _EXPORT))
        if query.limit > _EXPORT:
            raise Invalid(f"at most {_EXPORT} at a time; narrow it by time", "limit")
        now = int(self._clock.seconds() * 1_000_000)
        verifier = self._checkpoints.signer.verifier
        count = await export(self._store, query, checkpoint, verifier, out, now)
        return {"leaves": count, "raw": out.getvalue().decode()}

    async def verify(self, values: dict[str, Any], _actor: str) -> Any:
        """Verify all of it, against an earlier checkpoint too if one is given."""
        external = values.get("checkpoint", "")
        noted = await self._threads(lambda: _text(self._checkpoints.path))
        signer = self._checkpoints.signer
        report = await verify(self._store, signer.verifier, Seal.of(signer), noted, external)
        problems = [one.text for one in report.problems]
        if report.problem_count > len(problems):
            problems.append(f"and {report.problem_count - len(problems)} more")
        head = (
            f"sound: {report.size} leaves, {report.covered} of them signed"
            if report.sound
            else f"NOT SOUND: {report.problem_count} problems in {report.size} leaves"
        )
        return {
            "sound": report.sound,
            "size": report.size,
            "root": report.root.hex(),
            "erased": report.erased,
            "checkpoints": report.checkpoints,
            "covered": report.covered,
            "problems": problems,
            "text": "\n".join([head, *problems]),
        }

    async def checkpoint(self, _values: dict[str, Any], _actor: str) -> Any:
        """Sign the record as it is and give the note."""
        made = await self._checkpoints.checkpoint()
        return {"size": made.size, "root": made.root.hex(), "note": made.note, "text": made.note}


class _Bounded(BytesIO):
    """Memory for an export; raises `LimitExceeded` before it becomes too much."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self._limit:
            raise LimitExceeded(
                f"this would be more than {self._limit} octets; narrow it by time or limit"
            )
        return super().write(data)


def query_of(values: Mapping[str, Any]) -> RecordQuery:
    """Give the query of an operation's arguments; raises `Invalid`."""
    return RecordQuery(
        sender=values.get("from"),
        recipient=values.get("to"),
        since=micros(values["since"], "since") if "since" in values else None,
        until=micros(values["until"], "until") if "until" in values else None,
        text=values.get("text"),
        kinds=(values["kind"],) if "kind" in values else (),
        before=values.get("before"),
        limit=values.get("limit", _PAGE),
    )


def _text(path: Path) -> str:
    """Read our own notes; without the file there are none yet."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_NOTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from None
    if len(data) > _MAX_NOTES:
        raise Invalid(f"{path} is too large", "checkpoint")
    return data.decode("utf-8", "replace")
