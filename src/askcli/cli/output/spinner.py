"""A spinner on the terminal until the first output.

It is shown before anything slow is imported, so this module imports very little.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress

from askcli.cli.output import transient

TICK_SECONDS = 0.1
# A counter of seconds appears only after this long.
COUNTED_SECONDS = 2.0

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ERASE = "\r\x1b[K"

_writing = threading.Lock()
_shown = False


def begin(arguments: list[str]) -> None:
    """Show the spinner for `askcli ask` on a terminal."""
    if arguments[:1] == ["ask"] and not {"-q", "--quiet", "-h", "--help"} & set(arguments):
        _show("Asking…")


def animate() -> None:
    """Animate the spinner until it is erased."""
    if _shown:
        threading.Thread(target=_turn, args=(time.monotonic(),), daemon=True).start()


def _turn(start: float) -> None:
    step = 0
    while _shown:
        seconds = time.monotonic() - start
        counted = f" {seconds:.0f} s" if seconds > COUNTED_SECONDS else ""
        with _writing:
            if _shown:
                _write(f"\r{_FRAMES[step % len(_FRAMES)]} Asking…{counted}")
        step += 1
        time.sleep(TICK_SECONDS)


def _show(text: str) -> None:
    global _shown
    # A dumb terminal cannot erase.
    is_able = os.environ.get("TERM", "dumb") != "dumb"
    if is_able and sys.stderr is not None and sys.stderr.isatty():
        _shown = True
        transient.put(_erase)  # first: a Ctrl-C may come at any moment
        _write(text)


def _erase() -> None:
    global _shown
    with _writing:
        _shown = False
        _write(_ERASE)


def _write(text: str) -> None:
    with suppress(OSError):  # the terminal is gone; the next write raises
        os.write(sys.stderr.fileno(), text.encode(sys.stderr.encoding or "ascii", "replace"))
