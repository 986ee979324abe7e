"""A small browser without a screen: cookies, Fetch Metadata, JSON and forms, over real TLS."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from twisted.internet.threads import deferToThread

from mailim.composition.server import Server


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class WebClient:
    """Speaks to a server that runs inside the test's process, from a thread."""

    def __init__(self, server: Server) -> None:
        port = server.listeners.port("https")
        assert port is not None
        self.port = port
        self.cookie = ""
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        same_origin: bool = True,
    ) -> Answer:
        """Send a request as a page of this server would (or, not same_origin, a foreign one)."""
        fields = {"Sec-Fetch-Site": "same-origin" if same_origin else "cross-site"}
        data = None
        if form is not None:
            data = urlencode(form).encode()
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            data = json.dumps(body).encode()
            fields["Content-Type"] = "application/json"
        if self.cookie:
            fields["Cookie"] = self.cookie
        answer: Answer = await deferToThread(
            self._send, method, path, data, {**fields, **(headers or {})}
        )
        cookie = answer.headers.get("set-cookie", "")
        if cookie.startswith("__Host-sid="):
            self.cookie = cookie.partition(";")[0]
        return answer

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=self._context, timeout=20
        )
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    async def sign_in(self, address: str, password: str) -> Answer:
        """Use the sign-in form."""
        return await self.request("POST", "/login", form={"address": address, "password": password})
