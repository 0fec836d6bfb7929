"""The local server on demand: one process of this user's, on a Unix socket, started when needed.

The socket's name carries a digest of the version and of the settings, so that a changed key,
model or version never talks to a server that was started before.
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from askcli import __version__
from askcli.errors import Failed
from askcli.files import PidFile, locked, private_directory
from askcli.settings import Settings

MAX_LOG_BYTES = 1_000_000
START_SECONDS = 60
STOP_SECONDS = 30

# The client's own settings: a server does not depend on them.
_NOT_THE_SERVERS = {"server", "profile", "token", "timeout", "host", "port"}


def socket_path(settings: Settings) -> Path:
    """Where the local server for these settings listens."""
    told = {k: str(v) for k, v in asdict(settings).items() if k not in _NOT_THE_SERVERS}
    digest = hashlib.sha256(repr((__version__, sorted(told.items()))).encode()).hexdigest()
    return settings.runtime_dir / f"{digest[:16]}.sock"


def ensure(settings: Settings) -> Path:
    """The socket of a local server that runs, started if need be.

    Of several commands at once one starts it. Raises Failed, with the log's last line, when it
    does not start.
    """
    path = socket_path(settings)
    private_directory(path.parent)  # before anything in it is trusted: it may be in /tmp
    if not listens(path):
        with locked(path.with_name("start.lock")):
            if not listens(path):
                _start(settings, path)
    return path


def listens(path: Path) -> bool:
    """Whether a server of this user's answers at the socket. Raises Failed if it is another's."""
    if not path.exists():
        return False
    private_directory(path.parent)
    if path.lstat().st_uid != os.getuid():
        raise Failed(f"{path} is not yours: remove it, or set XDG_RUNTIME_DIR.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def _start(settings: Settings, path: Path) -> None:
    log = log_path(settings)
    private_directory(log.parent)
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
    ready, told = os.pipe()
    # -P: the working directory may be somebody else's checkout, with a fastapi.py in it.
    command = [sys.executable, "-P", "-m", "askcli.server"]
    command += ["--socket", str(path), "--ready-fd", str(told)]
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            pass_fds=[told],
            start_new_session=True,
        )
    finally:
        os.close(handle)
        os.close(told)
    with os.fdopen(ready, "rb") as pipe:
        heard, _, _ = select.select([pipe], [], [], START_SECONDS)
        if heard and pipe.read(1):  # ends without a byte when the server dies
            process.returncode = 0  # it lives on without us: no warning about an unwaited child
            return
    process.kill()
    process.wait()
    raise Failed(f"the local server did not start: {last_line(log)} (more in {log})")


def log_path(settings: Settings) -> Path:
    """Where local servers write what happens to them."""
    return settings.state_dir / "server.log"


def last_line(log: Path) -> str:
    """The last line that a server logged, without the prefix of an error."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("askcli: error: ") if lines else "it said nothing."


def running(settings: Settings) -> list[PidFile]:
    """The local servers of this user that run now, whatever settings they were started with."""
    return [
        found
        for path in sorted(settings.runtime_dir.glob("*.pid"))
        if (found := PidFile(path)).holder()
    ]


def stop(settings: Settings) -> int:
    """Stop all of this user's local servers, gracefully; returns how many there were."""
    found = running(settings)
    for server in found:
        if pid := server.holder():
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(server.holder() for server in found):
        if time.monotonic() > deadline:
            raise Failed("a local server does not stop; its answers may still be under way.")
        time.sleep(0.05)
    return len(found)
