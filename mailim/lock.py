"""One process at a time works on a site: the lock file `var/lock`."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from mailim.errors import Unavailable


class SiteLock:
    """Holds the lock until `release` or the end of the process."""

    def __init__(self, var: Path) -> None:
        """Take it; raises `Unavailable` if another process has it."""
        try:
            var.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(var / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"{var}/lock cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise Unavailable(f"{var}/lock cannot be locked: {error.strerror}") from None
            who = f" (number {holder})" if holder.isdecimal() else ""
            raise Unavailable(f"another process works on {var}{who}") from None
        self._descriptor: int | None = descriptor
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give it back; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
