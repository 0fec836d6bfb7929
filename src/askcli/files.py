"""Private files: directories of mode 0700, files of mode 0600, replaced whole, and locks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from askcli.errors import Failed


def private_directory(path: Path) -> Path:
    """Make `path` (and its parents) if need be, and make sure that only this user can enter it.

    Raises Failed when it cannot be made, or belongs to somebody else: in a shared place such as
    /tmp another user could have put it there first.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        # The owner of a symbolic link could turn it elsewhere: it must be this user, too.
        owners = {status.st_uid, path.lstat().st_uid}
        if not stat.S_ISDIR(status.st_mode) or owners != {os.getuid()}:
            raise Failed(f"{path} is not a directory of yours: remove it or name another one.")
        if status.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise Failed(f"cannot use the directory {path}: {error.strerror}.") from error
    return path


class Replacement:
    """A new content for the file `path`: written whole or not at all, for this user only.

    `reserve` bytes are taken from the disk at once, so that a full one shows before anything
    else is done that could not be undone. Entering and `commit` raise OSError, the old file
    untouched.
    """

    def __init__(self, path: Path, reserve: int = 0) -> None:
        self._path = path
        self._reserve = reserve

    def __enter__(self) -> Replacement:
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "wb")
        try:
            self._write(b" " * self._reserve)
        except BaseException:
            self.__exit__()
            raise
        return self

    def commit(self, content: bytes) -> None:
        """Put the content in the place of the old one."""
        self._write(content)
        self._temporary.replace(self._path)

    def _write(self, content: bytes) -> None:
        self._file.seek(0)
        self._file.write(content)
        self._file.truncate()
        self._file.flush()
        os.fsync(self._file.fileno())

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what could not be written fails again as it closes
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Replace the file `path` by `content`. Raises OSError with the old file untouched."""
    with Replacement(path) as replacement:
        replacement.commit(content)


def create_private(path: Path, content: bytes) -> bytes:
    """What the file `path` holds; `content` where there is none yet.

    Of several processes that create it at once one wins, and all return what it wrote.
    """
    private_directory(path.parent)
    with locked(path.with_name(path.name + ".lock")):
        if not path.exists():
            write_private(path, content)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return path.read_bytes()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` exclusively.

    flock, because the kernel lets go of it when its holder dies, whatever it died of.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class PidFile:
    """A file that its process holds locked for as long as it lives: lock held means alive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process holds the file."""
        return self._handle is not None

    def claim(self) -> bool:
        """Take the file for this process; False when another living process has it."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle
        return True

    def release(self) -> None:
        """Let go and remove the file."""
        if self._handle is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def holder(self) -> int | None:
        """The process that holds the file, None when nobody does."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.read(handle, 32) or 0) or None
        finally:
            os.close(handle)
        return None
