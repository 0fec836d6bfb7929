"""Files that a running process is known by: the pid file that it holds, and files it works on."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from askcli.files import POLL_SECONDS, try_lock

LEAVING = ".leaving"  # the suffix of a pid file that was set aside
_CONTENT_BYTES = 40
_CONTENT = re.compile(rb"([0-9]{1,9}) ([0-9]{1,9}) *")


class PidFile:
    """A file that a process holds locked while it lives; it contains the pid and a number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def claim(self, seconds: float = 0.0, *, unless: Callable[[], bool] = bool) -> bool:
        """Lock the file for this process; return False when another holds it for `seconds`.

        At once where another holds it and `unless()` is true.
        """
        deadline = time.monotonic() + seconds
        while not self._try_to_claim():
            if unless() or time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        self._write(0)
        return True

    def _try_to_claim(self) -> bool:
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Its holder may have removed it between the two calls.
        if try_lock(self._handle) and self._is_here():
            return True
        self._close()
        return False

    def set_aside(self, number: int) -> None:
        """Rename the file, still locked, so that another process can claim its name."""
        if self._is_here():
            self._write(number)
            self.path = self.path.rename(self.path.with_suffix(f".{os.getpid()}{LEAVING}"))

    def release(self) -> None:
        """Remove the file, if that is possible, and unlock it: the lock is what counts."""
        if self._is_here():
            with suppress(OSError):
                self.path.unlink()
        self._close()

    def holder(self) -> int | None:
        """Return the pid of the process that holds the file, None if none does."""
        content = self.content()
        return content[0] if content else None

    def content(self) -> tuple[int, int] | None:
        """Return the holder's pid and its number, None if no process holds the file."""
        try:
            # Neither a link is followed, nor a pipe's other end waited for.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            handle = os.open(self.path, flags)
        except OSError:
            return None
        try:
            if _is_own_file(handle):
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _parse(os.read(handle, _CONTENT_BYTES))
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


def _is_own_file(handle: int) -> bool:
    status = os.fstat(handle)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()


def _parse(content: bytes) -> tuple[int, int] | None:
    """Return a pid and a number; None for anything else, and for the pids of groups and of init."""
    match = _CONTENT.fullmatch(content)
    if match is None or int(match[1]) <= 1:
        return None
    return int(match[1]), int(match[2])


class FileIdentities:
    """Files as they are now, to notice when one is deleted or replaced."""

    def __init__(self, paths: Iterable[Path], *, later: Iterable[Path] = ()) -> None:
        """The files of `later` may not be there yet: each is known from when it is."""
        self._identities = {path: file_identity(path) for path in paths}
        self._awaited = set(later)

    def are_intact(self) -> bool:
        """Return whether all are still the same files."""
        for path in list(self._awaited):
            if identity := file_identity(path):
                self._identities[path] = identity
                self._awaited.discard(path)
        return all(file_identity(path) == known for path, known in self._identities.items())

    def are_known(self) -> bool:
        """Return whether none is awaited any more."""
        return not self._awaited

    def unlink(self, path: Path) -> None:
        """Delete one of the files, unless another file has its name now."""
        if file_identity(path) == self._identities[path] is not None:
            path.unlink(missing_ok=True)

    def rename(self, path: Path, suffix: str) -> Path | None:
        """Add the suffix to the name of one of the files, unless another file has it now."""
        known = self._identities.get(path)
        if known is None or file_identity(path) != known:
            return None
        return path.rename(path.with_name(path.name + suffix))


def file_identity(file: Path | int) -> tuple[int, int] | None:
    """Return the device and inode of a file, None if there is no file."""
    try:
        status = os.stat(file)  # noqa: PTH116 - a descriptor has no path
    except OSError:
        return None
    return status.st_dev, status.st_ino
