"""A file that takes the place of stdout, and is replaced only by all of the output."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from askcli.errors import Failed, Misused
from askcli.files import Replacement, belongs_to_another_sharer


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file for output: its path, and the file or device to which the path led when checked.

    `status` is that of the target then, None for a new one.
    """

    path: Path
    target: Path
    is_device: bool
    status: os.stat_result | None

    def write(self, content: bytes) -> None:
        """Replace the file's content, or write to the device.

        An existing file keeps its permissions. A link or file made after the check is replaced, the
        link not followed. Raises OSError, the old file untouched.
        """
        if self.is_device:
            self.target.write_bytes(content)
            return
        with Replacement(self.target, mode=self._permissions()) as replacement:
            replacement.commit(content)

    def _permissions(self) -> int:
        """Return the permissions of the file that was checked, or of a new one.

        Where users share the directory, another one may have made the file that is there now: its
        number may be that of the old one, so that it gets no more than the old one had.
        """
        status, before = _status(self.target), self.status
        if status and before and stat.S_ISREG(status.st_mode) and os.path.samestat(status, before):
            return status.st_mode & before.st_mode & 0o777
        umask = os.umask(0o077)
        os.umask(umask)
        return 0o666 & ~umask


@contextmanager
def replaced(path: Path | None) -> Iterator[None]:
    """Replace the file by what the block writes to stdout, if the block succeeds.

    A link stays one, and an existing file keeps its permissions. None and `-` are stdout itself.
    Raises Misused at once for a file that cannot be written, and Failed if that fails in the end
    or if stdout is closed.
    """
    if path is None or str(path) == "-":
        if sys.stdout is None:  # closed by the parent
            raise Failed("there is no stdout to write to: use -o FILE.")
        yield
        return
    output = checked(path)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape") as file:
        with redirect_stdout(file):
            yield
        file.seek(0)
        content = bytes(file.buffer.read())
    try:
        output.write(content)
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}.") from error


def checked(path: Path, *, follows_link: bool = True) -> OutputFile:
    """Return the file to write. Raises Misused for an error that would otherwise follow the answer.

    Without `follows_link` the output replaces whatever has that name.
    """
    try:
        # A device, a pipe or a socket cannot be replaced; the pipe behind /dev/stderr has no path.
        is_device = follows_link and path.exists() and not path.is_file()
        is_followed = follows_link and not is_device
        target = Path(os.path.realpath(path)) if is_followed else path
        output = OutputFile(path, target, is_device, _status(target))
        _check_writable(output)
    except OSError as error:
        raise Misused(f"cannot write {path}: {error.strerror}.") from None
    return output


def _check_writable(output: OutputFile) -> None:
    path, target = output.path, output.target
    if target.is_dir():
        raise Misused(f"{path} is a directory: name a file in it.")
    if belongs_to_another_sharer(path):
        raise Misused(f"{path} is another user's, in a directory that users share: name another.")
    places = [target] if target.exists() else []
    if not output.is_device:
        places.append(target.parent)
    for place in places:
        if not os.access(place, os.W_OK):
            raise Misused(f"cannot write {path}: no such directory, or it is not yours to write.")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
