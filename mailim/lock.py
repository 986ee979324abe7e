"""One process at a time works on a site: the lock file `var/lock`."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from mailim.errors import Unavailable


class SiteLock:
    """Holds the lock until `release` or the end of the process."""

    def __init__(self, var: Path) -> None:
        """Take it; raises `Unavailable` if another process has it."""
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(var / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise Unavailable(f"another process works on {var}") from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give it back."""
        os.close(self._descriptor)
