"""Turns: so many at once, the others wait, and it is users that take turns and not requests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from askcli.errors import AskcliError


class Turns:
    """A bounded, fair queue.

    `running` are served at once and `waiting` may wait, at most a quarter of them one user's. A
    free place goes to the user who has waited longest since their last turn, so that a user with
    a thousand questions delays another's one by one answer and not by a thousand.
    """

    def __init__(self, running: int, waiting: int, full: AskcliError) -> None:
        """`full` is what those are told for whom there is no room any more."""
        self._free = running
        self._full = full
        self._waiting_limit = waiting
        self._user_limit = max(1, waiting // 4)
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(len(queue) for queue in self._queues.values())

    def check_room(self, user_id: str) -> None:
        """Raises `full` when this user's next one could not even wait."""
        own = len(self._queues.get(user_id, ()))
        if self._free == 0 and (self.waiting >= self._waiting_limit or own >= self._user_limit):
            raise type(self._full)(self._full.detail, retry_after=self._full.retry_after)

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Wait for this user's turn, and hold it for as long as the block takes."""
        await self._take(user_id)
        try:
            yield
        finally:
            self._give()

    async def _take(self, user_id: str) -> None:
        if self._free:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        self._queues.setdefault(user_id, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._give()  # it was given to us as we left
            else:
                self._leave(user_id, place)
            raise

    def _leave(self, user_id: str, place: asyncio.Future[None]) -> None:
        queue = self._queues.get(user_id, deque())
        if place in queue:
            queue.remove(place)
            if not queue:
                del self._queues[user_id]

    def _give(self) -> None:
        """Hand the place to the next user, who then goes to the end of the line."""
        while self._queues:
            user_id, queue = next(iter(self._queues.items()))
            del self._queues[user_id]
            place = queue.popleft()
            if queue:
                self._queues[user_id] = queue
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
