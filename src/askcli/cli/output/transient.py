"""What stands on the terminal's last lines only until something else is written there.

There is one cursor, so there is at most one such thing in a process: whoever writes calls `clear`
first.
"""

from __future__ import annotations

from collections.abc import Callable

_erase: Callable[[], None] | None = None


def put(erase: Callable[[], None]) -> None:
    """Something is there now; `erase` takes it away. What was there before is erased."""
    global _erase
    if _erase != erase:
        clear()
        _erase = erase


def clear() -> None:
    """Erase what is there, if anything is."""
    global _erase
    erase, _erase = _erase, None
    if erase is not None:
        erase()
