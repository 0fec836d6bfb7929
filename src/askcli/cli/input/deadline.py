"""How long a command may take, and what a Ctrl-C during it means."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from askcli.errors import AskcliError


class _OutOfTimeError(BaseException):
    """Not an Exception: nothing on the way may take it for a failure that another try mends."""


@contextmanager
def within(seconds: float, error: AskcliError) -> Iterator[None]:
    """Raise `error` when the block takes longer, whatever it is waiting for.

    A signal, because a stream that pings keeps every time-out of the connection quiet.
    """

    def late(_number: int, _frame: FrameType | None) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _OutOfTimeError:
        raise error from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
