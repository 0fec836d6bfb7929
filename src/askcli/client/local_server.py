"""The local server: one process per user on a Unix socket, started on demand.

The socket's name holds a digest of the version, of the settings, and of the variables that lead to
the provider, so that a changed key, model, proxy or version never reaches a server that was started
before the change.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from askcli import __version__, server_process
from askcli.errors import Failed
from askcli.files import (
    POLL_SECONDS,
    errors_of,
    is_trusted_directory,
    locked,
    private_directory,
)
from askcli.files.pid_file import LEAVING, PidFile
from askcli.settings import Settings

MAX_LOG_BYTES = 1_000_000
STOP_SECONDS = 30
START_ATTEMPTS = 3

_CLIENT_SETTINGS = {
    *("server", "profile", "token", "timeout", "editing_mode"),
    *("host", "port", "copy_to"),
}


def socket_path(settings: Settings) -> Path:
    """Return the path of the local server's socket for these settings."""
    unused = _CLIENT_SETTINGS if settings.asks_anthropic else _CLIENT_SETTINGS | {"network"}
    values = {k: str(v) for k, v in asdict(settings).items() if k not in unused}
    digest = hashlib.sha256(repr((__version__, sorted(values.items()))).encode()).hexdigest()
    return settings.runtime_dir / f"{digest[:16]}.sock"


def log_path(settings: Settings) -> Path:
    """Return the path of the local servers' log."""
    return settings.state_dir / "server.log"


def ensure(settings: Settings) -> Path:
    """Return the socket of a running local server, started if necessary.

    Of several processes at once, one starts it. Raises Failed with the reason when the server does
    not start, TimedOut when another process takes too long to start one.
    """
    path = socket_path(settings)
    private_directory(path.parent)  # before anything in it is trusted: it may be in /tmp
    if not listens(path):
        with locked(path.with_name("start.lock"), settings.timeout):
            if not listens(path):
                _start(settings, path)
    return path


def listens(path: Path) -> bool:
    """Return whether a server accepts connections at the socket *path*.

    Raises Failed when the socket belongs to another user, or may not be looked for.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        private_directory(path.parent)  # raises the error of another user's
        raise Failed(f"cannot look into {path.parent}: correct its permissions.") from None
    private_directory(path.parent)
    if status.st_uid != os.getuid():
        raise Failed(f"{path} is not yours: remove it, or set XDG_RUNTIME_DIR.")
    return server_process.accepts(path)


def running(settings: Settings) -> list[int]:
    """Return the processes of this user's running local servers, whatever their settings."""
    return list(_held(settings, "*.pid"))


def stop(settings: Settings) -> tuple[int, int]:
    """Stop all of this user's local servers; return how many, and how many answers they finish.

    Servers that finish answers are not waited for, the others are, until they have ended.
    """
    pids = set(running(settings))
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(pid, signal.SIGTERM)
    pids |= _held(settings, f"*{LEAVING}").keys()
    deadline = time.monotonic() + STOP_SECONDS
    while ending := {pid: n for pid, n in _all(settings).items() if pid in pids}:
        if answers := sum(ending.values()):
            return len(pids), answers
        if time.monotonic() > deadline:
            raise Failed(f"a local server does not stop: see {log_path(settings)}.")
        time.sleep(POLL_SECONDS)
    return len(pids), 0


def _all(settings: Settings) -> dict[int, int]:
    """Return how many answers each server finishes, by its pid; 0 for one that is not leaving."""
    held = _held(settings, "*.pid")  # first: a leaving server's file goes to the other pattern
    return held | _held(settings, f"*{LEAVING}")


def _held(settings: Settings, pattern: str) -> dict[int, int]:
    """Return the numbers in the pid files that are held, by the pids of their holders."""
    if not is_trusted_directory(settings.runtime_dir):  # it may be in /tmp, made by another user
        return {}
    contents = (PidFile(path).content() for path in sorted(settings.runtime_dir.glob(pattern)))
    return dict(content for content in contents if content)


def _start(settings: Settings, path: Path) -> None:
    """Start a server; again where another command's `serve --stop` ended it meanwhile."""
    for _ in range(1, START_ATTEMPTS):
        with suppress(server_process.Stopped):
            _start_once(settings, path)
            return
    _start_once(settings, path)


def _start_once(settings: Settings, path: Path) -> None:
    log = _open_log(log_path(settings))
    try:
        process, ready = server_process.start(["--socket", str(path)], output=log)
        try:
            server_process.wait_until_ready(process, ready)
        finally:
            # It outlives this process, a deadline too: no warning about an unwaited child.
            process.returncode = process.returncode or 0
    except Failed as error:
        if listens(path):  # another one, whose command has ended before it was ready
            return
        raise type(error)(
            f"the local server did not start: {error.detail} (more in {log_path(settings)})"
        ) from None
    finally:
        os.close(log)


def _open_log(path: Path) -> int:
    private_directory(path.parent)
    with errors_of(path):
        if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".old.log"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
