"""Paths that are names of open files: /dev/stdout, /dev/fd/3, /proc/self/fd/3 and links to them."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Of a process or one of its threads; macOS has only /dev/fd.
_DIRECTORY = re.compile(r"/proc/([0-9]+)(/task/[0-9]+)?/fd|/dev/fd")
_NUMBER = re.compile("[0-9]+")
_MOST_LINKS = 40  # as in Linux
_LAST_DESCRIPTOR = 2**31 - 1


def name_of_open_file(path: Path) -> Path | None:
    """Return the name, without links, of the open file that the path leads to; None for another.

    That name is a link, too, but what it leads to is not what it means: the file may have been
    deleted, and its offset belongs to those who have it open.
    """
    for _ in range(_MOST_LINKS):
        parent = Path(os.path.realpath(path.parent))
        if _DIRECTORY.fullmatch(str(parent)) and _NUMBER.fullmatch(path.name):
            return parent / path.name
        if not path.is_symlink():
            return None
        path = parent / path.readlink()
    return None


def own_descriptor(name: Path) -> int | None:
    """Return the descriptor if the open file is one of this process, by its name without links."""
    match = _DIRECTORY.fullmatch(str(name.parent))
    is_own = match is not None and match[1] in (None, str(os.getpid()))
    return min(int(name.name), _LAST_DESCRIPTOR) if is_own else None
