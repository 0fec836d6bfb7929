"""A user's shell: a thread that runs only while the world lets it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.simulation.world import Actor, Clock, World

READY = ("it runs on",)


class Killed(BaseException):
    """The process was killed."""


class Shell(Actor):
    """A thread that hands over to the world whenever it waits."""

    def __init__(
        self, world: World, name: str, clock: Clock, work: Callable[[Shell], None]
    ) -> None:
        super().__init__(world, name, clock)
        self.has_ended = False
        self.is_over = False  # the night is
        self.error: BaseException | None = None
        self.is_dying = self.has_been_killed = False
        self.ready = READY
        self._wait = 0  # number of the wait that it is in
        # Both held: whoever releases one lets the other side run.
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._thread = threading.Thread(target=self._main, args=(work,), name=name, daemon=True)
        self._thread.start()

    def step(self) -> None:
        self.ready = ()
        self._go.release()
        self._back.acquire()
        if self.has_ended:
            self._thread.join()
            self.world.actors.remove(self)

    def end(self) -> None:
        """End the thread, at the end of the night."""
        self.is_over = True
        while not self.has_ended:
            self.kill()
            with self.world.running(self):
                self.step()

    def _main(self, work: Callable[[Shell], None]) -> None:
        self._go.acquire()
        try:
            work(self)
        except BaseException as error:  # noqa: BLE001 - a check reports it
            self.error = error
        self.has_ended = True
        self._back.release()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until `wake`, or for so many seconds. For the thread itself. Raises Killed."""
        if self.is_dying:
            raise Killed
        self._wait += 1
        if seconds is not None:
            number = self._wait
            self.world.after(seconds / self.clock.rate, lambda: self._time_is_up(number))
        self._back.release()
        self._go.acquire()
        if self.is_dying:
            raise Killed

    def _time_is_up(self, number: int) -> None:
        if self._wait == number:
            self.ready = READY

    def wake(self) -> None:
        """End the wait."""
        self.ready = READY

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds, whatever happens meanwhile."""
        end = self.clock.monotonic(self.world.now) + seconds
        while (left := end - self.clock.monotonic(self.world.now)) > 1e-9:
            self.wait(left)

    def kill(self) -> None:
        """End the process that runs in it; the user stays."""
        if not self.has_ended:
            self.is_dying = self.has_been_killed = True
            self.ready = READY
