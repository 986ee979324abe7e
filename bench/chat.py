"""Messages through whole servers over STARTTLS: how long one takes, how many get through.

    python -m bench.chat [--rounds 3] [--pairs 10] [--servers mailim,prosody,prosody-archive]

Ping-pong: each pair sends a message back and forth; the time is that of one way (half of a
round trip). Flood: each of ten senders sends as fast as it can; the rate counts messages
that arrived. Bodies have 60 octets. The servers take turns, and the load runs beside them,
so on a busy machine only the ratios mean something. mailim records each message durably, in
both archives, before it delivers it; Prosody's archive is written without fsync.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time

from bench.xmpp_client import Client, sign_in_all
from bench.xmpp_servers import DOMAIN, PASSWORD, Mailim, Prosody, cpu_seconds, make

BODY = "x" * 60
PINGS = 60  # round trips of one pair
FLOOD = 600  # messages of one sender
SENDERS = 10


def message(to: str) -> str:
    """Give a chat message."""
    return f"<message to='{to}' type='chat'><body>{BODY}</body></message>"


async def pairs_of(server: Mailim | Prosody, number: int) -> list[tuple[Client, Client]]:
    """Sign in two clients for each pair."""
    made = [
        tuple(Client(server.port, DOMAIN, f"{side}{n}", PASSWORD, "b") for side in "ab")
        for n in range(number)
    ]
    await sign_in_all([client for pair in made for client in pair])
    for client in [client for pair in made for client in pair]:
        await client.drain(0.05)
    return [(a, b) for a, b in made]


async def ping_pong(pairs: list[tuple[Client, Client]]) -> list[float]:
    """Give the times of one way in milliseconds."""
    times: list[float] = []

    async def play(a: Client, b: Client) -> None:
        for _ in range(PINGS):
            began = time.perf_counter()
            a.send(message(b.jid))
            await b.until(b"</message>")
            b.send(message(a.jid))
            await a.until(b"</message>")
            times.append((time.perf_counter() - began) * 500)

    await asyncio.gather(*(play(a, b) for a, b in pairs))
    return times


async def flood(pairs: list[tuple[Client, Client]], pid: int) -> tuple[float, float]:
    """Give messages a second and the server's processor microseconds a message."""
    began, used = time.perf_counter(), cpu_seconds(pid)

    async def send(a: Client, b: Client) -> None:
        for number in range(FLOOD):
            a.send(message(b.jid))
            if number % 20 == 19:
                await a.writer.drain()

    work = [send(a, b) for a, b in pairs]
    work += [b.count(b"</message>", FLOOD) for _, b in pairs]
    await asyncio.gather(*work)
    sent = FLOOD * len(pairs)
    seconds = time.perf_counter() - began
    return sent / seconds, (cpu_seconds(pid) - used) * 1e6 / sent


async def measure(server: Mailim | Prosody, number: int) -> dict[str, float]:
    """Measure both once."""
    pairs = await pairs_of(server, max(number, SENDERS))
    await ping_pong(pairs[:2])
    times = sorted(await ping_pong(pairs[:number]))
    rate, cpu = await flood(pairs[:SENDERS], server.pid)
    for client in [client for pair in pairs for client in pair]:
        client.writer.transport.abort()
    return {
        "p50 ms": statistics.median(times),
        "p99 ms": times[len(times) * 99 // 100],
        "msg/s": rate,
        "CPU µs": cpu,
    }


def main() -> None:
    """Let the servers take turns; print the median of each figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--servers", default="mailim,prosody,prosody-archive")
    given = parser.parse_args()
    names = [f"{side}{n}" for side in "ab" for n in range(max(given.pairs, SENDERS))]
    servers = []
    results: dict[str, list[dict[str, float]]] = {}
    try:
        for which in given.servers.split(","):
            servers.append(make(which, names))
        for _ in range(given.rounds):
            for server in servers:
                measured = asyncio.run(measure(server, given.pairs))
                results.setdefault(server.name, []).append(measured)
    finally:
        for server in servers:
            server.stop()
    for name, rounds in results.items():
        middle = {key: round(statistics.median(one[key] for one in rounds), 2) for key in rounds[0]}
        print(json.dumps({"server": name, **middle, "rounds": len(rounds)}, ensure_ascii=False))


if __name__ == "__main__":
    main()
