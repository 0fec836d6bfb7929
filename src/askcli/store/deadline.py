"""The deadline of a unit of work, which the databases' drivers look at while they wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def start(seconds: float) -> None:
    """Set the deadline of the current context."""
    _deadline.set(time.monotonic() + seconds)


def remaining() -> float | None:
    """Return the seconds until the deadline, negative after it; None where there is none."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - time.monotonic()


def at_most(seconds: float) -> float:
    """Return the seconds, or as many as are left until the deadline where these are fewer."""
    left = remaining()
    return seconds if left is None else max(0.0, min(left, seconds))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bring the deadline forward for the block, if it is later."""
    token = _deadline.set(time.monotonic() + at_most(seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def has_passed() -> bool:
    """Whether there is a deadline and it has passed."""
    left = remaining()
    return left is not None and left <= 0
