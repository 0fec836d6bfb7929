"""The live region: the last rows of a terminal, which may still change.

Nothing above it is ever changed again, so that scrolling back, selecting and resizing work as with
any other output. Each change is one write that starts at the first row that differs, so nothing
flickers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from askcli.cli.output import transient

# Synchronized output: supporting terminals show all of it at once, others ignore it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_HELD = (signal.SIGTSTP, signal.SIGINT)


class Region:
    """Rows that may change; each is one row of the terminal, with its colours."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rows: list[str] = []

    def show(self, printed: Sequence[str], rows: Sequence[str]) -> None:
        """Print final lines in place of the region, and show these rows below them.

        A printed line may be longer than the width of the terminal; a row may not.
        """
        transient.put(self.clear)
        with _signals_blocked():
            unchanged = 0 if printed else _same(self._rows, rows)
            if not printed and unchanged == len(rows) == len(self._rows):
                return
            unchanged = min(unchanged, max(0, len(self._rows) - 1))  # the cursor is in the last row
            output = "".join(f"{line}\n" for line in printed) + "\n".join(rows[unchanged:])
            if self._rows or rows:
                up = len(self._rows) - 1 - unchanged
                output = _BEGIN + _back(up, bool(self._rows)) + output + _END
            self._write(output)
            self._rows = list(rows)

    def clear(self) -> None:
        """Erase the rows, and leave the cursor at their start."""
        with _signals_blocked():
            if self._rows:
                self._write(_back(len(self._rows) - 1, is_drawn=True))
                self._rows = []


def _back(up: int, is_drawn: bool) -> str:
    """Return the sequence that goes up and erases from there on."""
    if not is_drawn:
        return ""
    return (f"\x1b[{up}A" if up > 0 else "") + "\r\x1b[J"


def _same(before: Sequence[str], after: Sequence[str]) -> int:
    """Return how many rows at the beginning are equal."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        count += 1
    return count


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block signals during an update of the screen and of its state."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def hidden_while_suspended(region: Region, redraw: Callable[[], None]) -> Iterator[None]:
    """Erase the region while the process is suspended: the shell writes there."""

    def suspend(_number: int, _frame: FrameType | None) -> None:
        region.clear()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # The process is stopped here until it is continued.
        signal.signal(signal.SIGTSTP, suspend)
        redraw()

    before = signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
