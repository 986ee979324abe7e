"""Speaks to a running server: JSON over HTTP on `var/admin.sock`. Blocking, stdlib only."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailim.errors import MailimError, Unavailable


class NoServer(Unavailable):
    """Nobody listens on the socket."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def call(path: Path, name: str, arguments: Mapping[str, Any], timeout: float = 3700.0) -> Any:
    """Run an operation on the server behind `path` and give its result.

    `timeout` is in seconds. Raises `NoServer` if nobody listens, `MailimError` with the
    server's text if it refuses.
    """
    connection = _UnixConnection(path, timeout)
    try:
        try:
            connection.connect()
        except (FileNotFoundError, ConnectionRefusedError):
            raise NoServer("no server is running") from None
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror or error}") from None
        try:
            connection.request(
                "POST",
                f"/admin/api/{name}",
                json.dumps(arguments).encode(),
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"the server did not answer: {error}") from None
    finally:
        connection.close()
    try:
        answer = json.loads(data) if data else None
    except ValueError:
        raise Unavailable("the server's answer is not JSON") from None
    if response.status >= 400:
        detail = answer.get("detail") if isinstance(answer, dict) else None
        raise MailimError(str(detail or f"refused with status {response.status}"))
    return answer
