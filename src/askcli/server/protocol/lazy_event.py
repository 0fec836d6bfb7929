"""An event that takes no memory for those who wait before one does."""

from __future__ import annotations

import asyncio


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
