"""A file that takes the place of stdout, and is replaced only by all of the output."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from askcli.errors import Failed, Misused
from askcli.files import Replacement


@contextmanager
def replaced(path: Path | None) -> Iterator[None]:
    """Replace the file by what the block writes to stdout, if the block succeeds.

    A link stays one, and an existing file keeps its mode. None and `-` are stdout itself. Raises
    Misused at once for a file that cannot be written, and Failed if that fails in the end.
    """
    if path is None or str(path) == "-":
        yield
        return
    check(path)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape") as file:
        with redirect_stdout(file):
            yield
        file.seek(0)
        content = bytes(file.buffer.read())
    try:
        write(path, content)
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}.") from error


def check(path: Path) -> None:
    """Raise Misused now for an error that would otherwise follow the answer."""
    target = _target(path)
    if target.is_dir():
        raise Misused(f"{path} is a directory: name a file in it.")
    places = [target] if target.exists() else []
    if not _is_device(target):
        places.append(target.parent)
    for place in places:
        if not os.access(place, os.W_OK):
            raise Misused(f"cannot write {path}: no such directory, or it is not yours to write.")


def write(path: Path, content: bytes) -> None:
    """Replace the file's content, or write to the device. Raises OSError, the old file untouched.

    A link stays one, and an existing file keeps its mode.
    """
    target = _target(path)
    if _is_device(target):
        target.write_bytes(content)
        return
    with Replacement(target, mode=_mode(target)) as replacement:
        replacement.commit(content)


def remove(path: Path) -> None:
    """Remove the file if there is one; a device stays. Raises OSError."""
    if path.is_file():
        _target(path).unlink()


def _is_device(path: Path) -> bool:
    """Whether there is a device, a pipe or a socket, which cannot be replaced."""
    return path.exists() and not path.is_file()


def _target(path: Path) -> Path:
    """Return the file that a link leads to; a pipe behind /dev/stderr has no path of its own."""
    return path if _is_device(path) else path.resolve()


def _mode(target: Path) -> int:
    """Return the mode of the file, or of a new one."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0o077)
        os.umask(umask)
        return 0o666 & ~umask
