"""The last lines of a terminal: what may still change, below what is printed for good.

Nothing above these lines is ever touched again, so that scrolling back, selecting and resizing
work as with any other output. Each change is one write that begins at the first line that is
different, so nothing flickers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from askcli.cli.output import transient

# Terminals that know it show all of it at once; the others take no notice.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_HELD = (signal.SIGTSTP, signal.SIGINT)


class Region:
    """Lines that may change; each is one row of the terminal, colours included."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rows: list[str] = []

    def show(self, printed: Sequence[str], rows: Sequence[str]) -> None:
        """Print lines for good in the place of the region, which then has these rows.

        A printed line may be longer than the terminal is wide; a row may not.
        """
        transient.put(self.clear)
        with _undisturbed():
            kept = 0 if printed else _same(self._rows, rows)
            if not printed and kept == len(rows) == len(self._rows):
                return
            kept = min(kept, max(0, len(self._rows) - 1))  # the cursor is in the last row
            drawn = "".join(f"{line}\n" for line in printed) + "\n".join(rows[kept:])
            if self._rows or rows:
                up = len(self._rows) - 1 - kept
                drawn = _BEGIN + _back(up, bool(self._rows)) + drawn + _END
            self._write(drawn)
            self._rows = list(rows)

    def clear(self) -> None:
        """Erase the rows; the cursor is then where they began."""
        with _undisturbed():
            if self._rows:
                self._write(_back(len(self._rows) - 1, is_drawn=True))
                self._rows = []


def _back(up: int, is_drawn: bool) -> str:
    """Go up so many rows, and erase from there on."""
    if not is_drawn:
        return ""
    return (f"\x1b[{up}A" if up > 0 else "") + "\r\x1b[J"


def _same(before: Sequence[str], after: Sequence[str]) -> int:
    """How many rows at the beginning are the same."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        count += 1
    return count


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep signals until what is on the screen is what is known of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def leaving_no_trace(region: Region, redraw: Callable[[], None]) -> Iterator[None]:
    """Take the region away while the process is suspended: the shell writes there meanwhile."""

    def suspend(_number: int, _frame: FrameType | None) -> None:
        region.clear()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # Here the process stands still, until it is continued.
        signal.signal(signal.SIGTSTP, suspend)
        redraw()

    before = signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
