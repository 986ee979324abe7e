"""JMAP on a real store, called through its routes; no sockets."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from twisted.web.http_headers import Headers

from mailim.accounts.web_sessions import WebSessions
from mailim.interfaces.accounts import Account
from mailim.interfaces.items import Item
from mailim.interfaces.store import ITransaction
from mailim.mail.allowances import Allowances
from mailim.mail.envelopes import Envelopes
from mailim.mail.intake import Intake
from mailim.mail.outgoing import Outgoing
from mailim.protocols.http.body import Body
from mailim.protocols.http.identity import Identity
from mailim.protocols.http.problems import Problem, problem_of
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response
from mailim.protocols.http.router import Match, Router
from mailim.protocols.http.targets import parse_target
from mailim.protocols.jmap.limits import JmapLimits
from mailim.protocols.jmap.methods import CORE, MAIL, SUBMISSION
from mailim.protocols.jmap.service import Jmap
from mailim.protocols.jmap.submission_methods import SubmissionMethods
from mailim.wire.jmap_ids import ACCOUNT, EMAIL, MAILBOX, write_id
from mailim.wire.message import describe
from tests.accounts.sites import PASSWORD, Site

USING = [CORE, MAIL, SUBMISSION]
ALICE = "alice@example.test"
BOB = "bob@example.test"
START = 1_700_000_000_000_000  # received time of the first mail, 2023-11-14T22:13:20Z


def here(work: Any) -> Deferred[Any]:
    return maybeDeferred(work)


def mail(
    subject: str = "hello",
    text: str = "some words",
    sender: str = "Carol <carol@example.org>",
    extra: str = "",
) -> bytes:
    head = f"From: {sender}\r\nTo: alice@example.test\r\nSubject: {subject}\r\n{extra}"
    return f"{head}\r\n{text}\r\n".encode()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Kit:
    """alice (the caller) and bob; `call` is one method call of alice's."""

    def __init__(self, case: TestCase, limits: JmapLimits | None = None) -> None:
        self.case = case
        self.site = Site(case)
        self.store = self.site.store
        self.clock = Clock()
        self.clock.advance(START / 1_000_000)
        sessions = WebSessions(self.site.clock, self.store, self.site.directory)
        self.identity = Identity(sessions, self.site.passwords)
        self.intake = Intake(self.store, "mail.example.test", self.clock)
        self.undo_seconds = 10
        self.jmap = Jmap(
            self.clock,
            self.store,
            self.site.events,
            self.identity,
            here,
            limits,
            SubmissionMethods(self.outgoing(), self.intake.now, lambda: self.undo_seconds),
        )
        self.router = Router(self.jmap.routes())
        self.alice: Account
        self.account_id = ""
        self.boxes: dict[str, str] = {}
        self._received = START

    def outgoing(self) -> Outgoing:
        envelopes = Envelopes(self.site.directory, "example.test", can_relay=False)
        allowances = Allowances(self.clock, 20)
        return Outgoing(self.store, self.intake, envelopes, allowances, max_recipients=5)

    @classmethod
    async def start(cls, case: TestCase, limits: JmapLimits | None = None) -> Kit:
        kit = cls(case, limits)
        await kit.site.people()
        await kit.site.accounts.add(BOB, PASSWORD, "Bob")
        found = await kit.site.directory.find(ALICE)
        assert found is not None
        kit.alice = found
        kit.account_id = write_id(ACCOUNT, found.id)
        folders = await kit.store.read(lambda tx: tx.folders.list(found.id))
        kit.boxes = {each.role or each.name: write_id(MAILBOX, each.id) for each in folders}
        return kit

    # Requests

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        who: str | None = ALICE,
    ) -> Response:
        """Run a route; raises as it does."""
        fields = dict(headers or {})
        if who is not None:
            pair = base64.b64encode(f"{who}:{PASSWORD}".encode()).decode()
            fields["Authorization"] = f"Basic {pair}"
        stream = Body(lambda: None, lambda: None)
        stream.feed(body)
        stream.end()
        target = parse_target(path.encode())
        request = Request(
            method,
            target,
            Headers({name: [value] for name, value in fields.items()}),
            stream,
            "192.0.2.1",
            "mail.example.test",
            threads=here,
        )
        match = self.router.find(method, target.segments)
        assert isinstance(match, Match)
        return await match.route.act(request, **match.arguments)

    async def answer(self, method: str, path: str, *args: Any, **named: Any) -> Answer:
        """Run a route and read its body; problems become answers."""
        try:
            response = await self.ask(method, path, *args, **named)
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            return Answer(problem.status, dict(problem.headers), problem.as_json())
        headers = dict(response.headers) | {"Content-Type": response.content_type}
        return Answer(response.status, headers, await read(response))

    async def post(self, value: Any, who: str = ALICE) -> Answer:
        octets = value if isinstance(value, bytes) else json.dumps(value).encode()
        return await self.answer(
            "POST", "/jmap/api", octets, {"Content-Type": "application/json"}, who=who
        )

    async def request(self, *calls: list[Any], who: str = ALICE) -> list[Any]:
        """Make calls `[name, arguments]`; gives the responses `[name, arguments, id]`."""
        numbered = [[*call, f"c{place}"] for place, call in enumerate(calls)]
        answer = await self.post({"using": USING, "methodCalls": numbered}, who)
        self.case.assertEqual(answer.status, 200, answer.body[:500])
        responses: list[Any] = answer.json["methodResponses"]
        return responses

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Make one call of alice's; gives its arguments, which must be no error."""
        ((answered, value, _),) = await self.request(
            [name, {"accountId": self.account_id, **arguments}]
        )
        self.case.assertEqual(answered, name, value)
        result: dict[str, Any] = value
        return result

    async def error(self, name: str, **arguments: Any) -> str:
        """Make one call that must fail; gives the type of its error."""
        ((answered, value, _),) = await self.request(
            [name, {"accountId": self.account_id, **arguments}]
        )
        self.case.assertEqual(answered, "error", value)
        result: str = value["type"]
        return result

    # Mail

    async def add(
        self,
        data: bytes | None = None,
        box: str = "inbox",
        keywords: tuple[str, ...] = (),
        prefix: bytes = b"",
        received: int | None = None,
    ) -> str:
        """Put a mail into a folder of alice's; gives its Email id."""
        octets = mail() if data is None else data
        self._received += 60_000_000
        when = self._received if received is None else received
        body = await self.store.bodies.prepare(octets)
        folder = int(self.boxes.get(box, box)[1:])

        def unit(tx: ITransaction) -> Item:
            body_id = tx.bodies.add(body)
            facts = describe(octets)
            return tx.items.add(folder, body_id, prefix, facts, frozenset(keywords), when)

        return write_id(EMAIL, (await self.store.write(unit)).id)

    async def email(self, id: str, *properties: str, **arguments: Any) -> dict[str, Any]:
        found = await self.call(
            "Email/get", ids=[id], properties=list(properties) or None, **arguments
        )
        self.case.assertEqual(found["notFound"], [])
        result: dict[str, Any] = found["list"][0]
        return result

    async def ids(self, filter: Any = None, **arguments: Any) -> list[str]:
        found = await self.call("Email/query", filter=filter, **arguments)
        result: list[str] = found["ids"]
        return result


async def read(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    return await gather(response.body)


async def gather(pieces: AsyncIterable[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


__all__ = ["ALICE", "BOB", "PASSWORD", "START", "Answer", "Kit", "Problem", "gather", "mail"]
