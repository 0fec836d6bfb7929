"""A file that takes the place of stdout, and is replaced only by all of the output."""

from __future__ import annotations

import errno
import fcntl
import locale
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from askcli.cli.output.terminal import console, transient
from askcli.errors import Failed, Misused
from askcli.files import Replacement, belongs_to_another_sharer


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file for output: its path, and the file or device to which the path led when checked.

    `status` is that of the target then, None for a new one. A file that this process has open, and
    the path is a name of, counts as a device; `descriptor` is a duplicate of its descriptor.
    """

    path: Path
    target: Path
    is_device: bool
    status: os.stat_result | None
    descriptor: int | None = None

    def write(self, content: bytes) -> None:
        """Replace the file's content, or write to the device.

        An existing file keeps its permissions. A link or file made after the check is replaced, the
        link not followed. Raises OSError, the old file untouched.
        """
        if self.is_device:
            self._write_through(content)
            return
        with Replacement(self.target, mode=self._permissions()) as replacement:
            replacement.commit(content)

    def _write_through(self, content: bytes) -> None:
        transient.clear()
        with self._opened() as file:
            if file.isatty():
                text = content.decode("utf-8", "surrogateescape")
                content = console.visible(text).encode(
                    locale.getpreferredencoding(do_setlocale=False), "replace"
                )
            console.write_all(file, content)

    def _opened(self) -> BinaryIO:
        """Open the device, without truncating what may be another process's open file."""
        if self.descriptor is not None:
            return cast(BinaryIO, open(self.descriptor, "wb", buffering=0, closefd=False))
        return cast(BinaryIO, self.target.open("ab", buffering=0))

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
    from askcli.files import open_files  # most commands write no file

    try:
        if follows_link and (name := open_files.name_of_open_file(path)):
            duplicate = _duplicate(open_files.own_descriptor(name), name)
            output = OutputFile(path, name, True, None, duplicate)
        else:
            # A device, a pipe or a socket cannot be replaced.
            is_device = follows_link and path.exists() and not path.is_file()
            is_followed = follows_link and not is_device
            target = Path(os.path.realpath(path)) if is_followed else path
            if is_followed and target.is_symlink():  # they lead to each other
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            output = OutputFile(path, target, is_device, _status(target))
        _check_writable(output)
    except OSError as error:
        raise Misused(f"cannot write {path}: {error.strerror}.") from None
    return output


def _duplicate(descriptor: int | None, name: Path) -> int | None:
    """Return a duplicate of the descriptor that has the name, None for another process's (None).

    It stays open until the process ends. Raises OSError for one that is not open, not for writing,
    or not inherited: such a number may be that of any file which this process has opened itself.
    """
    if descriptor is None:
        return None
    is_readable_only = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    if is_readable_only or not os.get_inheritable(descriptor):
        raise OSError(errno.EBADF, "it is not open for writing", str(name))
    return os.dup(descriptor)


def _check_writable(output: OutputFile) -> None:
    path, target = output.path, output.target
    if target.is_dir():
        raise Misused(f"{path} is a directory: name a file in it.")
    if belongs_to_another_sharer(path):
        raise Misused(f"{path} is another user's, in a directory that users share: name another.")
    if output.descriptor is not None:
        return
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
