"""Files of the built browser application, straight from memory.

The build writes `manifest.json` beside them: what it lists under `files` is served, and
nothing else, each with its type; `encodings` says which of `<name>.br` and `<name>.gz` lie
beside it. Names carry a hash of the content, so browsers keep them for ever. A name that is
not known makes the manifest be read again (at most once a second), for a build made while
the server runs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailim.errors import NotFound
from mailim.protocols.http.encodings import choose
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response
from mailim.protocols.http.router import Route

MAX_OCTETS: Final = 64 * 1024 * 1024  # of all files together
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_SUFFIXES: Final = {"br": ".br", "gz": ".gz"}
_CODINGS: Final = {"br": "br", "gz": "gzip"}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file: its type and its octets by coding ("" as it is, "br", "gzip")."""

    content_type: str
    etag: str
    octets: Mapping[str, bytes]


class StaticFiles:
    """Serves a directory with a manifest under `/static/`."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, directory: Path) -> None:
        self._clock = clock
        self._directory = directory
        self._files: dict[str, StaticFile] = {}
        self._read_at = clock.seconds()
        self._stamp: tuple[int, int] | None = None
        self.manifest: dict[str, Any] = {}  # as the build wrote it; {} without a build
        self._read()

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [Route("GET", "/static/{name}", self.get)]

    async def get(self, request: Request, name: str) -> Response:
        """Serve one file."""
        found = self._files.get(name)
        if found is None:
            self.refresh()
            found = self._files.get(name)
            if found is None:
                raise NotFound("there is no such file")
        coding = choose(request.header("Accept-Encoding"), [each for each in found.octets if each])
        # A coded variant is another representation with its own tag (RFC 9110 8.8.3.3).
        etag = f'"{found.etag}{"-" + coding if coding else ""}"'
        headers = [("ETag", etag), ("Cache-Control", _IMMUTABLE), ("Vary", "Accept-Encoding")]
        wanted = request.header("If-None-Match")
        if wanted is not None and etag in (each.strip() for each in wanted.split(",")):
            return Response(304, headers=headers)
        if coding:
            headers.append(("Content-Encoding", coding))
        return Response(200, found.octets[coding], found.content_type, headers)

    def refresh(self) -> None:
        """Read the manifest again, if it changed and was not looked at just now."""
        now = self._clock.seconds()
        if now - self._read_at >= _AGAIN_SECONDS:
            self._read_at = now
            self._read()

    def _read(self) -> None:
        path = self._directory / "manifest.json"
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp == self._stamp:
                return
            manifest = json.loads(path.read_bytes())
            files = self._load(manifest["files"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._log.error(
                "{directory} cannot be served: {error}", directory=self._directory, error=error
            )
            return
        self._stamp, self.manifest, self._files = stamp, manifest, files

    def _load(self, listed: Mapping[str, Any]) -> dict[str, StaticFile]:
        files: dict[str, StaticFile] = {}
        room = MAX_OCTETS
        for name, info in listed.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a file")
            plain = (self._directory / name).read_bytes()
            octets = {
                _CODINGS[suffix]: (self._directory / f"{name}{_SUFFIXES[suffix]}").read_bytes()
                for suffix in _SUFFIXES
                if suffix in info["encodings"]
            }
            room -= len(plain) + sum(map(len, octets.values()))
            if room < 0:
                raise ValueError(f"the files are larger than {MAX_OCTETS} octets")
            etag = hashlib.sha256(plain).hexdigest()[:32]
            files[name] = StaticFile(str(info["type"]), etag, {"": plain, **octets})
        return files
