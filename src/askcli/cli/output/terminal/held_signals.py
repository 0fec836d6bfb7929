"""Signals that are held back while the screen and what is known of it are changed together."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

_HELD = (signal.SIGTSTP, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


@contextmanager
def held() -> Iterator[None]:
    """Hold signals back during the block."""
    with _masked(signal.SIG_BLOCK):
        yield


@contextmanager
def let_through() -> Iterator[None]:
    """Let signals come during the block, which may take long or for ever, inside of `held`."""
    with _masked(signal.SIG_UNBLOCK):
        yield


@contextmanager
def _masked(how: int) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(how, _HELD)  # may raise what the handler of a signal raises
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_without_signals(thread: Thread) -> bool:
    """Start a thread that takes no signal; return False where the system allows no more threads.

    A signal that it took would interrupt the main thread even where that one has them held.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()  # it inherits the mask
        return True
    except (RuntimeError, MemoryError):
        return False
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
