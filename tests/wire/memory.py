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


def growth(work: Callable[[], object], repeats: int) -> tuple[int, int]:
    """Return by how many bytes Python's objects and the process grew over the repeats.

    Libraries in C are in the second figure only. The first tenth warms caches.
    """
    for _ in range(max(1, repeats // 10)):
        work()
    gc.collect()
    resident = resident_bytes()
    tracemalloc.start()
    try:
        for _ in range(repeats // 10):
            work()
        gc.collect()
        objects = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    for _ in range(repeats - repeats // 10):
        work()
    gc.collect()
    return objects, resident_bytes() - resident
