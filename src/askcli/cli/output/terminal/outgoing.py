"""Text on its way to a terminal, which may be slow or paused (Ctrl-S)."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

from askcli.cli.output.terminal import console, transient
from askcli.cli.output.terminal.held_signals import held, let_through

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# Written at once to a terminal that cannot be opened again.
PIECE_BYTES = 4096
# Before the next try: a terminal that says it takes text may have room for half a line feed only.
PAUSE_SECONDS = 0.005


class Outgoing:
    """Text for stdout. A terminal takes at a time what it has room for.

    While it takes nothing a signal may come: what is left then is written before anything else.
    """

    def __init__(self) -> None:
        self._left = b""

    def put(self, text: str) -> None:
        """Append text."""
        self._left += console.encoded(sys.stdout, text)

    def send(self, *, at_once: bool = False) -> bool:
        """Write until all is taken; return whether it is.

        At the end of a command, a terminal that takes nothing is not waited for for long.
        """
        while self._left:
            with held():
                with console.errors(sys.stdout):
                    size = write_some(sys.stdout, self._left)
                self._left = self._left[size:]
                if not size and not _has_room(at_once=at_once):
                    return False
        return True


def _has_room(*, at_once: bool) -> bool:
    """Whether the terminal takes text, for which it is waited."""
    with let_through():
        has_room = transient.takes(sys.stdout, 0 if at_once else transient.patience())
        time.sleep(PAUSE_SECONDS)
        return has_room


def write_some(stream: TextIO, data: ReadableBuffer) -> int:
    """Write what the terminal takes without a wait; return how many bytes.

    By a description of its own: that of the stream is the shell's as well, and has to block.
    """
    try:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
        own = os.open(os.ttyname(stream.fileno()), flags)
    except OSError:  # it is another user's, or is in memory
        raw = getattr(stream.buffer, "raw", stream.buffer)
        is_ready = transient.takes(stream, 0)
        return raw.write(memoryview(data)[:PIECE_BYTES]) or 0 if is_ready else 0
    try:
        return os.write(own, data)
    except BlockingIOError:
        return 0
    finally:
        os.close(own)
