"""What processes that were killed have left: beside a file, or where temporary files are."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from askcli.files import NEW, new_prefix, try_lock

SECONDS = 3600


def remove(path: Path) -> None:
    """Remove what was to replace the file, an hour later: nothing else, whatever its name.

    And never what is still locked: its process may have been stopped for so long.
    """
    for left, status in _old(path.parent, new_prefix(path), NEW):
        if stat.S_ISREG(status.st_mode):
            with suppress(OSError):
                left.unlink()


def remove_directories(prefix: str) -> None:
    """Remove this user's temporary directories with such a name, as `remove` does."""
    for left, status in _old(Path(tempfile.gettempdir()), prefix):
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def in_use(directory: str) -> Iterator[None]:
    """Lock a temporary directory, so that no other process takes it for left. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system has locks
            try_lock(handle)
        yield
    finally:
        os.close(handle)


def _old(directory: Path, prefix: str, suffix: str = "") -> Iterator[tuple[Path, os.stat_result]]:
    """Yield what `tempfile` has named so, is old, and is locked by nobody else meanwhile."""
    name = re.compile(rf"{re.escape(prefix)}[a-z0-9_]{{8}}{re.escape(suffix)}")
    with suppress(OSError), os.scandir(directory) as entries:
        for left in [Path(entry) for entry in entries if name.fullmatch(entry.name)]:
            with suppress(OSError):
                yield from _locked_if_old(left)


def _locked_if_old(left: Path) -> Iterator[tuple[Path, os.stat_result]]:
    # Neither a link is followed, nor a pipe's other end waited for.
    handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if time.time() - status.st_mtime > SECONDS and try_lock(handle):
            yield left, status
    finally:
        os.close(handle)
