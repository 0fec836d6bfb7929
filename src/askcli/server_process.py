"""Start `python -m askcli.server`, and the pipe by which it reports that it is ready or failed."""

from __future__ import annotations

import errno
import logging
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

from askcli.errors import Failed

passing = logging.getLogger("askcli.notices.passing")

START_SECONDS = 60
END_SECONDS = 10  # for a process that has closed its pipe: it is about to end
MAX_REASON_BYTES = 4096  # a pipe takes as much at once, whether it is read or not

# The exit code of a worker whose database was deleted or replaced: no other may be started, because
# it would use the new files while others finish with the old ones.
LOST_DATABASE = 3

_READY = b"ready"
_MIGRATING = b"migrating\n"


class Stopped(Failed):
    """The server ended as one does that is asked to, before it was ready."""


def start(
    arguments: Sequence[str], *, inherited: Sequence[int] = (), output: int | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server in a session of its own; return the process and its ready pipe.

    `inherited` are the file descriptors that `arguments` name, `output` takes stdout and stderr
    (None: those of this process).
    """
    ready, ready_end = os.pipe()
    # -P: the working directory may be somebody else's checkout, with a fastapi.py in it.
    command = [sys.executable, "-P", "-m", "askcli.server", *arguments]
    try:
        process = subprocess.Popen(
            [*command, "--ready-fd", str(ready_end)],
            pass_fds=[*inherited, ready_end],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(ready_end)
    return process, ready


def wait_until_ready(process: subprocess.Popen[bytes], ready: int) -> None:
    """Wait until the server is ready, and close the pipe.

    Otherwise kill it, wait for its end and raise Failed with the reason that it reported, Stopped
    where it was asked to end meanwhile. A migration of its database takes the time that it takes.
    """
    with os.fdopen(ready, "rb", buffering=0) as pipe:
        report = _report(pipe, START_SECONDS)
        if report and report.startswith(_MIGRATING):
            passing.info("Migrating the database, which may take minutes…")
            report = report.removeprefix(_MIGRATING) or _report(pipe, None)
    if report == _READY:
        return
    if report == b"" and _was_stopped(process):
        raise Stopped("it was stopped while it started.")
    process.kill()
    process.wait()
    if report is None:
        raise Failed(f"it was not ready within {START_SECONDS} seconds.")
    raise Failed(report.decode("utf-8", "replace") or "it ended without giving a reason.")


def _report(pipe: FileIO, seconds: float | None) -> bytes | None:
    """Return the next report, nothing where the server has ended, None where none comes in time."""
    readable, _, _ = select.select([pipe], [], [], seconds)
    return pipe.read(MAX_REASON_BYTES) if readable else None


def _was_stopped(process: subprocess.Popen[bytes]) -> bool:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(END_SECONDS) in (0, -signal.SIGTERM)
    return False


def accepts(path: Path) -> bool:
    """Return whether a server accepts connections at the Unix socket `path`.

    One whose queue of connections is full does.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a server that accepts nothing has a full queue: EAGAIN
        return probe.connect_ex(str(path)) in (0, errno.EAGAIN, errno.EINPROGRESS)


class ReadyPipe:
    """The server's end of the pipe: takes one report, the first, and before it that it migrates.

    Nobody reads it when the command that started the server has ended; the server serves on.
    """

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    def migrating(self) -> None:
        """Report that the database is being migrated first."""
        if self._fd is not None:
            with suppress(BrokenPipeError):
                os.write(self._fd, _MIGRATING)

    def ready(self) -> None:
        """Report that requests are served."""
        self._report(_READY)

    def failed(self, reason: str) -> None:
        """Report why none will be."""
        self._report(" ".join(reason.split()).encode("utf-8", "replace")[:MAX_REASON_BYTES])

    def _report(self, report: bytes) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with suppress(BrokenPipeError):
                os.write(fd, report)
            os.close(fd)
