"""How busy this process is: what the local server's idle stop goes by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Activity:
    """Counts the requests under way and remembers when the last one ended."""

    def __init__(self) -> None:
        self._requests = 0
        self._last = time.monotonic()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request for as long as it takes."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1
            self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """For how long nothing has been asked; 0 while a request is under way."""
        return 0.0 if self._requests else time.monotonic() - self._last
