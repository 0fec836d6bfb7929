"""The event loop of a simulated process.

simloom, simloop and looptime, which offer such loops, either need Python 3.12, reorder the
callbacks of one process, which asyncio never does, or know one process only. Here each process has
a loop of its own, in asyncio's order, that can be killed and stopped as a whole.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import sys
from asyncio import events
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from askcli.store.database import engines
from askcli.store.database.unit import Locked
from tests.simulation.world import Actor, Clock, World

LOCK_SECONDS = engines.TIMEOUTS["lock_timeout"] / 1000
CLOSE = 1e-6  # seconds: a timer that is due by less than the rounding of a float


class Process(Actor):
    """A process whose only thread that counts is an event loop."""

    has_timers = True

    def __init__(self, world: World, name: str, clock: Clock) -> None:
        super().__init__(world, name, clock)
        self.loop = SimulatedLoop(self)
        self.ready = self.loop.ready
        self.died_at: float | None = None
        # What happens between two of its steps, and after how many from now.
        self._coming: list[tuple[int, Callable[[], object]]] = []

    def next_time(self) -> float | None:
        if self.is_stopped or self.is_dead or (when := self.loop.next_timer()) is None:
            return None
        return self.clock.event_time(when)

    def take_due(self) -> None:
        if not self.is_stopped:
            self.loop.take_due()

    def go_on(self) -> None:
        super().go_on()
        self.loop.take_due()

    def step(self) -> None:
        self.loop.step()
        if self._coming:
            self.has_stepped()

    def has_stepped(self) -> None:
        """Let happen what comes between this step and the next one."""
        coming = [(steps - 1, work) for steps, work in self._coming]
        self._coming = [(steps, work) for steps, work in coming if steps]
        for steps, work in coming:
            if not steps:
                work()

    def after_steps(self, steps: int, work: Callable[[], object]) -> None:
        """Do something after so many steps: callbacks of the loop, and units of threads."""
        if steps:
            self._coming.append((steps, work))
        else:
            work()

    def soon(self, callback: Callable[..., object], *args: Any) -> None:
        """Call in the loop, as what comes from outside of the process does."""
        if not self.is_dead:
            self.loop.call_soon(callback, *args, context=contextvars.Context())

    def spawn(self, coroutine: Any) -> None:
        """Start a task in the loop."""
        self.soon(lambda: self.loop.keep(self.loop.create_task(coroutine)))

    def die(self) -> None:
        """End at once: nothing of it runs any more."""
        self.is_dead = True
        self.died_at = self.world.now
        self.world.actors.remove(self)
        self.world.timed.remove(self)


class SimulatedLoop(asyncio.BaseEventLoop):
    """asyncio's event loop without files: the world calls `step`."""

    _ready: Any
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process
        self._kept = set[asyncio.Task[Any]]()
        self._finalizer = self._finalize
        self.failures: list[str] = []

    @property
    def ready(self) -> Any:
        return self._ready

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Keep a task until it ends, as the server does."""
        self._kept.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._kept.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.failures.append(f"a task failed: {error!r}")

    def time(self) -> float:
        return self._process.clock.monotonic(self._process.world.now)

    def next_timer(self) -> float | None:
        while self._scheduled and self._scheduled[0].cancelled():
            heapq.heappop(self._scheduled)
        return self._scheduled[0].when() if self._scheduled else None

    def take_due(self) -> None:
        now, scheduled = self.time() + CLOSE, self._scheduled
        while scheduled and (scheduled[0].cancelled() or scheduled[0].when() <= now):
            timer = heapq.heappop(scheduled)
            if not timer.cancelled():
                self._ready.append(timer)

    def step(self) -> None:
        """Run one callback."""
        handle = self._ready.popleft()
        if handle.cancelled():
            return
        events._set_running_loop(self)
        # A generator keeps that of its first step: of the loop that it belongs to.
        sys.set_asyncgen_hooks(finalizer=self._finalizer)
        try:
            handle._run()
        finally:
            events._set_running_loop(None)

    def _finalize(self, generator: Any) -> None:
        if not self._process.is_dead:
            self.call_soon(lambda: self.keep(self.create_task(generator.aclose())))

    def _write_to_self(self) -> None:
        """Nothing waits for a file."""

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        return self.call_soon(callback, *args, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._process.is_dead:
            self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run it as a whole, a little later; what it returns arrives a little later again."""
        future, delays = self.create_future(), self._process.world
        self._process.after(
            delays.delay(0.0002, 0.003), lambda: self._in_thread(future, func, args)
        )
        return future

    def _in_thread(self, future: asyncio.Future[Any], func: Any, args: Any) -> None:
        if future.cancelled():
            return
        result: Any = None
        error: BaseException | None = None
        try:
            result = func(*args)
        except BaseException as raised:  # noqa: BLE001 - it is raised where it is waited for
            error = raised
        delay = self._process.world.delay(0.0, 0.001)
        if isinstance(error, Locked):  # it has waited for a lock of PostgreSQL
            delay += LOCK_SECONDS
        self._process.after(delay, lambda: self.call_soon(_settle, future, result, error))
        if self._process._coming:
            self._process.has_stepped()


def _settle(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


class InlineThreads:
    """Stands for the store's threads."""

    def __init__(self, *_: object) -> None:
        pass

    def run(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(None, work)

    def close(self) -> None:
        """Nothing is kept."""
