"""What processes that were killed have left: beside a file, or where temporary files are."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from askcli.files import NEW, new_prefix, try_lock

SECONDS = 3600


def remove(path: Path) -> None:
    """Remove what was to replace the file, an hour later: nothing else, whatever its name.

    And never what is still locked: its process may have been stopped for so long.
    """
    _remove_old(path.parent, new_prefix(path), NEW, _is_file, Path.unlink)


def remove_directories(prefix: str) -> None:
    """Remove this user's temporary directories with such a name, as `remove` does."""
    _remove_old(Path(tempfile.gettempdir()), prefix, "", _is_our_directory, shutil.rmtree)


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


def _remove_old(
    directory: Path,
    prefix: str,
    suffix: str,
    is_kind: Callable[[os.stat_result], bool],
    remove: Callable[[Path], object],
) -> None:
    name = re.compile(rf"{re.escape(prefix)}[a-z0-9_]{{8}}{re.escape(suffix)}")
    with suppress(OSError), os.scandir(directory) as entries:
        for left in [Path(entry) for entry in entries if name.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove_one(left, is_kind, remove)


def _remove_one(
    left: Path, is_kind: Callable[[os.stat_result], bool], remove: Callable[[Path], object]
) -> None:
    # Neither a link is followed, nor a pipe's other end waited for.
    handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        is_old = time.time() - status.st_mtime > SECONDS
        if is_old and is_kind(status) and try_lock(handle):
            remove(left)
    finally:
        os.close(handle)


def _is_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode)


def _is_our_directory(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
