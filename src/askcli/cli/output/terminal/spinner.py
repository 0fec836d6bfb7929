"""A spinner on the terminal until the first output.

It is shown before anything slow is imported, so this module imports very little.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate

from askcli.cli.output.terminal import transient

TICK_SECONDS = 0.1
# A counter of seconds appears only after this long.
COUNTED_SECONDS = 2.0
# For its thread, which may be in a write to a terminal that was paused just then.
LOCK_SECONDS = 0.5

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ERASE_REST = "\x1b[K"
_ERASE = f"\r{_ERASE_REST}"


class Spinner(transient.Transient):
    """One row: a mark that turns, a text, and a counter of seconds where it ends with `…`."""

    def __init__(self) -> None:
        self._text = ""
        self._start = 0.0
        self._step = 0
        self._is_shown = False
        self._is_animated = False
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()  # a signal's handler may erase in the middle of a write

    def draw(self) -> None:
        """Show the spinner."""
        with self._locked():
            self._is_shown = True
            _write(self._row(), 0)
            self._turn()

    def erase(self) -> None:
        """Erase the spinner; waits for a paused terminal, as what is written next would."""
        self._erase(transient.patience())

    def leave(self) -> None:
        """Erase the spinner, unless the terminal is paused."""
        self._erase(0)

    def _erase(self, seconds: float | None) -> None:
        with self._locked():
            self._is_shown = False  # so its thread writes nothing more
        _write(_ERASE, seconds)

    def say(self, text: str) -> bool:
        """Replace the text; return whether it is shown."""
        with self._locked():
            self._text, self._start = text, time.monotonic()
            if self._is_shown:
                _write(self._row(), 0)
            return self._is_shown

    def animate(self) -> None:
        """Turn the mark from now on."""
        with self._locked():
            self._is_animated = True
            self._turn()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        is_locked = self._lock.acquire(timeout=LOCK_SECONDS)
        try:
            yield
        finally:
            if is_locked:
                self._lock.release()

    def _turn(self) -> None:
        """Start the thread that turns the mark, unless it runs."""
        if not self._is_animated or not self._is_shown or self._thread:
            return
        # For a thread alone.
        from askcli.cli.output.terminal.held_signals import start_without_signals

        self._thread = threading.Thread(target=self._run, daemon=True)
        if not start_without_signals(self._thread):
            self._thread = None  # the mark stands still

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._is_shown:
                    self._thread = None
                    return
                self._step += 1
                _write(self._row(), 0)
            time.sleep(TICK_SECONDS)

    def _row(self) -> str:
        mark = f"{_FRAMES[self._step % len(_FRAMES)]} " if self._is_animated else ""
        seconds = time.monotonic() - self._start
        is_counted = self._text.endswith("…") and seconds > COUNTED_SECONDS
        counter = f" {seconds:.0f} s" if is_counted else ""
        # One row, or it could not be erased.
        return f"\r{mark}{_cut(self._text, _columns() - 10)}{counter}{_ERASE_REST}"


_spinner = Spinner()


def begin(arguments: list[str]) -> None:
    """Show the spinner for `askcli ask` on a terminal."""
    if arguments[:1] == ["ask"] and not {"-q", "--quiet", "-h", "--help"} & set(arguments):
        show("Asking…")


def animate() -> None:
    """Animate the spinner, if it is shown."""
    _spinner.animate()


def say(text: str) -> bool:
    """Replace the spinner's text by another one, without line feeds; return whether it is shown."""
    return _spinner.say(text)


def show(text: str) -> None:
    """Show the spinner with this text, where stderr is a terminal that can erase it."""
    _spinner.say(text)
    # A dumb terminal cannot erase.
    is_able = os.environ.get("TERM", "dumb") != "dumb"
    if is_able and sys.stderr is not None and sys.stderr.isatty():
        transient.put(_spinner)  # first: a Ctrl-C may come at any moment
        _spinner.draw()


def _cut(text: str, cells: int) -> str:
    """Return what of the text certainly fits into so many cells of the terminal."""
    cells = max(cells, 0)
    if text.isascii() or 2 * len(text) <= cells:
        return text[:cells]
    from unicodedata import category, east_asian_width  # only for what a server says

    def width(char: str) -> int:
        return 2 if east_asian_width(char) in "WFA" or category(char) in ("So", "Sk") else 1

    ends = accumulate(map(width, text))
    return text[: sum(end <= cells for end in ends)]


def _columns() -> int:
    with suppress(OSError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return 80


def _write(text: str, seconds: float | None) -> None:
    """Write, unless the terminal takes nothing within so many seconds."""
    if not transient.may_be_drawn(sys.stderr) or not transient.takes(sys.stderr, seconds):
        return
    with suppress(OSError):  # the terminal is gone; the next write raises
        os.write(sys.stderr.fileno(), text.encode(sys.stderr.encoding or "ascii", "replace"))
