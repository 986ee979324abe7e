"""A DNS server on 127.0.0.1 that knows what a test tells it."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import client, dns, server
from twisted.names.error import DomainError
from twisted.trial.unittest import TestCase

Answer = tuple[list[dns.RRHeader], list[dns.RRHeader], list[dns.RRHeader]]


class FakeDns:
    """`records`: (name, type) → payloads; a name without any does not exist.

    Names in `broken` make the server fail, names in `silent` get no answer.
    """

    def __init__(self) -> None:
        self.records: dict[str, list[Any]] = {}
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.asked: list[tuple[str, int]] = []

    def mx(self, domain: str, *hosts: tuple[int, str]) -> None:
        """Let hosts take a domain's mail."""
        self.records[domain] = [dns.Record_MX(rank, name.encode()) for rank, name in hosts]

    def a(self, name: str, *addresses: str) -> None:
        """Give a name addresses."""
        self.records.setdefault(name, []).extend(
            dns.Record_AAAA(each) if ":" in each else dns.Record_A(each) for each in addresses
        )

    def query(self, query: dns.Query, timeout: Any = None) -> Deferred[Answer]:
        """Twisted calls this."""
        name = str(query.name).lower()
        self.asked.append((name, query.type))
        if name in self.silent:
            return Deferred()
        if name in self.broken:
            return fail(RuntimeError("broken"))
        if name not in self.records:
            return fail(DomainError(name))
        found = [one for one in self.records[name] if query.type == one.TYPE]
        return succeed(
            ([dns.RRHeader(name.encode(), one.TYPE, dns.IN, 60, one) for one in found], [], [])
        )

    def serve(self, case: TestCase) -> client.Resolver:
        """Listen until the end of the test; gives a resolver that asks this server."""
        factory = server.DNSServerFactory(clients=[self], verbose=0)
        protocol = dns.DNSDatagramProtocol(factory)
        factory.noisy = protocol.noisy = False
        port = reactor.listenUDP(0, protocol, "127.0.0.1")  # type: ignore[attr-defined]
        case.addCleanup(port.stopListening)
        return client.Resolver(servers=[("127.0.0.1", port.getHost().port)], reactor=reactor)
