"""Private files: directories of mode 0700, files of mode 0600, atomic replacement, locks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from askcli.errors import Failed, TimedOut

# flock has no time-out of its own.
POLL_SECONDS = 0.02

LEAVING = ".leaving"  # the suffix of a pid file that was set aside
_CONTENT_BYTES = 40


def private_directory(path: Path) -> Path:
    """Create the directory if need be, with mode 0700, and return it.

    Raises Failed when it cannot be created or belongs to another user, who could have created it
    first in a shared place such as /tmp.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        # The owner of a symbolic link could redirect it: it must be this user, too.
        owners = {status.st_uid, path.lstat().st_uid}
        if not stat.S_ISDIR(status.st_mode) or owners != {os.getuid()}:
            raise Failed(f"{path} is not a directory of yours: remove it or name another one.")
        if status.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise Failed(f"cannot use the directory {path}: {error.strerror}.") from error
    return path


class Replacement:
    """Atomic replacement of the file `path`, with mode 0600 unless another one is given.

    `reserve` bytes are allocated at once, so that a full disk shows before anything is done that
    cannot be undone. Entering and `commit` raise OSError, with the old file untouched.
    """

    def __init__(self, path: Path, reserve: int = 0, mode: int = 0o600) -> None:
        self._path = path
        self._reserve = reserve
        self._mode = mode

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
        """Replace the file's content."""
        self._write(content)
        os.fchmod(self._file.fileno(), self._mode)
        self._temporary.replace(self._path)

    def _write(self, content: bytes) -> None:
        self._file.seek(0)
        self._file.write(content)
        self._file.truncate()
        self._file.flush()
        os.fsync(self._file.fileno())

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # a failed write fails again when the file is closed
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Replace the file's content. Raises OSError with the old file untouched."""
    with Replacement(path) as replacement:
        replacement.commit(content)


def create_private(path: Path, content: bytes) -> bytes:
    """Create the file with `content` unless it exists, and return its content.

    Of several processes that create it at once one wins, and all return its content.
    """
    private_directory(path.parent)
    with locked(path.with_name(path.name + ".lock")):
        if not path.exists():
            write_private(path, content)
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return path.read_bytes()


@contextlib.contextmanager
def locked(path: Path, seconds: float = 10) -> Iterator[None]:
    """Hold an exclusive lock on the file during the block, after waiting for at most `seconds`.

    By flock, because the kernel releases it when its holder dies; a holder that is stopped (Ctrl-Z)
    keeps it. Raises TimedOut.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while not _try_lock(handle):
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"another askcli process has held {path} for {seconds:g} s: "
                    "let it finish, continue it if it is stopped, or end it; then try again."
                )
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class PidFile:
    """A file that a process holds locked while it lives; it contains the pid and a number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def claim(self, seconds: float = 0.0) -> bool:
        """Lock the file for this process; return False when another holds it for `seconds`."""
        deadline = time.monotonic() + seconds
        while not self._try_to_claim():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        self._write(0)
        return True

    def _try_to_claim(self) -> bool:
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Its holder may have removed it between the two calls.
        if _try_lock(self._handle) and self._is_here():
            return True
        self._close()
        return False

    def set_aside(self, number: int) -> None:
        """Rename the file, still locked, so that another process can claim its name."""
        if self._is_here():
            self._write(number)
            self.path = self.path.rename(self.path.with_suffix(f".{os.getpid()}{LEAVING}"))

    def release(self) -> None:
        """Remove and unlock the file."""
        if self._is_here():
            self.path.unlink()
        self._close()

    def holder(self) -> int | None:
        """Return the pid of the process that holds the file, None if none does."""
        content = self.content()
        return content[0] if content else None

    def content(self) -> tuple[int, int] | None:
        """Return the holder's pid and its number, None if no process holds the file."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            words = os.read(handle, _CONTENT_BYTES).split()
            return (int(words[0]), int(words[1])) if len(words) == 2 else None
        finally:
            os.close(handle)
        return None

    def _is_here(self) -> bool:
        """Whether this process holds the file, and its path still leads to it."""
        if self._handle is None:
            return False
        return file_identity(self.path) == file_identity(self._handle)

    def _write(self, number: int) -> None:
        if self._handle is not None:
            # Always of the same length, so that no reader sees a part of it.
            content = f"{os.getpid()} {number}".ljust(_CONTENT_BYTES)
            os.pwrite(self._handle, content.encode(), 0)

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class FileIdentities:
    """Files as they are now, to notice when one is deleted or replaced."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._identities = {path: file_identity(path) for path in paths}

    def are_intact(self) -> bool:
        """Return whether all are still the same files."""
        return all(file_identity(path) == known for path, known in self._identities.items())

    def unlink(self, path: Path) -> None:
        """Delete one of the files, unless another file has its name now."""
        if file_identity(path) == self._identities[path] is not None:
            path.unlink(missing_ok=True)


def file_identity(file: Path | int) -> tuple[int, int] | None:
    """Return what tells a file from any other, None where there is none."""
    try:
        status = os.stat(file)  # noqa: PTH116 - a descriptor has no path
    except OSError:
        return None
    return status.st_dev, status.st_ino
