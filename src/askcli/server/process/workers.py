"""Several worker processes on one port, each a whole server, with one database.

The parent listens, starts the workers, replaces those that die and passes on SIGTERM. A worker
holds one end of a pipe, so it stops by itself when its parent was killed.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from types import FrameType

from askcli import server_process
from askcli.errors import Failed

log = logging.getLogger("askcli.notices")


class Workers:
    """The workers of a parent process, on a socket that it listens on."""

    def __init__(
        self,
        sock: socket.socket,
        count: int,
        flags: Sequence[str],
    ) -> None:
        """`flags` are the parent's own: the registration policy depends on the address."""
        self._sock = sock
        self._count = count
        self._flags = flags
        self._life, self._held = os.pipe()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._stopping = False

    def run(self, ready: Callable[[], None]) -> None:
        """Run until stopped by a signal. Raises Failed if one does not start."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        for _ in range(self._count):
            self._start()
        ready()
        while self._running:
            pid, status = os.wait()
            worker = self._running.pop(pid)
            worker.returncode = os.waitstatus_to_exitcode(status)
            if not self._stopping:
                log.info(
                    "worker %d ended with %d; another takes its place.", pid, worker.returncode
                )
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
        """Pass the signal on: workers finish their answers, a second signal interrupts them."""
        self._stopping = True
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
