"""A large upload through the streaming path: memory, stalls of the reactor, speed.

    python bench/http_upload.py [--megabytes 200] [--chunked] [--slow-disk | --store]

The server runs in a process of its own and hands each piece to a thread that hashes and
writes it; with --store it is the whole way of a JMAP upload into a real store. Prints one
line of JSON; exit status 1 if memory grew by 20 MB or the reactor stood still for 50 ms.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import resource
import socket
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

MEGABYTE = 1 << 20


def resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / MEGABYTE


def upload_act(reactor: Any, directory: str) -> Any:
    """The act of a JMAP upload, for an account that needs no password."""
    from mailim.events import Events
    from mailim.protocols.jmap.limits import JmapLimits
    from mailim.protocols.jmap.upload import Upload
    from mailim.store.engine import Store

    store = Store.open(reactor, Path(directory), Events())
    reactor.addSystemEventTrigger("before", "shutdown", store.close)

    def unit(tx: Any) -> Any:
        tx.accounts.add_domain("example.test", 0)
        return tx.accounts.add("alice@example.test", "Alice", False, 0)

    class Anybody:
        async def account(self, request: object, protocol: str) -> Any:
            return await store.write(lambda tx: tx.accounts.get(1) or unit(tx))

    limits = JmapLimits(size_upload=1 << 40, uploads_octets=1 << 40)
    identity: Any = Anybody()
    return Upload(reactor, store, identity, limits).post


class Watch:
    """How far memory grew and how long the reactor stood still, since `begin`."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._stall, self._last = 0.0, time.monotonic()
        self._first = self._most = resident()

    def tick(self) -> None:
        """Look; called every 10 ms."""
        now = time.monotonic()
        self._stall = max(self._stall, now - self._last - 0.01)
        self._last = now
        self._most = max(self._most, resident())

    def result(self, octets: int, sha256: str) -> dict[str, Any]:
        return {
            "octets": octets,
            "sha256": sha256,
            "grown_mb": round(self._most - self._first, 1),
            "stall_ms": round(self._stall * 1000, 1),
        }


class Disk:
    """Where the pieces of an upload go; `slow`: 50 MB a second."""

    def __init__(self, slow: bool) -> None:
        self._slow = slow
        self._file = tempfile.TemporaryFile()
        self.digest = hashlib.sha256()

    def take(self, piece: bytes) -> None:
        """Blocks: for a thread."""
        self.digest.update(piece)
        self._file.write(piece)
        if self._slow:
            time.sleep(len(piece) / (50 * MEGABYTE))


def serve(pipe: Connection, slow: bool, directory: str) -> None:
    from twisted.internet import reactor as installed
    from twisted.internet.task import LoopingCall
    from twisted.internet.threads import deferToThread

    from mailim.protocols.http.request import Request
    from mailim.protocols.http.response import Response, json_response
    from mailim.protocols.http.router import Route, Router
    from mailim.protocols.http.site import Site

    reactor: Any = installed
    watch, disk = Watch(), Disk(slow)
    take_upload: Any = upload_act(reactor, directory) if directory else None

    async def upload(request: Request) -> Response:
        watch.begin()
        if take_upload is not None:
            value = json.loads((await take_upload(request, account="a1")).body)
            result = watch.result(value["size"], value["blobId"])
        else:
            async for piece in request.body:
                await deferToThread(disk.take, piece)
            result = watch.result(request.body.received, disk.digest.hexdigest())
        reactor.callLater(0.1, reactor.stop)
        return json_response(result)

    router = Router([Route("POST", "/up", upload, max_body=1 << 40, streams=True)])
    port = reactor.listenTCP(0, Site(reactor, router), interface="127.0.0.1")
    LoopingCall(watch.tick).start(0.01)
    reactor.callWhenRunning(lambda: pipe.send(port.getHost().port))
    reactor.run()


def send(port: int, megabytes: int, chunked: bool) -> tuple[dict[str, Any], str, float]:
    block = bytes(range(256)) * (MEGABYTE // 256)
    digest = hashlib.sha256()
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as client:
        kind = "Transfer-Encoding: chunked"
        if not chunked:
            kind = f"Content-Length: {megabytes * MEGABYTE}"
        client.sendall(
            f"POST /up HTTP/1.1\r\nHost: x\r\n{kind}\r\nConnection: close\r\n\r\n".encode()
        )
        for _ in range(megabytes):
            digest.update(block)
            client.sendall(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
        if chunked:
            client.sendall(b"0\r\n\r\n")
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    seconds = time.monotonic() - began
    return json.loads(answer.partition(b"\r\n\r\n")[2]), digest.hexdigest(), seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--chunked", action="store_true")
    parser.add_argument("--slow-disk", action="store_true", help="50 MB/s instead of all it can")
    parser.add_argument("--store", action="store_true", help="into a real store")
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    directory = tempfile.TemporaryDirectory()
    where = directory.name if options.store else ""
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, options.slow_disk, where)
    )
    server.start()
    try:
        result, sha256, seconds = send(ours.recv(), options.megabytes, options.chunked)
    finally:
        server.join(10)
        if server.is_alive():
            server.terminate()
        directory.cleanup()
    assert result.pop("sha256") == sha256, "the upload was damaged"
    result |= {"seconds": round(seconds, 2), "mb_per_s": round(options.megabytes / seconds)}
    print(json.dumps(result))
    return int(result["grown_mb"] >= 20 or result["stall_ms"] >= 50)


if __name__ == "__main__":
    sys.exit(main())
