"""Thread pools of the standard library, whose threads are started before there is work for them.

Where memory holds a new thread's stack and little more, the thread dies before it says that it
runs, and CPython lets whoever starts it wait for that for ever: later, the event loop's thread.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from askcli.errors import Failed

log = logging.getLogger("askcli.server")


def start(pool: ThreadPoolExecutor, threads: int) -> None:
    """Start all threads of a pool that has this number of them, none of them started yet."""
    try:
        _fill(pool, threads)
    except (RuntimeError, MemoryError) as error:  # the system's limit: it is tried again with work
        log.warning("not all threads could be started: %s", error)


def check_room(threads: int) -> None:
    """Raise Failed unless this number of further threads can be started.

    For a library that aborts the process if it cannot; Python's pools try again with the next work.
    """
    with ThreadPoolExecutor(threads) as pool:
        try:
            _fill(pool, threads)
        except (RuntimeError, MemoryError):
            raise Failed(
                "a process here may not start enough threads: raise the limit of processes and "
                "threads (ulimit -u, TasksMax, --pids-limit), or of memory (ulimit -v)."
            ) from None


def _fill(pool: ThreadPoolExecutor, threads: int) -> None:
    have_started = threading.Event()
    try:
        for _ in range(threads):  # each waits, so that the next one needs a thread of its own
            pool.submit(have_started.wait)
    finally:
        have_started.set()
