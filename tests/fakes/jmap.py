"""A small JMAP client, over the web server of a running site."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from tests.fakes.site import RunningSite

CAPABILITIES = [
    "urn:ietf:params:jmap:core",
    "urn:ietf:params:jmap:mail",
    "urn:ietf:params:jmap:submission",
    "urn:ietf:params:jmap:vacationresponse",
    "urn:mailim:params:jmap:vacation",
]


class Jmap:
    """A small JMAP client: plain HTTP with Basic authentication."""

    def __init__(self, site: RunningSite, address: str, password: str) -> None:
        self._site = site
        word = base64.b64encode(f"{address}:{password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {word}"}
        status, body = site.get("/.well-known/jmap", self.headers)
        assert status == 200, (status, body)
        self.session = json.loads(body)
        self.account = self.session["primaryAccounts"][CAPABILITIES[1]]

    def path(self, url: str) -> str:
        """Give the path of one of the session's URLs, all of which are this site's."""
        assert url.startswith(self._site.url), url
        return url.removeprefix(self._site.url)

    def call(self, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """Make method calls; gives the results' arguments."""
        answers = self.responses(*calls)
        for (name, _), answer in zip(calls, answers, strict=True):
            assert answer[0] == name, answer
        return [answer[1] for answer in answers]

    def responses(self, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """Make method calls; gives the responses as they are: more may come than were asked."""
        request = {
            "using": CAPABILITIES,
            "methodCalls": [
                [name, {"accountId": self.account, **given}, str(place)]
                for place, (name, given) in enumerate(calls)
            ],
        }
        status, body = self._site.request(
            "POST",
            self.path(self.session["apiUrl"]),
            json.dumps(request).encode(),
            {**self.headers, "Content-Type": "application/json"},
        )
        assert status == 200, (status, body)
        answers: list[Any] = json.loads(body)["methodResponses"]
        return answers

    def emails(self, *properties: str) -> list[dict[str, Any]]:
        """Give all emails with these properties, the oldest first, by one request."""
        wanted = list(properties) or ["id", "subject", "blobId", "size"]
        back = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
        _, found = self.call(
            ("Email/query", {"sort": [{"property": "receivedAt", "isAscending": True}]}),
            ("Email/get", {"#ids": back, "properties": wanted}),
        )
        listed: list[dict[str, Any]] = found["list"]
        return listed

    def download(self, blob: str, name: str = "mail.eml") -> bytes:
        """Fetch a blob."""
        url = self.session["downloadUrl"]
        for word, value in (
            ("accountId", self.account), ("blobId", blob), ("name", name),
            ("type", "application/octet-stream"),
        ):  # fmt: skip
            url = url.replace("{" + word + "}", quote(value, safe=""))
        status, body = self._site.get(self.path(url), self.headers)
        assert status == 200, (status, body)
        return body

    def upload(self, data: bytes | Iterable[bytes], octets: int, kind: str = "") -> str:
        """Upload a file, perhaps in pieces; gives its blob id."""
        status, body = self._site.request(
            "POST",
            self.path(self.session["uploadUrl"].replace("{accountId}", self.account)),
            data,
            {
                **self.headers,
                "Content-Type": kind or "application/octet-stream",
                "Content-Length": str(octets),
            },
        )
        assert status == 201, (status, body)
        blob: str = json.loads(body)["blobId"]
        return blob
