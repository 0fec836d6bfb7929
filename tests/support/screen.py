"""A terminal in memory: what a program writes, and what a person sees of it."""

from __future__ import annotations

import io
from copy import copy
from typing import Any

import pyte


class Output(io.TextIOWrapper):
    """A UTF-8 stream that keeps what is written to it."""

    def __init__(self) -> None:
        self.written = io.BytesIO()
        super().__init__(self.written, encoding="utf-8", newline="\n")

    def getvalue(self) -> str:
        """All that was written."""
        return self.written.getvalue().decode()


class Terminal(Output):
    """The same, and it says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines(written: str, columns: int = 80, rows: int = 24) -> list[str]:
    """All lines that a terminal shows or has scrolled away, without blanks at their ends."""
    return screen_lines(fed(written, columns, rows))


def fed(written: str, columns: int = 80, rows: int = 24) -> pyte.HistoryScreen:
    """A screen after a program has written this."""
    screen = pyte.HistoryScreen(columns, rows, history=100_000)
    pyte.Stream(screen).feed(written.replace("\r\n", "\n").replace("\n", "\r\n"))
    return screen


def reflowed(screen: pyte.HistoryScreen, columns: int) -> pyte.HistoryScreen:
    """The screen after a resize by a terminal that wraps its lines anew, as most do.

    None of its lines may be as wide as it was.
    """
    scrolled = [_text(row, screen.columns) for row in screen.history.top]
    above = [line.rstrip() for line in screen.display[: screen.cursor.y]]
    last = screen.display[screen.cursor.y][: screen.cursor.x]
    return fed("\n".join([*scrolled, *above, last]), columns, screen.lines)


def screen_lines(screen: pyte.HistoryScreen) -> list[str]:
    """All lines of a screen and of what was scrolled away, without blanks at their ends."""
    scrolled = [_text(row, screen.columns) for row in screen.history.top]
    return [*scrolled, *(line.rstrip() for line in screen.display)]


def _text(row: Any, columns: int) -> str:
    return "".join(row[column].data for column in range(columns)).rstrip()


class KeepingScreen(pyte.HistoryScreen):
    """A screen that, as tmux does, keeps what is on it when all of it is erased at once."""

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        """Erase; from the first column of the first row, the rows are kept as scrolled away."""
        if how == 0 and (self.cursor.x, self.cursor.y) == (0, 0):
            for row in range(self.lines):
                self.history.top.append(copy(self.buffer[row]))
        super().erase_in_display(how, *args, **kwargs)
