"""Activity of this process, for the idle stop of the local server."""

from __future__ import annotations

import time


class Activity:
    """Counts the requests in progress, each a `with` block of it, and when the last one ended."""

    def __init__(self) -> None:
        self._requests = 0
        self._last = time.monotonic()

    def __enter__(self) -> None:
        self._requests += 1

    def __exit__(self, *_: object) -> None:
        self._requests -= 1
        self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """Return the seconds since the last request ended; 0 while one is in progress."""
        return 0.0 if self._requests else time.monotonic() - self._last
