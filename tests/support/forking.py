"""Commands forked from the zygote: as `subprocess.Popen` would start them, without the imports."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import IO, Any, ClassVar

from tests.support import shell_command
from tests.support.fork_request import ForkRequest

ROOT = Path(__file__).parents[2]
SECONDS = 120  # longer than any command of the suite takes
AVAILABLE = sys.platform == "linux"
ZYGOTE_ENVIRONMENT = {"PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}


class ForkedProcess:
    """A running command; the part of `subprocess.Popen` that the tests use.

    The streams are file descriptors, or `subprocess.PIPE` or `DEVNULL`.
    """

    zygote: ClassVar[str | None] = None  # its socket; without one, this run's is started

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        stderr: int = subprocess.DEVNULL,
        **more: Any,
    ) -> None:
        """`more` is what the `ForkRequest` says else."""
        self.args = list(arguments)
        self.returncode: int | None = None
        self._connection = _connected(self.zygote or _socket_path())
        weakref.finalize(self, self._connection.close)  # of a command that nobody waited for
        ends = [_Stream(stdin, "wb"), _Stream(stdout, "rb"), _Stream(stderr, "rb")]
        self.stdin, self.stdout, self.stderr = (end.ours for end in ends)
        request = ForkRequest(self.args, dict(env), str(cwd), **more)
        descriptors = [*(end.theirs for end in ends), *request.pass_fds]
        socket.send_fds(self._connection, [json.dumps(asdict(request)).encode()], descriptors)
        for end in ends:
            end.hand_over()
        self.pid = int(self._connection.recv(32))

    def poll(self) -> int | None:
        """The exit code, if the command has ended."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; returns the exit code, negative for a signal."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                self.returncode = int(self._connection.recv(32))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._connection.close()
        return self.returncode

    def communicate(self, stdin: bytes = b"", timeout: float = SECONDS) -> tuple[bytes, bytes]:
        """Write all of stdin, read stdout and stderr to their ends, and wait for the command's."""
        with ThreadPoolExecutor() as pool:
            reads = [pool.submit(_read_all, stream) for stream in (self.stdout, self.stderr)]
            try:
                if self.stdin:
                    with suppress(BrokenPipeError), self.stdin:
                        self.stdin.write(stdin)
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            out, err = (read.result() for read in reads)
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, unless the command has ended."""
        self.send_signal(signal.SIGKILL)


def started_by(pid: int) -> set[int]:
    """The running processes that a forked one has started from the zygote."""
    with _connected(_socket_path()) as connection:
        connection.send(str(pid).encode())
        return set(json.loads(connection.recv(2**16)))


@cache
def bin_of_scripts() -> str:
    """A directory in which `askcli` is a program that lets the zygote fork the command."""
    directory = Path(_socket_path()).with_name(f"bin-{os.getpid()}")
    directory.mkdir()
    program = directory / "askcli"
    program.write_text(f"#!{sys.executable} -IS\n{Path(shell_command.__file__).read_text()}")
    program.chmod(0o755)
    return str(directory)


def _read_all(stream: IO[bytes] | None) -> bytes:
    if stream is None:  # no pipe
        return b""
    with stream:
        return stream.read()


class _Stream:
    """The two ends of one of a command's standard streams."""

    def __init__(self, kind: int, mode: str) -> None:
        self.ours: IO[bytes] | None = None
        self._opened = kind < 0
        if kind == subprocess.PIPE:
            ends = os.pipe()
            own, self.theirs = ends if mode == "rb" else ends[::-1]
            self.ours = os.fdopen(own, mode)
        elif kind == subprocess.DEVNULL:
            self.theirs = os.open(os.devnull, os.O_RDWR)
        else:
            self.theirs = kind

    def hand_over(self) -> None:
        """Close what the command has now."""
        if self._opened:
            os.close(self.theirs)


@cache
def _socket_path() -> str:
    """The socket of this run's zygote, which the first test process that needs it starts."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    base = Path(tempfile.gettempdir()) / f"askcli-zygote-{run}"
    base.mkdir(mode=0o700, exist_ok=True)
    path = str(base / "socket")
    with (base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            life = _connected(path)
        except OSError:
            _start_zygote(path)
            life = _connected(path)
    life.detach()  # open until this process ends, and that is what ends the zygote
    return path


def _start_zygote(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        Path(path).unlink(missing_ok=True)
        listener.bind(path)
        listener.listen(128)
        number = listener.fileno()
        subprocess.run(
            [sys.executable, "-m", "tests.support.zygote", str(number), str(Path(path).parent)],
            env={"PATH": os.environ["PATH"]} | ZYGOTE_ENVIRONMENT,
            cwd=ROOT,
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for the tests
            check=True,
        )


def _connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection
