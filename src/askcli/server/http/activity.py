"""Activity of this process, for the idle stop of the local server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Activity:
    """Counts the requests in progress and keeps the time when the last one ended."""

    def __init__(self) -> None:
        self._requests = 0
        self._last = time.monotonic()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request during the block."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1
            self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """Return the seconds since the last request ended; 0 while one is in progress."""
        return 0.0 if self._requests else time.monotonic() - self._last
