"""Signals that are handled during a block."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], object]

# Besides Ctrl-C: what a system, a terminal that is closed, or Ctrl-\\ ends a command with.
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@contextmanager
def handled(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    """Handle signals during the block, except those that were ignored as the process began."""
    before = {number: signal.getsignal(number) for number in handlers}
    taken = [number for number in handlers if before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, handlers[number])
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


@contextmanager
def before_ending(act: Callable[[], object]) -> Iterator[None]:
    """Call `act` where one of ENDINGS ends the process in the block."""
    before = {number: signal.getsignal(number) for number in ENDINGS}

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])  # as for one more of them
        act()
        os.kill(os.getpid(), number)

    with handled(dict.fromkeys(ENDINGS, end)):
        yield
