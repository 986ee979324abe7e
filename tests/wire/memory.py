"""Measure what repeated work leaves behind."""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path


def resident_bytes() -> int:
    """Return the resident set size of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def grown(work: Callable[[], object], allowed: int) -> int:
    """Work, and return by how many bytes the process grew.

    Where that is more than allowed, the work is done again, twice at most: what the
    allocator takes once, after many other tests, is no leak; a leak grows on.
    """
    for _ in range(3):
        gc.collect()
        before = resident_bytes()
        work()
        gc.collect()
        found = resident_bytes() - before
        if found < allowed:
            break
    return found


def growth(work: Callable[[], object], repeats: int, allowed: int = 5 << 20) -> tuple[int, int]:
    """Return by how many bytes Python's objects and the process grew over the repeats.

    Libraries in C are in the second figure only, of which see `grown`. The first tenth warms
    caches.
    """
    for _ in range(max(1, repeats // 10)):
        work()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(repeats // 10):
            work()
        gc.collect()
        objects = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    def all_of_it() -> None:
        for _ in range(repeats):
            work()

    return objects, grown(all_of_it, allowed)
