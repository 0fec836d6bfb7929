"""The modes of a terminal, and how the shell finds them again."""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from askcli.cli.output import transient


class Modes:
    """The modes of a terminal before a prompt changes them; `ending` undoes what else it sets."""

    def __init__(self, descriptor: int, ending: bytes = b"") -> None:
        self._descriptor = descriptor
        self._modes = termios.tcgetattr(descriptor)
        self._ending = ending

    def leave(self) -> None:
        """Restore the modes, drop what is half typed, and go to the next line."""
        with suppress(OSError, termios.error):  # the terminal is gone
            if not self._is_ours():
                return
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
            self.restore()
            transient.next_line(self._descriptor, self._ending)

    def restore(self) -> None:
        """Restore the modes, as the shell has to find them."""
        with suppress(OSError, termios.error):
            if self._is_ours():
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._modes)

    def hide(self) -> None:
        """Turn the echo off, and drop what was typed before."""
        with suppress(OSError, termios.error):
            if self._is_ours():
                modes = termios.tcgetattr(self._descriptor)
                modes[3] &= ~termios.ECHO
                termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, modes)

    def _is_ours(self) -> bool:
        """Whether the terminal is not the shell's now, as it is while a command is suspended."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # not the controlling terminal: no shell takes it away
            return True

    def keep_for_later(self) -> None:
        """Show nothing of what is typed, and keep each key for the next reader, as a prompt is.

        Keys that send a signal go on to do so.
        """
        with suppress(OSError, termios.error):
            if self._is_ours():
                modes = termios.tcgetattr(self._descriptor)
                modes[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR)
                modes[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
                termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Give the terminal to another program in the block, as the shell would do."""
        self.restore()
        try:
            yield
        finally:
            self.keep_for_later()


@contextmanager
def keys_kept(descriptor: int, ending: bytes) -> Iterator[None]:
    """Keep what is typed in the block for prompts: nothing is echoed while an answer is printed."""
    modes = Modes(descriptor, ending)
    transient.change(modes)
    modes.keep_for_later()
    try:
        yield
    finally:
        transient.change(None)
        modes.restore()
