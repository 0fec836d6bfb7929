"""The default command, for arguments without one.

It is read before anything is loaded, so this module imports very little.
"""

from __future__ import annotations

import os
import stat
import sys


def with_command(arguments: list[str]) -> list[str]:
    """Return the arguments with `ask` before a question: words with blanks, or a pipe alone."""
    if arguments:
        return ["ask", *arguments] if len(arguments[0].split()) > 1 else arguments
    return ["ask"] if _is_piped() else arguments


def _is_piped() -> bool:
    """Whether stdin is a pipe or a file: a service's /dev/null holds no question."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode if sys.stdin else 0
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
