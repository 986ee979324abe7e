"""What `twistd mailim` loads: its options, and the server's service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from mailim.composition.server import Server
from mailim.config import load
from mailim.errors import MailimError


class Options(usage.Options):
    """`twistd mailim [--config FILE]`."""

    optParameters = [["config", "c", "etc/mailim.toml", "The site's configuration."]]


def makeService(options: Mapping[str, Any]) -> IService:
    """Twisted calls this: give the server's service."""
    from twisted.internet import reactor

    try:
        return Server(reactor, load(Path(options["config"])), lambda: reactor.stop())
    except MailimError as error:
        raise SystemExit(f"mailim: {error.text}") from None
