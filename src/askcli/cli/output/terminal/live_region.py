"""The live region: the last rows of a terminal, which may still change.

Nothing above it is ever changed again, so that scrolling back, selecting and resizing work as with
any other output. Each change is one write that starts at the first row that differs, so nothing
flickers.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from askcli.cli.output.terminal import transient
from askcli.cli.output.terminal.heights import height
from askcli.cli.output.terminal.held_signals import held
from askcli.cli.output.terminal.outgoing import Outgoing
from askcli.signals import handled

# Synchronized output: supporting terminals show all of it at once, others ignore it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
# From the second column on: from the first column of the first row it would be the whole screen,
# which tmux keeps in its history when it is erased.
_ERASE = "\r\x1b[K\x1b[C\x1b[J\r"


class Region(transient.Transient):
    """Rows that may change; each is one row of the terminal, with its colours."""

    def __init__(self) -> None:
        self._output = Outgoing()
        self._rows: list[str] = []
        self._is_drawn = False

    def show(self, final: list[str], rows: Sequence[str]) -> None:
        """Print final lines in place of the region, and show these rows below them.

        A final line may be longer than the width of the terminal; a row may not. The list is
        emptied: its lines are written, where an interrupt follows before anything else.
        """
        transient.put(self)
        with held():
            self._output.put(self._change(final, rows))
            self._rows, self._is_drawn = list(rows), True
            final.clear()
        self._output.send()

    def _change(self, final: list[str], rows: Sequence[str]) -> str:
        """Return what changes the rows on the terminal into these lines and rows."""
        drawn = self._rows if self._is_drawn else []
        unchanged = 0 if final else _same(drawn, rows)
        if not final and unchanged == len(rows) == len(drawn):
            return ""
        # The cursor is in the last row, before and after.
        unchanged = max(0, min(unchanged, len(drawn) - 1, len(rows) - 1))
        output = "".join(f"{line}\n" for line in final) + "\n".join(rows[unchanged:])
        return _BEGIN + _back(drawn[unchanged:]) + output + _END if drawn or rows else output

    def erase(self) -> None:
        """Erase the rows, and leave the cursor at their start."""
        with held():
            if self._is_drawn:
                self._output.put(_back(self._rows))
                self._is_drawn = False
        self._output.send()

    def draw(self) -> None:
        """Show the rows again."""
        self.show([], self._rows)

    def leave(self) -> None:
        """Keep the rows, and leave the cursor in the line below them."""
        is_whole = self._output.send(at_once=True)
        if not is_whole or (self._is_drawn and self._rows):
            transient.next_line(sys.stdout.fileno())


def _back(rows: Sequence[str]) -> str:
    """Return the sequence that goes up to the first of the drawn rows and erases from there on."""
    up = sum(_heights(rows)) - 1
    return (f"\x1b[{up}A" if up > 0 else "") + _ERASE if rows else ""


def _heights(rows: Sequence[str]) -> Iterator[int]:
    """Yield how many rows the terminal has made of each: it may have become narrower since."""
    columns = shutil.get_terminal_size().columns if _wraps_anew() else sys.maxsize
    for row in rows:
        yield height(row, columns)


def _wraps_anew() -> bool:
    """Whether the terminal wraps its lines anew when it is resized, as most do.

    The console, xterm, st and GNU screen cut them off. What is above them is no longer ours to
    erase: where nothing is known of a terminal, as xterm's behind ssh, a part of it may be lost.
    """
    kind = os.environ.get("TERM", "").partition("-")[0].partition(".")[0]
    is_screen = kind == "screen" and "TMUX" not in os.environ
    return kind not in ("linux", "st") and not is_screen and "XTERM_VERSION" not in os.environ


def _same(before: Sequence[str], after: Sequence[str]) -> int:
    """Return how many rows at the beginning are equal."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        count += 1
    return count


@contextmanager
def hidden_while_suspended(region: Region, redraw: Callable[[], None]) -> Iterator[None]:
    """Erase the region while the process is suspended: the shell writes there.

    Then its rows are shown again, and drawn anew: the terminal may have another width.
    """

    def suspend(_number: int, _frame: FrameType | None) -> None:
        region.erase()
        transient.suspend()
        region.draw()
        redraw()

    with handled({signal.SIGTSTP: suspend}):
        yield
