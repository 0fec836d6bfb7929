"""Several worker processes on one port, each a whole server, with one database.

The parent listens, keeps the workers running and passes on the request to stop. One that has lost
the database stops all: another would open the new files while the rest still use the old ones. A
worker holds one end of a pipe, so it stops by itself when its parent was killed.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from askcli import server_process
from askcli.errors import Failed
from askcli.metrics import exposition
from askcli.server.process.stop_requests import (
    StopRequests,
    handled_signals,
    reads_settings_on_hang_up,
)

log = logging.getLogger("askcli.notices")

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
EVENT_SECONDS = 1.0  # a signal is seen at the latest after these
# A worker that has served for so long is restarted without delay, regardless of earlier failures.
STEADY_SECONDS = 60.0


class Workers:
    """The workers of a parent process, on a socket that it listens on.

    A thread for each worker starts it, waits for its end and starts the next one. The state belongs
    to the main thread, which runs what the threads and the signals have put into a queue.
    """

    def __init__(
        self, sock: socket.socket, count: int, flags: Sequence[str], metrics: Path | None = None
    ) -> None:
        """`flags` are the parent's own: the registration policy depends on the address.

        `metrics` is the directory in which workers share their metrics, None where there is none.
        """
        self._sock = sock
        self._count = count
        self._flags = flags
        self._metrics = metrics
        self._life, self._held = os.pipe()
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._requests = StopRequests()
        self._stopping = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ready: set[subprocess.Popen[bytes]] = set()  # of them
        self._to_reload: set[subprocess.Popen[bytes]] = set()  # once they are ready
        self._threads = count
        self._unready = count
        self._error: Failed | None = None
        self._is_lost = False  # the database

    def run(self, ready: Callable[[], None]) -> None:
        """Run until stopped by a signal; `ready` is called when all workers serve.

        Raises Failed, with all of them stopped, if one ends before that or has lost the database.
        """
        for number in handled_signals():
            # Only queued: a handler may interrupt anything, another handler included.
            signal.signal(number, lambda n, _: self._events.put(partial(self._on_signal, n)))
        if reads_settings_on_hang_up():
            signal.signal(signal.SIGHUP, lambda *_: self._events.put(self._on_hang_up))
        for number in range(self._count):
            work = partial(self._keep_running, ready, number)
            threading.Thread(target=work, daemon=True).start()
        while self._threads:
            # A signal that comes just before the wait does not end it: its handler runs after it.
            with suppress(Empty):
                self._events.get(timeout=EVENT_SECONDS)()
        if self._error is not None:
            raise self._error

    def _keep_running(self, ready: Callable[[], None], number: int) -> None:
        """Run one worker after another; the pauses grow while they do not stay."""
        pause = FIRST_PAUSE_SECONDS
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                reason = self._run_worker(ready, number)
                if not self._stopping.is_set():
                    is_steady = time.monotonic() - began > STEADY_SECONDS
                    pause = FIRST_PAUSE_SECONDS if is_steady else pause
                    log.warning("%s Another takes its place in %.1f s.", reason, pause)
                    self._stopping.wait(pause)
                    pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
        finally:  # whatever fails, the parent can end
            self._events.put(self._on_thread_end)

    def _run_worker(self, ready: Callable[[], None], number: int) -> str:
        """Run a worker to its end; return how it ended."""
        inherited = [self._sock.fileno(), self._life]
        arguments = [*self._flags, *self._sharing(number), "--fd", str(inherited[0])]
        arguments += ["--life-fd", str(inherited[1])]
        process, has_failed = None, False
        try:
            # In a session of its own: a Ctrl-C reaches the parent alone.
            process, ready_pipe = server_process.start(arguments, inherited=inherited)
            self._events.put(partial(self._on_start, process))
            server_process.wait_until_ready(process, ready_pipe)
            self._events.put(partial(self._on_ready, process, ready))
            reason = f"worker {process.pid} ended with {process.wait()}."
            has_failed = process.returncode in (1, server_process.LOST_DATABASE)
            if process.returncode == server_process.LOST_DATABASE:
                reason = "the database was deleted or replaced; the workers' log has more."
                self._events.put(self._on_loss)
                self._stopping.set()  # at once: this thread and the others start no further one
        except Failed as error:
            reason = f"a worker did not start: {error.detail}"
        except OSError as error:  # no memory, or too many processes
            reason = f"a worker cannot be started: {error.strerror}."
        except Exception as error:  # noqa: BLE001 - such as a MemoryError
            reason = f"a worker cannot be started: {type(error).__name__}."
        if process is not None and process.poll() is None:  # nothing is known of it any more
            process.send_signal(signal.SIGTERM)
            process.wait()
        if self._metrics is not None:
            exposition.forget(self._metrics, number)
        self._events.put(partial(self._on_end, process, reason, has_failed))
        return reason

    def _sharing(self, number: int) -> list[str]:
        """Return the arguments with which a worker shares its metrics; none without room."""
        if self._metrics is None:
            return []
        try:
            exposition.reserve(self._metrics, number)
        except OSError as error:
            log.warning("A worker counts its metrics alone: %s.", error.strerror)
            return []
        return ["--metrics-dir", str(self._metrics), "--worker", str(number)]

    def _on_start(self, process: subprocess.Popen[bytes]) -> None:
        self._running.add(process)
        if self._stopping.is_set():  # the signal came while this worker was being started
            process.send_signal(signal.SIGTERM)

    def _on_ready(self, process: subprocess.Popen[bytes], ready: Callable[[], None]) -> None:
        self._ready.add(process)
        if process in self._to_reload:
            process.send_signal(signal.SIGHUP)
        self._unready -= 1
        if self._unready == 0:
            ready()

    def _on_end(
        self, process: subprocess.Popen[bytes] | None, reason: str, has_failed: bool
    ) -> None:
        if process is not None:
            for processes in (self._running, self._ready, self._to_reload):
                processes.discard(process)
        if self._stopping.is_set():
            if has_failed:  # such as a worker that could not store its answers
                self._error = Failed(reason)
        elif self._unready > 0:
            self._error = Failed(reason)
            self._on_signal(signal.SIGTERM)

    def _on_hang_up(self) -> None:
        """Let the workers read their settings again; before it is ready, one cannot."""
        self._to_reload = self._running - self._ready
        for process in self._ready:
            process.send_signal(signal.SIGHUP)

    def _on_loss(self) -> None:
        """Let the others end, too, with their answers finished; that is one request for all."""
        if not self._is_lost:
            self._is_lost = True
            log.warning("A worker has lost the database: all of them end.")
            self._on_signal(signal.SIGTERM)

    def _on_signal(self, number: int) -> None:
        """Pass the request on: workers finish their answers, an urgent one interrupts them."""
        is_urgent = self._requests.is_urgent(number)
        self._stopping.set()
        for process in self._running:
            process.send_signal(signal.SIGQUIT if is_urgent else signal.SIGTERM)

    def _on_thread_end(self) -> None:
        self._threads -= 1
        if not self._threads and not self._stopping.is_set():
            self._error = Failed("no worker is left, and none can be started.")
