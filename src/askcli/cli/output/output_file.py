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
    target = path.resolve()
    _check(path, target)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape") as file:
        with redirect_stdout(file):
            yield
        file.seek(0)
        content = bytes(file.buffer.read())
    try:
        _write(target, content)
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}.") from error


def _check(path: Path, target: Path) -> None:
    """Raise Misused now for what would fail after the answer has come."""
    if target.is_dir():
        raise Misused(f"{path} is a directory: name a file in it.")
    places = [target] if target.exists() else []
    if not target.exists() or target.is_file():
        places.append(target.parent)
    for place in places:
        if not os.access(place, os.W_OK):
            raise Misused(f"cannot write {path}: no such directory, or it is not yours to write.")


def _write(target: Path, content: bytes) -> None:
    if target.exists() and not target.is_file():  # a device or a named pipe
        target.write_bytes(content)
        return
    with Replacement(target, mode=_mode(target)) as replacement:
        replacement.commit(content)


def _mode(target: Path) -> int:
    """Return the mode of the file, or of a new one."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0o077)
        os.umask(umask)
        return 0o666 & ~umask
