"""A process that has loaded everything and forks `askcli` commands from itself.

Starting `askcli serve` takes about three seconds of CPU, nearly all of it imports. A forked command
is a process like any other, with its own pid, signals, streams, environment and working directory;
only its imports are done and its command tree is built. The zygote has one thread and no event
loop, so that forking is safe.

It serves a Unix socket. A request is one packet: a JSON object, and the command's file descriptors.
The answers are the pid and, when the command has ended, its exit code. A pid as a request is
answered with those of the running processes that it has asked for. A connection without a request
keeps the zygote alive; it ends when the last one is closed.

A command that starts `python -m askcli.server` gets that from here too: a process with a session,
descriptors, environment and end like those of a started one. Only its parent is another.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support import forked_servers, preloaded
from tests.support.fork_request import ForkRequest

PACKET = 2**18  # bytes: what one request may take
MAX_DESCRIPTORS = 10
MADV_COLLAPSE = 25  # of Linux 6.1


class Zygote:
    """Forks commands until the last connection is closed."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._connections: set[socket.socket] = set()
        self._children: dict[int, int] = {}  # pid by pidfd
        self._starters: dict[int, int] = {}  # who asked for it, by pid

    def serve(self) -> ForkRequest | None:
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

    def _receive(self, connection: socket.socket) -> ForkRequest | None:
        try:
            data, received, *_ = socket.recv_fds(connection, PACKET, MAX_DESCRIPTORS)
        except ConnectionResetError:  # closed by one who has not read the exit code
            data, received = b"", []
        if not data:
            self._close(connection)
            return None
        if data.isdigit():
            self._tell_started_by(int(data), connection)
            return None
        request = ForkRequest(**json.loads(data) | {"received": received})
        if (pid := os.fork()) == 0:
            self._let_go()
            return request
        for descriptor in received:
            os.close(descriptor)
        self._watch(pid, connection)
        _send(connection, pid)
        return None

    def _tell_started_by(self, starter: int, connection: socket.socket) -> None:
        pids = [pid for pid in self._children.values() if self._starters[pid] == starter]
        connection.send(json.dumps(pids).encode())

    def _watch(self, pid: int, connection: socket.socket) -> None:
        handle = os.pidfd_open(pid)
        self._children[handle] = pid
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self._starters[pid] = int.from_bytes(credentials[:4], sys.byteorder)
        self._selector.register(
            handle, selectors.EVENT_READ, lambda handle: self._reap(handle, connection)
        )

    def _reap(self, handle: int, connection: socket.socket) -> None:
        pid = self._children.pop(handle)
        _pid, status = os.waitpid(pid, 0)
        del self._starters[pid]
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


def _send(connection: socket.socket, number: int) -> None:
    with suppress(OSError):  # nobody waits for it any more
        connection.send(str(number).encode())


def _run_to_end(module: str) -> None:
    """Run the command, and end as Python does, except for taking all modules apart.

    That would touch, and so copy, all the memory that the forks share: most of a command's time.
    """
    code = 0
    try:
        importlib.import_module(module).main()
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


def _use_huge_pages() -> None:
    """Let forks share this process' memory in pieces of 2 MiB, where the kernel can do that.

    Otherwise tens of thousands of entries of page tables are copied for each fork, and removed at
    its end: 6 ms, a third of a short command's time. A page that a fork writes to is copied alone.
    """
    madvise = ctypes.CDLL(None).madvise
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, mode, *_, name = line.split()
        if mode == "rw-p" and name in ("0", "[heap]"):
            begin, end = (int(number, 16) for number in span.split("-"))
            madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), MADV_COLLAPSE)


def _fork_servers_too(base: str) -> None:
    """Let commands get the servers that they start from here as well."""
    from askcli import server_process

    forked_servers.Popen.zygote = f"{base}/socket"
    server_process.subprocess = forked_servers  # type: ignore[attr-defined]


def main() -> None:
    """Load, serve, and in each fork run the command."""
    if os.fork():
        os._exit(0)  # nobody's child, so that nobody has to wait for it
    preloaded.load()
    _make_passwords_cheap()
    _fork_servers_too(sys.argv[2])
    importlib.import_module("tests.support.built_commands").build()
    gc.collect()
    gc.freeze()  # the forks share these objects' memory
    _use_huge_pages()
    tasks = Path("/proc/self/task")
    assert len(list(tasks.iterdir())) == 1, "a thread would not survive the fork"
    listener = socket.socket(fileno=int(sys.argv[1]))
    zygote = Zygote(listener)
    if request := zygote.serve():
        request.become()
        _run_to_end(request.module)
    listener.close()
    shutil.rmtree(sys.argv[2])


if __name__ == "__main__":
    main()
