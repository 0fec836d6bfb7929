"""A deadline for a block of code."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from askcli.errors import AskcliError


class _OutOfTimeError(BaseException):
    """Not an Exception: no handler on the way may take it for a failure to retry."""


@contextmanager
def within(seconds: float, error: AskcliError) -> Iterator[None]:
    """Raise `error` when the block takes longer than `seconds`.

    By a signal, because the pings of a stream keep the connection's time-outs from expiring.
    """

    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        raise _OutOfTimeError

    previous_handler = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _OutOfTimeError:
        raise error from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous_handler)
