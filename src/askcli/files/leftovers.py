"""What processes that were killed while they replaced a file have left beside it."""

from __future__ import annotations

import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path

from askcli.files import NEW, new_prefix, try_lock

SECONDS = 3600


def remove(path: Path) -> None:
    """Remove what was to replace the file, an hour later: nothing else, whatever its name.

    And never what is still locked: its process may have been stopped for so long.
    """
    name = re.compile(rf"{re.escape(new_prefix(path))}[a-z0-9_]{{8}}{re.escape(NEW)}")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for left in [Path(entry) for entry in entries if name.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove_old(left)


def _remove_old(left: Path) -> None:
    # Neither a link is followed, nor a pipe's other end waited for.
    handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        is_old = time.time() - status.st_mtime > SECONDS
        if is_old and stat.S_ISREG(status.st_mode) and try_lock(handle):
            left.unlink()
    finally:
        os.close(handle)
