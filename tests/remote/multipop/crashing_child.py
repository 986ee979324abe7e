"""Collects in processes that die; run by `test_crashes`.

    python -m tests.remote.multipop.crashing_child DIRECTORY PORT LEAVE

For each line "POINT NUMBER" on its standard input it forks a process that collects once
from the fake server on that port, prints "pid N", and when that has ended, "ended STATUS".
The process dies by SIGKILL the NUMBERth time it comes to POINT; "-" is no point. The line
"inventory" prints what is in the store, as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mailim.accounts.vault import Vault
from mailim.config_mail import Multipop as MultipopConfig
from mailim.events import Events
from mailim.interfaces.store import ITransaction
from mailim.mail.intake import Intake, MailWriter
from mailim.remote.multipop.collector import Multipop
from mailim.remote.multipop.connection import Pop3Connection
from mailim.remote.multipop.visit import Visit
from mailim.store.engine import Store
from tests.fakes.crashing import Fate, Point, ended, started

POINTS = (
    "received",  # all of a message came
    "prepared",  # it is looked at, its file synced
    "inside",  # in its transaction, before the commit
    "committed",  # durable, nobody was told
    "dele",  # a DELE is about to be sent
    "deled",  # a DELE was answered
    "told",  # noted that QUIT comes, QUIT not sent
    "quit",  # QUIT was answered
    "noted",  # that was written down
)
KEY = Vault.new_key()


def prepare(fate: Fate) -> None:
    """Put the points where they belong."""
    finish, spool = MailWriter.finish, Intake.spool
    send, reply, remember = Pop3Connection.send, Pop3Connection.reply, Visit._remember

    async def dying_finish(writer: Any, *args: Any) -> Any:
        fate.at("received")
        prepared = await finish(writer, *args)
        fate.at("prepared")
        return prepared

    def dying_spool(intake: Any, tx: ITransaction, *args: Any) -> Any:
        result = spool(intake, tx, *args)
        fate.at("inside")
        tx.after_commit(lambda: fate.at("committed"))
        return result

    def dying_send(connection: Any, *commands: Any) -> None:
        for command in commands:
            fate.at({"DELE": "dele", "QUIT": "told"}.get(command.verb, ""))
            send(connection, command)

    async def dying_reply(connection: Any) -> Any:
        result = await reply(connection)
        fate.at({"DELE": "deled", "QUIT": "quit"}.get(result.command.verb, ""))
        return result

    async def dying_remember(visit: Any, *args: Any) -> None:
        fate.at("noted")
        await remember(visit, *args)

    changes: list[tuple[Any, str, Callable[..., Any]]] = [
        (MailWriter, "finish", dying_finish),
        (Intake, "spool", dying_spool),
        (Pop3Connection, "send", dying_send),
        (Pop3Connection, "reply", dying_reply),
        (Visit, "_remember", dying_remember),
    ]
    for owner, name, new in changes:
        setattr(owner, name, new)


async def collect(reactor: Any, directory: Path, port: int, leave: bool) -> None:
    store = Store.open(reactor, directory, Events(), readers=1)
    config = MultipopConfig(allow_plaintext=True)
    intake = Intake(store, "mail.example.test", reactor)
    multipop = Multipop(reactor, store, Vault(KEY), intake, lambda: config)
    if await store.read(lambda tx: tx.accounts.get(1)) is None:
        await store.write(first_start)
    if not await multipop.list():
        values = {"host": "127.0.0.1", "port": port, "user": "kate", "password": "secret"}
        await multipop.add(1, {**values, "tls": "none", "leave": leave})
    await multipop.run()
    await multipop.stopService()
    await store.close()


def first_start(tx: ITransaction) -> None:
    tx.accounts.add_domain("example.test", 0)
    account = tx.accounts.add("alice@example.test", "Alice", False, 0)
    tx.folders.create(account.id, "Inbox", role="inbox")


async def inventory(reactor: Any, directory: Path) -> None:
    store = Store.open(reactor, directory, Events(), readers=1)

    def unit(tx: ITransaction) -> dict[str, Any]:
        box = tx.boxes.list()[0]
        return {
            "spooled": [entry.sha256.hex() for entry in tx.spool.list(1_000_000)],
            "error": box.last_error,
            "pending": box.pending_deletes,
            "states": sorted({one.state for one in tx.boxes.seen(box.id).values()}),
        }

    print(json.dumps(await store.read(unit)), flush=True)
    await store.close()


def main(directory: Path, port: int, leave: bool) -> None:
    for line in sys.stdin:
        if line.strip() == "inventory":
            ended(started(lambda reactor: inventory(reactor, directory)))
            continue
        point, number = line.split()
        fate = Fate(Point(point, int(number)))

        async def work(reactor: Any, fate: Fate = fate) -> None:
            prepare(fate)
            await collect(reactor, directory, port, leave)

        pid = started(work)
        print(f"pid {pid}", flush=True)
        _, status = os.waitpid(pid, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "leave")
