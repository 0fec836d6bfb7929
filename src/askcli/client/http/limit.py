"""The time that a response may take as a whole, in every thread."""

from __future__ import annotations

import time


class Limit(float):
    """A time-out in seconds of each read and write, and the time until which all of them last."""

    _whole: float
    _end: float

    def __new__(cls, seconds: float, whole: float) -> Limit:
        """Begin `whole` seconds, of which one operation may take the given ones."""
        limit = super().__new__(cls, seconds)
        limit._whole = whole
        limit.restart()
        return limit

    def restart(self) -> None:
        """Begin the whole time anew."""
        self._end = time.monotonic() + self._whole

    def left(self) -> float:
        """Return the seconds that the next operation may take; none are left when time is up."""
        return max(0.0, min(self, self._end - time.monotonic()))

    def next(self) -> float:
        """Return the seconds that the next operation may take. Raises TimeoutError without any."""
        if not (seconds := self.left()):
            raise TimeoutError("the response as a whole took too long.")
        return seconds
