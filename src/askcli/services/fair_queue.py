"""Bounded queue for a limited number of slots, round-robin by user."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from askcli.errors import AskcliError


class Place:
    """A slot of a queue, or a place in line for one, until the end of its `with` block."""

    def __init__(self, leave: Callable[[Place], None]) -> None:
        self._leave = leave
        self._granted = asyncio.Event()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(self)

    def grant(self) -> None:
        """Give it the slot."""
        self._granted.set()

    async def slot(self) -> None:
        """Wait until it has the slot."""
        await self._granted.wait()


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
        self._queues: dict[str, deque[Place]] = {}

    @property
    def waiting(self) -> int:
        """Number of places that wait for a slot."""
        return sum(len(queue) for queue in self._queues.values())

    def reserve(self, user_id: str) -> Place:
        """Return a place, which counts from now on. Raises the error of `full`."""
        place = Place(partial(self._leave, user_id))
        if self._free:
            self._free -= 1
            place.grant()
            return place
        own = len(self._queues.get(user_id, ()))
        if self.waiting >= self._waiting_limit or own >= self._user_limit:
            raise self._full()
        self._queues.setdefault(user_id, deque()).append(place)
        return place

    def _leave(self, user_id: str, place: Place) -> None:
        queue = self._queues.get(user_id, deque())
        if place not in queue:
            self._grant_next()
            return
        queue.remove(place)
        if not queue:
            del self._queues[user_id]

    def _grant_next(self) -> None:
        """Grant a slot to the first user in line, who then goes to its end."""
        if not self._queues:
            self._free += 1
            return
        user_id, queue = next(iter(self._queues.items()))
        del self._queues[user_id]
        queue.popleft().grant()
        if queue:
            self._queues[user_id] = queue
