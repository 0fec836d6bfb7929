"""The local server: one process per user on a Unix socket, started on demand.

The socket's name holds a digest of the version and of the settings, so that a changed key, model
or version never reaches a server that was started before the change.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import time
from dataclasses import asdict
from pathlib import Path

from askcli import __version__, server_process
from askcli.errors import Failed
from askcli.files import PidFile, locked, private_directory
from askcli.settings import Settings

MAX_LOG_BYTES = 1_000_000
STOP_SECONDS = 30

_CLIENT_SETTINGS = {"server", "profile", "token", "timeout", "host", "port"}


def socket_path(settings: Settings) -> Path:
    """Return the path of the local server's socket for these settings."""
    values = {k: str(v) for k, v in asdict(settings).items() if k not in _CLIENT_SETTINGS}
    digest = hashlib.sha256(repr((__version__, sorted(values.items()))).encode()).hexdigest()
    return settings.runtime_dir / f"{digest[:16]}.sock"


def log_path(settings: Settings) -> Path:
    """Return the path of the local servers' log."""
    return settings.state_dir / "server.log"


def ensure(settings: Settings) -> Path:
    """Return the socket of a running local server, started if necessary.

    Of several processes at once, one starts it. Raises Failed with the log's last line when the
    server does not start, TimedOut when another process takes too long to start one.
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

    Raises Failed when the socket belongs to another user.
    """
    if not path.exists():
        return False
    private_directory(path.parent)
    if path.lstat().st_uid != os.getuid():
        raise Failed(f"{path} is not yours: remove it, or set XDG_RUNTIME_DIR.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def running(settings: Settings) -> list[PidFile]:
    """Return the pid files of this user's running local servers, whatever their settings."""
    pid_files = (PidFile(path) for path in sorted(settings.runtime_dir.glob("*.pid")))
    return [pid_file for pid_file in pid_files if pid_file.holder()]


def stop(settings: Settings) -> int:
    """Stop all of this user's local servers gracefully; return how many were running."""
    servers = running(settings)
    for server in servers:
        if pid := server.holder():
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(server.holder() for server in servers):
        if time.monotonic() > deadline:
            raise Failed("a local server does not stop; its answers may still be under way.")
        time.sleep(0.05)
    return len(servers)


def _start(settings: Settings, path: Path) -> None:
    log = _open_log(log_path(settings))
    try:
        process, ready = server_process.start(["--socket", str(path)], output=log)
    finally:
        os.close(log)
    if server_process.wait_until_ready(ready):
        process.returncode = 0  # it outlives this process: no warning about an unwaited child
        return
    process.kill()
    process.wait()
    raise Failed(
        f"the local server did not start: {_last_line(log_path(settings))} "
        f"(more in {log_path(settings)})"
    )


def _open_log(path: Path) -> int:
    private_directory(path.parent)
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".old.log"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("askcli: error: ") if lines else "it said nothing."
