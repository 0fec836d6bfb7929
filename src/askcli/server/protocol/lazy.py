"""What waits at a connection, without memory for it before anything does."""

from __future__ import annotations

import asyncio
from typing import Any


class LazyEvent:
    """Does what `asyncio.Event` does, which has room for 64 who wait from its beginning on."""

    __slots__ = ("_event", "_is_set")

    def __init__(self, is_set: bool) -> None:
        self._is_set = is_set
        self._event: asyncio.Event | None = None

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and let those who wait go on."""
        self._is_set = True
        if self._event is not None:
            self._event.set()

    def clear(self) -> None:
        """Let those who come from now on wait."""
        self._is_set = False
        if self._event is not None:
            self._event.clear()

    async def wait(self) -> None:
        """Wait until it is set."""
        if not self._is_set:
            self._event = self._event or asyncio.Event()
            await self._event.wait()


class Pipeline(list[Any]):
    """The requests of a connection that wait for the one before them, the first one at the end.

    It does what uvicorn asks of a deque, which has room for 64; there are two at most.
    """

    __slots__ = ()

    def appendleft(self, request: Any) -> None:
        """Add the request that was read last."""
        self.insert(0, request)
