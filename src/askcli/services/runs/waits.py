"""Waiting for what comes many times a second, with a time-out that costs next to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from contextlib import suppress

# A timer that fires this much too early has fired in time.
EARLY_SECONDS = 0.001


class Wait:
    """Waits again and again, each time for at most `seconds`.

    There is one timer, which is set once in `seconds` and not for each wait: a time-out for each
    piece of each stream would take longer than to send it.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[bool] | None = None
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Wait:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def begin(self, waiting: MutableMapping[Wait, None]) -> bool:
        """Wait for `end`, which those in `waiting` are called with; False when time is up."""
        self._future = self._loop.create_future()
        if self._seconds is not None:
            self._began = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(self._seconds, self._look, self._seconds)
        waiting[self] = None
        try:
            return await self._future
        finally:
            self._future = None
            waiting.pop(self, None)

    def end(self, *, is_in_time: bool = True) -> None:
        """End the wait."""
        if self._future is not None and not self._future.done():
            self._future.set_result(is_in_time)

    def _look(self, seconds: float) -> None:
        """End a wait whose time is up, or look again when it will be."""
        self._timer = None
        if self._future is None or self._future.done():
            return
        remaining = self._began + seconds - self._loop.time()
        if remaining > EARLY_SECONDS:
            with suppress(MemoryError):  # it ends early then: without a timer it might never end
                self._timer = self._loop.call_later(remaining, self._look, seconds)
                return
        self.end(is_in_time=False)
