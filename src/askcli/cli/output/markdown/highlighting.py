"""Highlighting of code in little time, whatever the code: beyond it, code is shown plain.

For most languages there are short texts that the patterns of their lexers read in very many ways.
Blanks are enough for some, so no look at a text beforehand tells them from ordinary code.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time
from types import FrameType
from typing import TypeVar

from rich.console import Console
from rich.syntax import Syntax

from askcli.cli.output.markdown.rows import Line

T = TypeVar("T")

# The terminal's own sixteen colours, readable on dark and light backgrounds.
THEME = "ansi_dark"

# Twice what ordinary code takes on a slow processor, drawing included.
SECONDS_PER_CHARACTER = 5e-6

# What the code that this process shows may take beyond that, in all.
_seconds_left = 0.5


class _OutOfTime(BaseException):
    """No error, which a lexer might catch."""

    timer_of_limit = signal.ITIMER_VIRTUAL  # set again where a destructor takes the error


def code_lines(terminal: Console, code: str, language: str) -> list[Line]:
    """Return the lines of code: plain for an unknown language, or where highlighting takes long."""
    lines = in_time(code, language, lambda: _highlighted(terminal, code, language))
    return _highlighted(terminal, code, "text") if lines is None else lines


def in_time(code: str, language: str, highlight: Callable[[], T]) -> T | None:
    """Return the highlighted code, None where that takes long, or in another thread."""
    global _seconds_left
    if threading.current_thread() is not threading.main_thread():  # it alone takes signals
        return None
    ordinary, start = len(code) * SECONDS_PER_CHARACTER, process_time()
    try:
        with _limit(ordinary + _seconds_left, language):
            highlighted = highlight()
    except _OutOfTime:
        _seconds_left = 0.0  # by the timer, whose clock is not quite the other one
        return None
    _seconds_left = max(0.0, _seconds_left - max(0.0, process_time() - start - ordinary))
    return highlighted


def _highlighted(terminal: Console, code: str, language: str) -> list[Line]:
    text = Syntax("", language or "text", theme=THEME).highlight(code)
    if text.plain.endswith("\n") and not code.endswith("\n"):
        text.right_crop(1)
    return [list(line.render(terminal)) for line in text.split("\n", allow_blank=True)]


@contextmanager
def _limit(seconds: float, language: str) -> Iterator[None]:
    """Raise _OutOfTime in the block once it has used so much of the processor.

    By a signal, which ends one long match of a pattern too. It comes once, or once more where a
    destructor takes it: nothing is raised after the block.
    """

    def expire(_number: int, _frame: FrameType | None) -> None:
        raise _OutOfTime

    _ = Syntax("", language or "text").lexer  # loaded here: no import is broken off
    before = signal.signal(signal.SIGVTALRM, expire)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, max(seconds, 1e-3))
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
