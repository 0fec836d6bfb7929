"""Bounded queue for a limited number of slots, round-robin by user."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from askcli.errors import AskcliError


class Place:
    """A slot of a queue, or a place in line for one, until the end of its `with` block."""

    __slots__ = ("_decided", "_is_decided", "_is_left", "_leave", "refusal", "size")

    def __init__(self, leave: Callable[[Place], None]) -> None:
        self._leave = leave
        self._is_left = self._is_decided = False
        self._decided: asyncio.Event | None = None  # of who waits: most have a slot at once
        self.size = 0  # bytes of memory that it keeps while it waits
        self.refusal: AskcliError | None = None

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_left:  # once, whoever does it
            self._is_left = True
            self._leave(self)

    @property
    def is_granted(self) -> bool:
        """Whether it has the slot."""
        return self._is_decided and self.refusal is None

    def grant(self) -> None:
        """Give it the slot."""
        self._is_decided = True
        if self._decided is not None:
            self._decided.set()

    def refuse(self, error: AskcliError) -> None:
        """Let `slot` raise the error: it has lost its place in line."""
        self.refusal = error
        self.grant()

    async def slot(self) -> None:
        """Wait until it has the slot. Raises the queue's error when it loses its place in line."""
        if not self._is_decided:
            self._decided = self._decided or asyncio.Event()
            await self._decided.wait()
        if self.refusal is not None:
            raise self.refusal


class FairQueue:
    """Grants `slots` at once and lets `waiting` more wait, at most a quarter of them one user's.

    A free slot goes to the user whose last turn is longest ago, so a user with a thousand
    questions delays another's by one answer and not by a thousand. Of four slots or more a user
    has at most three quarters, so that another's first question need not wait for an answer's end.

    When all places in line are taken, a user with fewer of them than others gets one of theirs.
    So as many users as there are places find room, whatever the others have queued. The same holds
    for the memory of what waits.
    """

    def __init__(
        self,
        slots: int,
        waiting: int,
        full: Callable[[], AskcliError],
        memory: int = sys.maxsize,
    ) -> None:
        """`full` makes the error for those who find no room, or lose it; `memory` is in bytes."""
        self.slots, self.places = slots, waiting
        self._free = slots
        self._full = full
        self._user_limit = max(1, waiting // 4)
        self._memory_limit = memory
        self._user_slots = slots * 3 // 4 if slots >= 4 else slots
        self._queues: dict[str, deque[Place]] = {}
        self._waiting = 0  # places in all of them
        self._held = Counter[str]()

    @property
    def waiting(self) -> int:
        """Number of places that wait for a slot."""
        return self._waiting

    def is_free(self, user_id: str) -> bool:
        """Whether the user would have a slot at once."""
        return self._free > 0 and self._may_hold_more(user_id)

    def reserve(self, user_id: str) -> Place:
        """Return a place, which counts from now on. Raises the error of `full`."""
        place = Place(partial(self._leave, user_id))
        if self.is_free(user_id):
            self._grant(user_id, place)
            return place
        if self._count(user_id) >= self._user_limit:
            raise self._full()
        if self.waiting >= self.places:
            self._make_room(user_id)
        self._queues.setdefault(user_id, deque()).append(place)
        self._waiting += 1
        return place

    def hold(self, user_id: str, place: Place, size: int) -> None:
        """Count so much memory for a place while it waits. Raises the error of `full`."""
        if place not in self._queues.get(user_id, ()):  # it has its slot, or has lost its place
            return
        own = self._size(user_id) + size
        if own > self._memory_limit // 4:
            raise self._full()
        while sum(map(self._size, self._queues)) + size > self._memory_limit:
            most = max(reversed(self._queues), key=self._size)
            if self._size(most) <= own:
                raise self._full()
            self._refuse(most, max(reversed(self._queues[most]), key=lambda one: one.size))
        place.size = size

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Wait for a slot, and have it during the block. Raises the error of `full`."""
        with self.reserve(user_id) as place:
            await place.slot()
            yield

    def _count(self, user_id: str) -> int:
        return len(self._queues.get(user_id, ()))

    def _size(self, user_id: str) -> int:
        return sum(place.size for place in self._queues.get(user_id, ()))

    def _make_room(self, user_id: str) -> None:
        """Refuse the last place of the user with the most, if that one keeps no fewer than this.

        Raises the error of `full`.
        """
        most = max(reversed(self._queues), key=self._count, default=user_id)
        if self._count(most) <= self._count(user_id) + 1:
            raise self._full()
        self._refuse(most, self._queues[most][-1])

    def _refuse(self, user_id: str, place: Place) -> None:
        self._remove(user_id, place)
        place.refuse(self._full())

    def _remove(self, user_id: str, place: Place) -> None:
        queue = self._queues[user_id]
        queue.remove(place)
        self._waiting -= 1
        if not queue:
            del self._queues[user_id]

    def _leave(self, user_id: str, place: Place) -> None:
        if place.refusal is not None:
            return
        if place in self._queues.get(user_id, ()):
            self._remove(user_id, place)
            return
        self._free += 1
        self._held[user_id] -= 1
        if not self._held[user_id]:
            del self._held[user_id]
        self._grant_next()

    def _grant_next(self) -> None:
        """Grant a slot to the first user in line who may hold more, and then goes to its end."""
        user_id = next(filter(self._may_hold_more, self._queues), None)
        if user_id is None:
            return
        queue = self._queues.pop(user_id)
        self._waiting -= 1
        self._grant(user_id, queue.popleft())
        if queue:
            self._queues[user_id] = queue

    def _may_hold_more(self, user_id: str) -> bool:
        return self._held[user_id] < self._user_slots

    def _grant(self, user_id: str, place: Place) -> None:
        self._free -= 1
        self._held[user_id] += 1
        place.grant()
