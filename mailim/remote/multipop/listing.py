"""What a box holds, and what is to be done with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from mailim.interfaces.boxes import SeenMessage
from mailim.remote.multipop.connection import Pop3Connection
from mailim.remote.multipop.words import VisitFailed
from mailim.wire.pop3 import Command, parse_list_line, parse_uidl_line

# Begins the name of a message that has no UIDL: the hash of its content follows.
CONTENT_NAME = "#sha256:"


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as the server lists it; `uidl` is "" where it gave none that can be used."""

    number: int
    uidl: str
    size: int  # as the server says, which may be untrue


@dataclass(frozen=True, slots=True)
class Plan:
    """What a visit will do."""

    collect: tuple[Listed, ...]
    delete: tuple[Listed, ...]  # stored earlier, to be deleted still
    too_large: int
    quarantined: int
    gone: tuple[str, ...]  # UIDLs the server no longer lists


async def listed(connection: Pop3Connection) -> list[Listed]:
    """Ask for sizes and UIDLs (RFC 1939 5 and 7).

    Servers without UIDL, with empty ones or the same one twice are borne: such a message
    gets no UIDL and is known by its content only.
    """
    reply, lines = await connection.listing(Command.list())
    if not reply.ok:
        raise VisitFailed(f"the server does not list its messages: {reply.text}")
    sizes = dict(parse_list_line(line) for line in lines)
    reply, lines = await connection.listing(Command.uidl())
    uidls = dict(parse_uidl_line(line) for line in lines) if reply.ok else {}
    often = Counter(uidls.values())
    return [
        Listed(number, uidl if often[uidl := uidls.get(number, "")] == 1 else "", size)
        for number, size in sorted(sizes.items())
    ]


def plan(
    messages: list[Listed],
    seen: Mapping[str, SeenMessage],
    *,
    leave: bool,
    max_octets: int,
    max_failures: int,
) -> Plan:
    """Decide what to collect and what to delete."""
    collect, delete = [], []
    too_large = quarantined = 0
    for message in messages:
        known = seen.get(message.uidl) if message.uidl else None
        if known is not None and known.state in ("stored", "deleting"):
            if not leave or known.state == "deleting":
                delete.append(message)
        elif known is not None and known.failures >= max_failures:
            quarantined += 1
        elif message.size > max_octets:
            too_large += 1
        else:
            collect.append(message)
    here = {message.uidl for message in messages}
    gone = tuple(uidl for uidl in seen if uidl not in here and not uidl.startswith(CONTENT_NAME))
    return Plan(tuple(collect), tuple(delete), too_large, quarantined, gone)
