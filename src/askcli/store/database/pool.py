"""Threads for units of work, in which the users take turns."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

from askcli.errors import DatabaseUnavailable
from askcli.fair_queue import FairQueue
from askcli.store.database.threads import Threads

T = TypeVar("T")
Turn = Callable[[], AbstractAsyncContextManager[None]]

_owner: ContextVar[str | None] = ContextVar("owner", default=None)


def take_turns_as(owner: str | None) -> None:
    """Let the units of this context, which asyncio tasks inherit, take turns as this owner's.

    An owner is a user, or the site of a request whose user is not known. Units without an owner
    wait for no turn: those that store answers and those that the server repeats are few.
    """
    _owner.set(owner)


class Use(NamedTuple):
    """How threads are used: their number, those that work, and units that wait for one."""

    threads: int
    busy: int
    waiting: int


class Turns:
    """Turns of the owners at a number of slots; of four or more, one has at most three quarters."""

    def __init__(self, slots: int) -> None:
        # How many may wait is not bounded here: a connection has one request at a time.
        self._queue = FairQueue(slots, sys.maxsize, DatabaseUnavailable)

    @property
    def waiting(self) -> int:
        """Number of units that wait for their owners' turn."""
        return self._queue.waiting

    def turn(self, *, has_turn: bool = False) -> AbstractAsyncContextManager[None]:
        """Wait for the owner's turn, unless there is one already; have it during the block."""
        owner = _owner.get()
        return nullcontext() if owner is None or has_turn else self._queue.turn(owner)


class Pool:
    """A number of threads, at which the owners take turns."""

    def __init__(self, threads: int, name: str, eager: int = 1) -> None:
        """`eager` is how many threads are woken for units at once, and not after a moment."""
        self._threads = Threads(threads, name, eager)
        self._turns = Turns(threads)

    def start(self) -> None:
        """Start all threads, so that `run` starts none."""
        self._threads.start()

    async def run(self, work: Callable[[], T], *, has_turn: bool = False) -> T:
        """Return `work()`, run in one of the threads when it is its owner's turn."""
        async with self._turns.turn(has_turn=has_turn):
            return await self._threads.run(work)

    def close(self) -> None:
        """Wait for the units in progress; others are forgotten."""
        self._threads.close()

    def use(self) -> Use:
        """Return how the threads are used."""
        threads = self._threads
        return Use(threads.size, threads.busy, threads.waiting + self._turns.waiting)


class LongUnits:
    """Turns for long units: one of a request at a time, and one of those without an owner.

    Who has such a turn takes none of the pool's: others would wait for both.
    """

    def __init__(self) -> None:
        self._turns = FairQueue(1, sys.maxsize, DatabaseUnavailable)
        self._without_owner = asyncio.Lock()

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for the turn, and have it during the block."""
        owner = _owner.get()
        return self._without_owner if owner is None else self._turns.turn(owner)
