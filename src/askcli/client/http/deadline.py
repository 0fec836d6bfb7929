"""A deadline for a block of code."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

from askcli.errors import AskcliError

_LEAST_SECONDS = 0.001  # zero would stop the timer


class _OutOfTimeError(BaseException):
    """Not an Exception: no handler on the way may take it for a failure to retry."""

    timer_of_limit = signal.ITIMER_REAL  # set again where a destructor takes the error


@contextmanager
def within(seconds: float | None, error: AskcliError) -> Iterator[None]:
    """Raise `error` when the block takes longer than `seconds`, or than a block around it may.

    None is no limit of its own. By a signal, because the pings of a stream keep the connection's
    time-outs from expiring.
    """
    outer_seconds, _ = signal.getitimer(signal.ITIMER_REAL)
    is_outer_earlier = seconds is None or 0 < outer_seconds < seconds
    try:
        with nullcontext() if is_outer_earlier else _alarm(seconds or 0, outer_seconds):
            yield
    except _OutOfTimeError:
        raise error from None


@contextmanager
def within_at_most(seconds: float, error: AskcliError) -> Iterator[None]:
    """Like `within`, but an earlier deadline stays that of the block around, with its error.

    Only in the main thread, which alone takes signals. Elsewhere what is read and written has a
    limit all the same: `Limit`.
    """
    outer_seconds, _ = signal.getitimer(signal.ITIMER_REAL)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or 0 < outer_seconds < seconds:
        yield
        return
    with within(seconds, error):
        yield


@contextmanager
def _alarm(seconds: float, outer_seconds: float) -> Iterator[None]:
    """Raise _OutOfTimeError in the block after `seconds`; then restore the alarm around it."""

    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        raise _OutOfTimeError

    begin = time.monotonic()
    previous_handler = signal.signal(signal.SIGALRM, on_alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous_handler)
        if outer_seconds:
            left = outer_seconds - (time.monotonic() - begin)
            signal.setitimer(signal.ITIMER_REAL, max(left, _LEAST_SECONDS))
