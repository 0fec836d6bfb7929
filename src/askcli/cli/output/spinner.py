"""A sign of life on the terminal, from the first moment until the first word.

It is shown before anything slow is loaded, so this module loads next to nothing.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress

from askcli.cli.output import transient

TICK_SECONDS = 0.1
# Sooner, seconds that count would only distract.
COUNTED_SECONDS = 2.0

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ERASE = "\r\x1b[K"

_writing = threading.Lock()
_shown = False


def begin(arguments: list[str]) -> None:
    """Show the sign where somebody looks who has asked something."""
    if arguments[:1] == ["ask"] and not {"-q", "--quiet", "-h", "--help"} & set(arguments):
        _show("Asking…")


def animate() -> None:
    """Let the sign move, and tell the seconds, until it is erased."""
    if _shown:
        threading.Thread(target=_turn, args=(time.monotonic(),), daemon=True).start()


def _turn(began: float) -> None:
    step = 0
    while _shown:
        seconds = time.monotonic() - began
        counted = f" {seconds:.0f} s" if seconds > COUNTED_SECONDS else ""
        with _writing:
            if _shown:
                _write(f"\r{_FRAMES[step % len(_FRAMES)]} Asking…{counted}")
        step += 1
        time.sleep(TICK_SECONDS)


def _show(text: str) -> None:
    global _shown
    # A dumb terminal cannot take anything away again.
    is_able = os.environ.get("TERM", "dumb") != "dumb"
    if is_able and sys.stderr is not None and sys.stderr.isatty():
        _shown = True
        _write(text)
        transient.put(_erase)


def _erase() -> None:
    global _shown
    with _writing:
        _shown = False
        _write(_ERASE)


def _write(text: str) -> None:
    with suppress(OSError):  # a terminal that has gone: whoever writes there next is told
        os.write(sys.stderr.fileno(), text.encode(sys.stderr.encoding or "ascii", "replace"))
