"""Memory of idle connections: signed in, available, silent, with STARTTLS.

    python -m bench.idle_connections [--connections 1000] [--servers mailim,prosody]

Prints a line of JSON for each server: KiB of resident memory a connection, and logins a
second (SASL PLAIN, some at once). Accounts have no contacts, and five connections each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from bench.xmpp_client import Client, sign_in_all
from bench.xmpp_servers import DOMAIN, PASSWORD, Mailim, Prosody, make, resident

EACH = 5  # connections of one account


async def measure(server: Mailim | Prosody, connections: int) -> dict[str, object]:
    """Connect, wait until it is quiet, look."""
    warm = [Client(server.port, DOMAIN, "u0", PASSWORD, f"warm{n}") for n in range(4)]
    await sign_in_all(warm)  # what is loaded once is no part of a connection
    await asyncio.sleep(1)
    before, began = resident(server.pid), time.perf_counter()
    clients = [
        Client(server.port, DOMAIN, f"u{n // EACH + 1}", PASSWORD, f"r{n % EACH}")
        for n in range(connections)
    ]
    await sign_in_all(clients)
    took = time.perf_counter() - began
    for client in clients:
        client.buffer = b""
    await asyncio.sleep(3)
    after = resident(server.pid)
    return {
        "server": server.name,
        "connections": connections,
        "KiB a connection": round((after - before) / 1024 / connections, 1),
        "logins a second": round(connections / took),
        "MiB before": round(before / 2**20, 1),
    }


def main() -> None:
    """Measure each server in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--servers", default="mailim,prosody")
    given = parser.parse_args()
    names = [f"u{n}" for n in range(given.connections // EACH + 2)]
    for which in given.servers.split(","):
        server = make(which, names)
        try:
            print(json.dumps(asyncio.run(measure(server, given.connections))))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
