"""Transient text on the terminal's last lines, erased before anything else is written.

There is at most one in a process, since there is one cursor. A terminal that is paused (Ctrl-S)
takes nothing, and a write to it waits, even one that only erases.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Protocol, TextIO

# For what is still to be said of a command whose time is up, or that Ctrl-C has ended.
LAST_SECONDS = 1.0
# For another thread that is writing just then, or a reader that is slow.
MOMENT_SECONDS = 0.1


class Transient:
    """Text that can be erased and drawn again."""

    def erase(self) -> None:
        """Erase the text and leave the cursor where it began."""

    def draw(self) -> None:
        """Draw the text at the cursor."""

    def leave(self) -> None:
        """Prepare the terminal for the shell as a signal ends the process; do not wait for long."""


class State(Protocol):
    """A state of the terminal that is to be undone."""

    def leave(self) -> None:
        """Undo it for the shell as a signal ends the process; do not wait for long."""

    def undone(self) -> AbstractContextManager[None]:
        """Undo it during a block."""


_current: Transient | None = None
_state: State | None = None
_deadline: float | None = None


def put(transient: Transient) -> None:
    """Register transient text, after erasing another one."""
    global _current
    if _current is not transient:
        clear()
        _current = transient


def clear() -> None:
    """Erase the transient text, if there is any, for good."""
    global _current
    transient, _current = _current, None
    if transient is not None:
        transient.erase()


def leave() -> None:
    """Prepare the screen for the shell, as the process is ended by a signal."""
    global _current
    transient, _current = _current, None
    if transient is not None:
        transient.leave()
    if _state is not None:
        _state.leave()


def change(state: State | None) -> None:
    """Register the state that the terminal has been given, None where it is undone."""
    global _state
    _state = state


@contextmanager
def as_found() -> Iterator[None]:
    """Give another program the terminal during the block, as the command has found it."""
    clear()
    with _state.undone() if _state else nullcontext():
        yield


def suspend() -> None:
    """Stop the process, as SIGTSTP does, with the terminal as the command has found it."""
    with _state.undone() if _state else nullcontext():
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # The process is stopped here until it is continued.
        signal.signal(signal.SIGTSTP, before)


def takes(stream: TextIO | int, seconds: float | None) -> bool:
    """Whether the stream takes text within so many seconds; None waits until it does."""
    if not getattr(getattr(stream, "buffer", stream), "may_wait", True):  # a server's log
        return True
    try:
        return bool(select.select([], [stream], [], seconds)[1])
    except (OSError, TypeError, ValueError):  # closed or in memory: a write says so
        return True


def may_be_drawn(stream: TextIO) -> bool:
    """Whether the process is not in the background, where a shell has the terminal for its line.

    A terminal that is set to (`stty tostop`) suspends a process that writes to it from there.
    """
    try:
        return os.tcgetpgrp(stream.fileno()) in (os.getpgrp(), 0)  # 0: of another container
    except OSError:  # not the process's own terminal: no shell takes it away
        return True


def next_line(descriptor: int, before: bytes = b"") -> None:
    """Leave the cursor in the next line, for the shell, unless the terminal is paused or gone."""
    with suppress(OSError):
        if takes(descriptor, MOMENT_SECONDS):
            os.write(descriptor, before + b"\n")


def end_soon() -> None:
    """Let what is not the command's output wait for a paused terminal only a little longer."""
    global _deadline
    _deadline = _deadline or time.monotonic() + LAST_SECONDS


def go_on() -> None:
    """Let notices wait again as long as the terminal is paused: the command has not ended."""
    global _deadline
    _deadline = None


def patience() -> float | None:
    """How long a notice may wait for the terminal; None is for ever."""
    return None if _deadline is None else max(MOMENT_SECONDS, _deadline - time.monotonic())


@contextmanager
def lifted() -> Iterator[None]:
    """Erase the transient text during the block, which writes lines, and draw it again below."""
    transient = _current
    if transient is not None:
        transient.erase()
    yield
    if transient is not None and transient is _current:
        transient.draw()
