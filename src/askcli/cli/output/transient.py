"""Transient text on the terminal's last lines, erased before anything else is written.

There is at most one in a process, since there is one cursor; writers call `clear` first.
"""

from __future__ import annotations

from collections.abc import Callable

_erase: Callable[[], None] | None = None


def put(erase: Callable[[], None]) -> None:
    """Register transient text and the function that erases it, after erasing an earlier one."""
    global _erase
    if _erase != erase:
        clear()
        _erase = erase


def clear() -> None:
    """Erase the transient text, if there is any."""
    global _erase
    erase, _erase = _erase, None
    if erase is not None:
        erase()
