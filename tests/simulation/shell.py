"""A user's shell: code that waits as a thread does, and runs only while the world lets it.

It is a greenlet: handing over from one thread to another on another CPU took a third of a night.
"""

from __future__ import annotations

from collections.abc import Callable

from greenlet import getcurrent, greenlet

from tests.simulation.world import Actor, Clock, World

READY = ("it runs on",)


class Killed(BaseException):
    """The process was killed."""


class Shell(Actor):
    """Hands over to the world whenever it waits."""

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
        self._work_of_user = work
        self._greenlet = greenlet(self._main)

    def step(self) -> None:
        self.ready = ()
        self._greenlet.parent = getcurrent()
        self._greenlet.switch()
        if self.has_ended:
            self.world.actors.remove(self)

    def end(self) -> None:
        """End it, at the end of the night."""
        self.is_over = True
        while not self.has_ended:
            self.kill()
            with self.world.running(self):
                self.step()

    def _main(self) -> None:
        try:
            self._work_of_user(self)
        except BaseException as error:  # noqa: BLE001 - a check reports it
            self.error = error
        self.has_ended = True

    def wait(self, seconds: float | None = None) -> None:
        """Wait until `wake`, or for so many seconds. For the shell itself. Raises Killed."""
        if self.is_dying:
            raise Killed
        self._wait += 1
        if seconds is not None:
            number = self._wait
            self.world.after(seconds / self.clock.rate, lambda: self._time_is_up(number))
        assert self._greenlet.parent
        self._greenlet.parent.switch()
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
