"""Waiting for what comes many times a second, with time-outs that cost next to nothing.

A time-out for each piece of each answer takes longer than to read the piece, or to send it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

# A timer that fires this much too early has fired in time.
EARLY_SECONDS = 0.001


class Wait:
    """Waits again and again, each time for at most `seconds`.

    There is one timer, which is set once in `seconds` and not for each wait.
    """

    __slots__ = ("_began", "_future", "_loop", "_seconds", "_timer")

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


class Patience:
    """Raises TimeoutError out of its block, where a wait in it takes longer than its own time.

    Like `asyncio.timeout_at` around each wait, with one timer that looks at the current wait.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._until = math.inf  # of the wait, by the loop's clock
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Patience:
        await self._limit.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._limit.__aexit__(*error)

    def begin(self, until: float) -> None:
        """Begin a wait, which may take until this time."""
        self._until = until
        if self._timer is None or self._timer.when() > until:
            self._look_at(until)

    def end(self) -> None:
        """End a wait: what follows in the block may take as long as it likes."""
        self._until = math.inf
        if self._limit.when() is not None:  # its time was up at this very moment
            self._limit.reschedule(None)

    def _look_at(self, time: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(time, self._look)

    def _look(self) -> None:
        """End a wait whose time is up, or look again when it will be."""
        self._timer = None
        if self._until == math.inf:
            return
        if self._until > self._loop.time() + EARLY_SECONDS:
            with suppress(MemoryError):  # it ends early then, as a Wait does
                self._look_at(self._until)
                return
        self._limit.reschedule(self._loop.time())
