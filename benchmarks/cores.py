"""Which core a process runs on: servers on one, what loads them on another."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ALL = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
SERVER = {_ALL[0]}
LOAD = {_ALL[-1]}
ANY = set(_ALL)


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Start the processes of the block on these cores; on Linux only."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def busy_share(seconds: float) -> float | None:
    """Return how much of all cores was busy during some seconds; None where it is not known."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    before = _times(stat)
    time.sleep(seconds)
    busy, total = (b - a for a, b in zip(before, _times(stat), strict=True))
    return busy / total if total else 0.0


def _times(stat: Path) -> tuple[int, int]:
    numbers = [int(word) for word in stat.read_text().partition("\n")[0].split()[1:9]]
    idle = numbers[3] + numbers[4]
    return sum(numbers) - idle, sum(numbers)
