"""Signals that ask for a stop: which are one request, and which are an urgent second one."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

# A service manager signals every process of a service at once, and so does the parent of workers.
SAME_REQUEST_SECONDS = 10.0

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


def handled_signals() -> list[int]:
    """Return the signals to handle: not a hang-up that is ignored already, as by nohup."""
    return [
        number
        for number in SIGNALS
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]


def reads_settings_on_hang_up() -> bool:
    """Whether a hang-up is no request to stop: there is no controlling terminal to be closed.

    So it is where a service manager or a container has started the server.
    """
    if signal.SIGHUP not in handled_signals():
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return True
    return False


class EarlyHangUp:
    """Handles a hang-up that comes while the server starts; it is remembered until it serves."""

    def __init__(self) -> None:
        self.has_come = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Remember it."""
        self.has_come = True


def remember_hang_up() -> None:
    """Let a hang-up end the process no more, where it means to read the settings again."""
    if reads_settings_on_hang_up():
        signal.signal(signal.SIGHUP, EarlyHangUp())


class StopRequests:
    """The signals of one process so far.

    A further signal is urgent, so that no answer is waited for: a second SIGINT, any signal some
    seconds after the first one, or SIGQUIT, which the parent of workers sends them for it.
    """

    def __init__(self) -> None:
        self._first: float | None = None
        self._interrupts = 0

    def is_urgent(self, number: int) -> bool:
        """Count the signal, and return whether it is urgent."""
        now = time.monotonic()
        first = self._first = now if self._first is None else self._first
        self._interrupts += number == signal.SIGINT
        return (
            number == signal.SIGQUIT or self._interrupts > 1 or now - first > SAME_REQUEST_SECONDS
        )
