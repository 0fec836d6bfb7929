"""The modes of a terminal, and how the shell finds them again."""

from __future__ import annotations

import errno
import os
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from askcli.cli.output.terminal import transient
from askcli.signals import handled


class Modes:
    """The modes of a terminal before a prompt changes them.

    `beginning` is what is written for the prompts, too, and `ending` what undoes it.
    """

    def __init__(self, descriptor: int, beginning: bytes = b"", ending: bytes = b"") -> None:
        self._descriptor = descriptor
        self._modes = termios.tcgetattr(descriptor)
        self._beginning, self._ending = beginning, ending
        self._is_lent = False

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
        return _is_ours(self._descriptor)

    def keep_for_later(self) -> None:
        """Echo nothing that is typed, and keep each key for the next reader, such as a prompt.

        Keys that send a signal go on to do so. Nothing is done while another has the terminal.
        """
        with suppress(OSError, termios.error):
            if self._is_ours() and not self._is_lent:
                modes = [*self._modes]  # not those of now, which an editor may have left
                modes[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR)
                modes[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
                termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)
                self._write(self._beginning)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Give the terminal to another program in the block, as the shell would do."""
        was_lent = self._is_lent
        if not was_lent:
            self.end()
        self._is_lent = True
        try:
            yield
        finally:
            self._is_lent = was_lent
            self.keep_for_later()

    def end(self) -> None:
        """Undo all."""
        self.restore()
        if self._is_ours():
            self._write(self._ending)

    def _write(self, sequence: bytes) -> None:
        with suppress(OSError):
            if sequence and transient.takes(self._descriptor, transient.MOMENT_SECONDS):
                os.write(self._descriptor, sequence)


def _is_ours(descriptor: int) -> bool:
    """Whether the terminal is not the shell's now, as it is while a command is suspended."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # not the controlling terminal: no shell takes it away
        return True


def wait_for_terminal(descriptor: int) -> None:
    """Wait, suspended, while the process is in the background, until `fg`.

    A prompt that sets modes there fails after `fg`, as its call is interrupted. Where nothing can
    suspend the process, as SIGTTOU is ignored or blocked, nothing is waited for.
    """
    while not _is_ours(descriptor):
        try:
            termios.tcdrain(descriptor)  # suspends who calls it in the background
        except termios.error as error:
            if error.args[0] == errno.EINTR:
                continue
        return


def _suspend(_number: int, _frame: FrameType | None) -> None:
    with transient.lifted():
        transient.suspend()


@contextmanager
def keys_kept(descriptor: int, beginning: bytes, ending: bytes) -> Iterator[None]:
    """Keep what is typed in the block for prompts: nothing is echoed while an answer is printed.

    The shell has the terminal as it was while the process is suspended.
    """
    wait_for_terminal(descriptor)
    modes = Modes(descriptor, beginning, ending)
    transient.change(modes)
    modes.keep_for_later()
    # After SIGSTOP, too.
    handlers = {signal.SIGTSTP: _suspend, signal.SIGCONT: lambda *_: modes.keep_for_later()}
    try:
        with handled(handlers):
            yield
    finally:
        transient.change(None)
        modes.end()
