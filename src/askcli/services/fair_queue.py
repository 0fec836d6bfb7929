"""Bounded queue for a limited number of slots, round-robin by user."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from askcli.errors import AskcliError


class FairQueue:
    """Grants `slots` at once and lets `waiting` more wait, at most a quarter of them one user's.

    A free slot goes to the user whose last turn is longest ago, so a user with a thousand
    questions delays another's by one answer and not by a thousand.
    """

    def __init__(self, slots: int, waiting: int, full: Callable[[], AskcliError]) -> None:
        """`full` makes the error for those who find no room."""
        self._free = slots
        self._full = full
        self._waiting_limit = waiting
        self._user_limit = max(1, waiting // 4)
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """Number of requests that wait for a slot."""
        return sum(len(queue) for queue in self._queues.values())

    def check_room(self, user_id: str) -> None:
        """Raise the error of `full` when this user's next request could not even wait."""
        own = len(self._queues.get(user_id, ()))
        if self._free == 0 and (self.waiting >= self._waiting_limit or own >= self._user_limit):
            raise self._full()

    @asynccontextmanager
    async def slot(self, user_id: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it during the block."""
        await self._acquire(user_id)
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, user_id: str) -> None:
        if self._free:
            self._free -= 1
            return
        granted = asyncio.get_running_loop().create_future()
        self._queues.setdefault(user_id, deque()).append(granted)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._release()  # granted in the moment of the cancellation
            else:
                self._remove(user_id, granted)
            raise

    def _remove(self, user_id: str, granted: asyncio.Future[None]) -> None:
        queue = self._queues.get(user_id, deque())
        if granted in queue:
            queue.remove(granted)
            if not queue:
                del self._queues[user_id]

    def _release(self) -> None:
        """Grant the slot to the first user in line, who then goes to its end."""
        while self._queues:
            user_id, queue = next(iter(self._queues.items()))
            del self._queues[user_id]
            granted = queue.popleft()
            if queue:
                self._queues[user_id] = queue
            if not granted.done():
                granted.set_result(None)
                return
        self._free += 1
