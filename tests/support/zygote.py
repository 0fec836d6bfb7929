"""A process that has loaded everything and forks `askcli` commands from itself.

Starting `askcli serve` takes about three seconds of CPU, nearly all of it imports. A forked command
is a process like any other, with its own pid, signals, streams, environment and working directory;
only its imports are done and its command tree is built. The zygote has one thread and no event
loop, so that forking is safe.

It serves a Unix socket. A request is one packet: a JSON object, and the three standard streams as
file descriptors. The answers are the pid and, when the command has ended, its exit code. A
connection without a request keeps the zygote alive; it ends when the last one is closed.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import termios
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

PRELOADED = (
    "askcli.cli.app",
    "askcli.server.process.serve",
    "alembic.command",
    "anthropic",
    "anthropic.types",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvloop",
)
PACKET = 2**18  # bytes: what one request may take


@dataclass
class Request:
    """A command to run."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str
    terminal: bool  # whether stdin is the terminal that controls it
    streams: list[int]  # stdin, stdout, stderr

    def become(self) -> None:
        """Make this process, a fork, the one that was asked for."""
        for number, stream in enumerate(self.streams):
            os.dup2(stream, number)
        os.closerange(3, 2**16)
        if self.terminal:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        sys.stdin = _stream(0, "r", "surrogateescape")
        sys.stdout = _stream(1, "w", "surrogateescape")
        sys.stderr = _stream(2, "w", "backslashreplace")
        os.environ.clear()
        os.environ.update(self.environment)
        time.tzset()
        os.chdir(self.directory)
        sys.argv = self.arguments


class Zygote:
    """Forks commands until the last connection is closed."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._connections: set[socket.socket] = set()
        self._children: dict[int, int] = {}  # pid by pidfd

    def serve(self) -> Request | None:
        """Serve requests; returns one in each fork, and None in the zygote at its end."""
        while True:
            for key, _ in self._selector.select():
                if request := key.data(key.fileobj):
                    return request  # type: ignore[no-any-return]
            if not self._connections:
                break
        self._selector.close()
        for pid in self._children.values():
            os.kill(pid, signal.SIGKILL)
        return None

    def _accept(self, _: Any) -> None:
        connection, _address = self._listener.accept()
        self._connections.add(connection)
        self._selector.register(connection, selectors.EVENT_READ, self._receive)

    def _receive(self, connection: socket.socket) -> Request | None:
        try:
            data, streams, _flags, _address = socket.recv_fds(connection, PACKET, 3)
        except ConnectionResetError:  # closed by one who has not read the exit code
            data, streams = b"", []
        if not data:
            self._close(connection)
            return None
        request = Request(**json.loads(data), streams=streams)
        if (pid := os.fork()) == 0:
            self._let_go()
            return request
        for stream in streams:
            os.close(stream)
        handle = os.pidfd_open(pid)
        self._children[handle] = pid
        self._selector.register(
            handle, selectors.EVENT_READ, lambda handle: self._reap(handle, connection)
        )
        _send(connection, pid)
        return None

    def _reap(self, handle: int, connection: socket.socket) -> None:
        _pid, status = os.waitpid(self._children.pop(handle), 0)
        self._selector.unregister(handle)
        os.close(handle)
        _send(connection, os.waitstatus_to_exitcode(status))

    def _let_go(self) -> None:
        """Close what is the zygote's, so that no object here closes a descriptor of the command."""
        self._selector.close()
        for connection in (self._listener, *self._connections):
            connection.close()

    def _close(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        self._connections.discard(connection)
        connection.close()


def _stream(number: int, mode: str, errors: str) -> TextIO:
    """A standard stream as Python opens it at its start."""
    buffering = 1 if number == 2 else -1
    stream = open(  # noqa: SIM115
        number, mode, buffering, encoding="utf-8", errors=errors, closefd=False
    )
    return cast(TextIO, stream)


def _send(connection: socket.socket, number: int) -> None:
    with suppress(OSError):  # nobody waits for it any more
        connection.send(str(number).encode())


def _run_to_end() -> None:
    """Run the command, and end as Python does, except for taking all modules apart.

    That would touch, and so copy, all the memory that the forks share: most of a command's time.
    """
    from askcli.__main__ import main as command

    code = 0
    try:
        command()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - as Python itself does at the end
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()  # what was not closed complains
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120
    os._exit(code)


def _make_passwords_cheap() -> None:
    """Hash at bcrypt's lowest cost: at the real one, each takes a quarter of a second of CPU."""
    from askcli.services.auth import passwords

    passwords.COST = 4


def main() -> None:
    """Load, serve, and in each fork run the command."""
    if os.fork():
        os._exit(0)  # nobody's child, so that nobody has to wait for it
    for name in PRELOADED:
        importlib.import_module(name)
    _make_passwords_cheap()
    importlib.import_module("tests.support.built_commands").build()
    gc.collect()
    gc.freeze()  # the forks share these objects' memory
    tasks = Path("/proc/self/task")
    assert len(list(tasks.iterdir())) == 1, "a thread would not survive the fork"
    listener = socket.socket(fileno=int(sys.argv[1]))
    zygote = Zygote(listener)
    if request := zygote.serve():
        request.become()
        _run_to_end()
    listener.close()
    shutil.rmtree(sys.argv[2])


if __name__ == "__main__":
    main()
