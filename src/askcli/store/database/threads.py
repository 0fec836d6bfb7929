"""Threads that do the store's work, no more of them awake than it takes.

An executor wakes a thread for each unit and the event loop for each result. Units of work are as
short as the change of threads, and on few cores the threads then mostly wait for one another. Here
a thread that is awake takes the next unit too, and what it has done meanwhile is delivered
together. Others are woken when a unit has waited for a moment: the ones before it take long.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from askcli.errors import DatabaseUnavailable
from askcli.store.database.failures import no_thread

log = logging.getLogger("askcli.store")

T = TypeVar("T")

PATIENCE_SECONDS = 0.002
# Longer than a unit has. A thread that is stuck beyond that, in a name server that does not reply,
# keeps no server from stopping: it is a daemon.
CLOSE_SECONDS = 11.0
SHORT_MEMORY_SECONDS = 0.05  # until a thread goes on for which memory was too short


class _Unit(NamedTuple):
    work: Callable[[], Any]
    future: asyncio.Future[Any]


class Threads:
    """Up to `count` threads, of which `eager` are woken without waiting."""

    def __init__(self, count: int, name: str, eager: int = 1) -> None:
        self.size = count
        self._name = name
        self._eager = eager
        self._units = deque[_Unit]()
        self._results = deque[Callable[[], None]]()
        self._is_delivering = False
        self._is_watching = False
        self._is_closed = False
        self._is_limited = False  # the last start of a thread has failed
        self._lock = threading.Lock()  # of what follows
        self._threads: list[threading.Thread] = []
        self._asleep: list[threading.Lock] = []  # each thread waits for its own

    def start(self) -> None:
        """Start all threads, so that `run` starts none.

        Where memory holds a new thread's stack and little more, the thread dies before it says
        that it runs, and CPython lets whoever starts it wait for that for ever.
        """
        with self._lock, suppress(DatabaseUnavailable):  # `run` tries it again, and says it
            while len(self._threads) < self.size and self._start():
                pass

    @property
    def busy(self) -> int:
        """Number of threads that work."""
        return len(self._threads) - len(self._asleep)

    @property
    def waiting(self) -> int:
        """Number of units that wait for a thread."""
        return len(self._units)

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Do the work in one of the threads; a unit whose future is cancelled is not begun.

        Raises DatabaseUnavailable where not one thread can be started. Whatever it raises, the unit
        is not done.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the store is closed")
            unit = _Unit(work, future)
            self._units.append(unit)
            awake = len(self._threads) - len(self._asleep)
        try:
            is_woken = awake < self._eager and self._wake()
            if not is_woken and not self._is_watching:
                self._watch_soon(loop)
        except BaseException:  # memory is short, or there is no thread
            with suppress(ValueError):  # a thread has taken it, and has its result delivered
                self._units.remove(unit)
                raise
        return future

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Wait for the units in progress, for so long at most; others are forgotten."""
        with self._lock:
            self._is_closed = True
            while unit := self._next():
                with suppress(RuntimeError):  # the loop is closed
                    unit.future.get_loop().call_soon_threadsafe(unit.future.cancel)
            for asleep in self._asleep:
                asleep.release()
            self._asleep.clear()
        until = time.monotonic() + seconds
        for thread in [*self._threads]:  # each takes itself out of the list
            thread.join(max(0.0, until - time.monotonic()))

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake one more thread as long as units wait."""
        self._is_watching = False
        if self._units:
            self._watch_soon(loop)
            self._wake()

    def _watch_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(PATIENCE_SECONDS, self._watch, loop)
        self._is_watching = True  # only now: where memory is short the call fails

    def _wake(self) -> bool:
        """Wake a thread, or start one; return whether there is one more that is awake."""
        with self._lock:
            if self._is_closed:
                return False
            if self._asleep:
                self._asleep.pop().release()
                return True
            return len(self._threads) < self.size and self._start()

    def _start(self) -> bool:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:  # the system's limit of threads or of memory
            if not self._threads:
                raise no_thread() from error
            if not self._is_limited:  # once, not at every look
                log.warning("only %d store threads run: %s", len(self._threads), error)
            self._is_limited = True
            return False
        self._threads.append(thread)  # only now: what has not started is neither awake nor joined
        self._is_limited = False
        return True

    def _work(self) -> None:
        try:
            asleep = threading.Lock()
            asleep.acquire()
            while not self._do_units(asleep):
                time.sleep(SHORT_MEMORY_SECONDS)
        finally:  # another can be started
            with self._lock:
                self._threads.remove(threading.current_thread())

    def _do_units(self, asleep: threading.Lock) -> bool:
        """Do units until the store is closed; False where memory was too short to go on."""
        try:
            self._do_all(asleep)
        except MemoryError:
            with suppress(MemoryError):
                log.warning("memory is too short for a store thread; it goes on shortly")
            return False
        return True

    def _do_all(self, asleep: threading.Lock) -> None:
        while True:
            while unit := self._next():
                self._do(unit)
                del unit  # what it refers to is not kept while the thread sleeps
            with self._lock:
                if self._is_closed:
                    return
                if self._units:
                    continue
                self._asleep.append(asleep)
            asleep.acquire()

    def _next(self) -> _Unit | None:
        try:
            return self._units.popleft()
        except IndexError:
            return None

    def _do(self, unit: _Unit) -> None:
        if unit.future.cancelled():
            return
        try:
            result = unit.work()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            self._deliver(unit.future, unit.future.set_exception, error)
        else:
            self._deliver(unit.future, unit.future.set_result, result)

    def _deliver(
        self, future: asyncio.Future[Any], settle: Callable[[Any], None], value: Any
    ) -> None:
        self._results.append(lambda: None if future.done() else settle(value))
        if not self._is_delivering:
            self._is_delivering = True
            try:
                future.get_loop().call_soon_threadsafe(self._settle)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._is_delivering = False
                self._results.clear()
            except BaseException:  # memory is short: it is delivered with the next one
                self._is_delivering = False
                raise

    def _settle(self) -> None:
        self._is_delivering = False  # before the results: one that comes now is delivered anew
        while self._results:
            self._results.popleft()()
