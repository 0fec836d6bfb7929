"""Private files: directories of mode 0700, files of mode 0600, atomic replacement, locks."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from askcli.errors import Failed, TimedOut

# flock has no time-out of its own.
POLL_SECONDS = 0.02
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)  # of a disk, or left to a user
NEW = ".askcli"  # the end of the name of a file that is to replace another


def private_directory(path: Path) -> Path:
    """Create the directory if need be, with mode 0700, and return it.

    Raises Failed when it cannot be created or belongs to another user, who could have created it
    first in a shared place such as /tmp; or when it is such a place, which others need as it is.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_own_directory(path):
            own = "" if belongs_to_another_sharer(path) else f"change its owner to {os.getuid()}, "
            raise Failed(f"{path} is not a directory of yours: {own}remove it or name another one.")
        mode = path.stat().st_mode
        if mode & 0o077 and mode & stat.S_ISVTX:
            raise Failed(f"{path} is shared with other users: name a directory of your own.")
        if mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise Failed(f"cannot use the directory {path}: {error.strerror}.") from error
    return path


def is_trusted_directory(path: Path) -> bool:
    """Return whether it is a directory of this user's, in which nobody else can make files."""
    try:
        return _is_own_directory(path) and not path.stat().st_mode & 0o022
    except OSError:
        return False


def _is_own_directory(path: Path) -> bool:
    status = path.stat()
    # The owner of a symbolic link could redirect it: it must be this user, too.
    owners = {status.st_uid, path.lstat().st_uid}
    return stat.S_ISDIR(status.st_mode) and owners == {os.getuid()}


def belongs_to_another_sharer(path: Path) -> bool:
    """Return whether another user put it there, in a directory where all may, such as /tmp.

    A link's own owner counts: Linux's protected_symlinks does not hold for links that a program
    resolves, and may be off.
    """
    try:
        directory, owner = path.parent.stat(), path.lstat().st_uid
    except OSError:
        return False
    is_shared = directory.st_mode & stat.S_ISVTX and directory.st_mode & 0o022
    return bool(is_shared) and owner not in (os.getuid(), directory.st_uid)


@contextlib.contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Raise Failed, with the path and the reason, for an OSError of the block."""
    try:
        yield
    except OSError as error:
        raise Failed(f"cannot use {path}: {error.strerror or error}.") from error


def new_prefix(path: Path) -> str:
    """Return the beginning of the name of a new file; a whole name may have 255 bytes already."""
    return f".{path.name[:50]}."


class Replacement:
    """Atomic replacement of the file `path`, with mode 0600 unless another one is given.

    `reserve` bytes are allocated at once: a full disk shows before what cannot be undone. Without
    `synced` nobody waits for the disk: the file may be empty after a power failure. Entering and
    `commit` raise OSError, with the old file untouched. Its name may have all of its 255 bytes.
    """

    def __init__(
        self, path: Path, reserve: int = 0, mode: int = 0o600, *, synced: bool = True
    ) -> None:
        self._path = path
        self._reserve = reserve
        self._mode = mode
        self._synced = synced

    def __enter__(self) -> Replacement:
        handle, name = tempfile.mkstemp(NEW, new_prefix(self._path), self._path.parent)
        self._temporary = Path(name)
        self.file = os.fdopen(handle, "wb")
        try:
            with contextlib.suppress(OSError):  # not every file system has locks
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # see `leftovers`
            if self._reserve:
                self._write(b" " * self._reserve)
        except BaseException:
            self.__exit__()
            raise
        return self

    def commit(self, content: bytes) -> None:
        """Replace the file's content."""
        self._write(content)
        self._replace()

    @property
    def temporary(self) -> Path:
        """The name of `file`, the new one, for another program to write before `commit_written`."""
        return self._temporary

    def commit_written(self) -> None:
        """Replace the file by what another program has written."""
        os.fsync(self.file.fileno())
        self._replace()

    def _replace(self) -> None:
        os.fchmod(self.file.fileno(), self._mode)
        self._temporary.replace(self._path)

    def _write(self, content: bytes) -> None:
        self.file.seek(0)
        self.file.write(content)
        self.file.truncate()
        self.file.flush()
        if self._synced:
            os.fsync(self.file.fileno())

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # a failed write fails again when the file is closed
            self.file.close()
        self._temporary.unlink(missing_ok=True)


def write_private(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Replace the file's content. Raises OSError with the old file untouched."""
    with Replacement(path, synced=synced) as replacement:
        replacement.commit(content)


def read(path: Path) -> bytes:
    """Return the file's content. Raises OSError, also for a pipe or device, which may not end."""
    # Without O_NONBLOCK a pipe would be waited for until somebody writes to it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not an ordinary file", str(path))
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def create_private(path: Path, content: bytes) -> bytes:
    """Create the file with `content` unless it exists, and return its content.

    Of several processes that create it at once one wins, and all return its content.
    """
    private_directory(path.parent)
    with errors_of(path), locked(path.with_name(path.name + ".lock")):
        if not path.exists():
            write_private(path, content)
        kept = read(path)  # raises for a device, whose mode is not to be changed
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return kept


@contextlib.contextmanager
def locked(path: Path, seconds: float = 10) -> Iterator[None]:
    """Hold an exclusive lock on the file during the block, after waiting for at most `seconds`.

    By flock, because the kernel releases it when its holder dies; a holder that is stopped (Ctrl-Z)
    keeps it. Raises TimedOut, and Failed for a directory and for a file that cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except IsADirectoryError:
        raise Failed(f"{path} is a directory: remove it.") from None
    except OSError as error:
        raise Failed(
            f"cannot use {path}: {error.strerror}. Nothing was changed; make room or mend its "
            "permissions, then try again."
        ) from error
    try:
        deadline = time.monotonic() + seconds
        while not try_lock(handle):
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"another askcli process has held {path} for {seconds:g} s: "
                    "let it finish, continue it if it is stopped, or end it; then try again."
                )
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def try_lock(handle: int) -> bool:
    """Lock the open file exclusively; return False when it is locked already."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
