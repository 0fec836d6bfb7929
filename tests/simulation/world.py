"""Virtual time, and who runs next: one actor at a time, in an order that the seed decides.

An actor is a process of the simulated world: a replica, which is an event loop, or a user's shell,
which is a greenlet. Inside a process callbacks run in the order of asyncio; between processes any
order is possible. Time stands still while anybody can run, and then jumps to the next event.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

EPOCH = 1_790_000_000.0  # of the virtual wall clock: a day in September 2026
MAX_STEPS = 200_000  # of a night: more is a busy loop


class Stuck(Exception):
    """The night does not come to an end."""


@dataclass
class Clock:
    """A process' clocks: how fast they go, and how far its wall clock has been set."""

    rate: float = 1.0
    jumped: float = 0.0

    def monotonic(self, now: float) -> float:
        return 1000.0 + now * self.rate

    def wall(self, now: float) -> float:
        return EPOCH + now * self.rate + self.jumped

    def event_time(self, monotonic: float) -> float:
        """The world's time at which the monotonic clock shows this."""
        return (monotonic - 1000.0) / self.rate


class Actor:
    """A process that the world runs."""

    has_timers = False

    def __init__(self, world: World, name: str, clock: Clock) -> None:
        self.world = world
        self.name = name
        self.clock = clock
        self.is_stopped = False  # by SIGSTOP
        self.is_dead = False
        self.ready: Sized = ()  # what it can do now, unless it is stopped
        self._held: list[Callable[[], object]] = []  # what came while it was stopped
        world.actors.append(self)
        if self.has_timers:
            world.timed.append(self)

    def next_time(self) -> float | None:
        """The world's time of its next timer."""
        return None

    def take_due(self) -> None:
        """Make ready what is due."""

    def step(self) -> None:
        """Run one step."""
        raise NotImplementedError

    def after(self, seconds: float, work: Callable[[], object]) -> None:
        """Do work of this process' threads later: not while it is stopped, nor once it is dead."""
        self.world.after(seconds, lambda: self._work(work))

    def _work(self, work: Callable[[], object]) -> None:
        if self.is_dead:
            return
        if self.is_stopped:
            self._held.append(work)
            return
        before, self.world.current = self.world.current, self
        try:
            work()
        finally:
            self.world.current = before

    def stop(self) -> None:
        """As SIGSTOP does."""
        self.is_stopped = True

    def go_on(self) -> None:
        """As SIGCONT does."""
        self.is_stopped = False
        held, self._held = self._held, []
        for work in held:
            self._work(work)


class World:
    """The time, the actors and the story of a night."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = 0.0
        self.actors: list[Actor] = []
        self.timed: list[Actor] = []  # those that have timers
        self.current: Actor | None = None
        self.story: list[str] = []
        self.counts = Counter[str]()  # of the faults that happened
        self._trace: list[str] = []  # of each step, each line of the story, and each time
        self.steps = 0
        self._order = 0
        self._events: list[tuple[float, int, Callable[[], object]]] = []

    def tell(self, what: str, who: str | None = None) -> None:
        """Add a line to the story."""
        name = who or (self.current.name if self.current else "world")
        self.story.append(f"{self.now:9.4f} {name:<12} {what}")
        self._trace.append(self.story[-1])

    def after(self, seconds: float, work: Callable[[], object]) -> None:
        """Do something later."""
        self.at(self.now + max(0.0, seconds), work)

    def at(self, moment: float, work: Callable[[], object]) -> None:
        """Do something at a moment not before now: what has the same one happens in order."""
        self._order += 1
        heapq.heappush(self._events, (moment, self._order, work))

    def delay(self, least: float, most: float) -> float:
        """A number of seconds between these."""
        return self.random.uniform(least, most)

    @contextmanager
    def running(self, actor: Actor) -> Iterator[None]:
        """Let the clocks be those of the actor during the block."""
        before, self.current = self.current, actor
        try:
            yield
        finally:
            self.current = before

    @property
    def has_users(self) -> bool:
        """Whether the work of any shell has not ended: all other actors have timers."""
        return len(self.actors) > len(self.timed)

    def run(self, until: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Run until a time, or until `is_over`, which is asked whenever time goes on."""
        while True:
            ready = [actor for actor in self.actors if actor.ready and not actor.is_stopped]
            if ready:
                self._step(ready[0] if len(ready) == 1 else self.random.choice(ready))
                continue
            times = [time for actor in self.timed if (time := actor.next_time()) is not None]
            if self._events:
                times.append(self._events[0][0])
            next_time = min(times, default=math.inf)
            if next_time > until or is_over():
                return
            self._go_on_to(next_time)

    def _step(self, actor: Actor) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Stuck(f"{self.steps} steps by {self.now:.0f} s")
        self._trace.append(actor.name)
        self.current = actor
        try:
            actor.step()
        finally:
            self.current = None

    def digest(self) -> str:
        """Return a digest of the story, and of each step and time, by now."""
        return hashlib.blake2b("\n".join(self._trace).encode()).hexdigest()

    def _go_on_to(self, time: float) -> None:
        self.now = max(self.now, time)
        self._trace.append(repr(self.now))
        while self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()
        for actor in self.timed:
            actor.take_due()
