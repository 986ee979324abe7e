"""What `twistd mailim` loads: its options, and the server's service."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from mailim.composition.process import Process
from mailim.config import load
from mailim.errors import MailimError


class Options(usage.Options):
    """`twistd mailim [--config FILE]`."""

    optParameters = [["config", "c", "etc/mailim.toml", "The site's configuration."]]


def makeService(options: Mapping[str, Any]) -> IService:
    """Twisted calls this: give the server's service."""
    from twisted.internet import reactor

    try:
        return Process(reactor, load(Path(options["config"])), _fail)
    except MailimError as error:
        raise SystemExit(f"mailim: {error.text}") from None


def _fail() -> None:
    """End with status 1 when everything else is over: twistd itself knows no other than 0."""

    def end() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)

    atexit.register(end)
