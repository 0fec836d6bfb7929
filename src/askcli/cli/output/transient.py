"""Transient text on the terminal's last lines, erased before anything else is written.

There is at most one in a process, since there is one cursor.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Transient:
    """Text that can be erased and drawn again."""

    def erase(self) -> None:
        """Erase the text and leave the cursor where it began."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the text at the cursor."""
        raise NotImplementedError

    def leave(self) -> None:
        """Prepare the screen for the shell, as the process is ended by a signal."""
        self.erase()


_current: Transient | None = None


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


@contextmanager
def lifted() -> Iterator[None]:
    """Erase the transient text during the block, which writes lines, and draw it again below."""
    transient = _current
    if transient is not None:
        transient.erase()
    yield
    if transient is not None and transient is _current:
        transient.draw()
