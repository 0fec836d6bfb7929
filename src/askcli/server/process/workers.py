"""Several worker processes on one port: each is a whole server, and they share the database.

The parent only listens, starts workers, starts another when one dies, and passes on that it is time
to stop. A worker holds one end of a pipe, so it leaves by itself when its parent was killed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from types import FrameType

from askcli import server_process
from askcli.errors import Failed


class Workers:
    """The workers of a parent process, on a socket that it listens on."""

    def __init__(
        self,
        sock: socket.socket,
        count: int,
        flags: Sequence[str],
        tell: Callable[[str], None],
    ) -> None:
        """`flags` are what the parent was told: who may register depends on where it listens."""
        self._sock = sock
        self._count = count
        self._flags = flags
        self._tell = tell
        self._life, self._held = os.pipe()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._stopping = False

    def run(self, ready: Callable[[], None]) -> None:
        """Run them until a signal comes and all have ended. Raises Failed when one cannot run."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        for _ in range(self._count):
            self._start()
        ready()
        while self._running:
            pid, status = os.wait()
            ended = self._running.pop(pid)
            ended.returncode = os.waitstatus_to_exitcode(status)
            if not self._stopping:
                self._tell(f"worker {pid} ended with {ended.returncode}; another takes its place.")
                self._start()

    def _start(self) -> None:
        arguments = [*self._flags, "--fd", str(self._sock.fileno()), "--life-fd", str(self._life)]
        # In a session of its own: a Ctrl-C reaches the parent alone, which signals once.
        process, ready = server_process.start(
            arguments, inherited=[self._sock.fileno(), self._life]
        )
        self._running[process.pid] = process
        if self._stopping:  # the signal came while this worker was being started
            process.send_signal(signal.SIGTERM)
        if not server_process.wait_until_ready(ready) and not self._stopping:
            self._stop()
            raise Failed("a worker did not start; the lines above say why.")

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Let them finish; said twice, as fast as can be."""
        self._stopping = True
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
