"""The parent of workers: it outlives what they die of, and stops when it is asked to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest

from askcli import server_process
from askcli.errors import Failed
from askcli.server.process import stop_requests, workers
from askcli.server.process.stop_requests import SIGNALS, StopRequests
from askcli.server.process.workers import Workers
from tests.support.soak import SOAK, seeded

REASON = "the database is away."
# What the worker of each start does, by its number: ends after it was ready, fails, or stays.
FATES = ["ends", "fails", "fails", "stays"]
if SOAK:
    FATES[1:-1] = seeded().choices(["ends", "fails"], k=8)

WORKER = f"""
import os, signal, sys, time
fate, fd = sys.argv[1], int(sys.argv[2])
os.write(fd, b"{REASON}" if fate == "fails" else b"ready")
os.close(fd)
if fate == "loses":
    signal.sigwait([signal.SIGTERM])
time.sleep(60 if fate in ("stays", "lingers") else 0)
sys.exit({server_process.LOST_DATABASE} if fate == "lost" else 1)
"""


class Starts:
    """Starts small programs in place of servers."""

    def __init__(self, fates: list[str]) -> None:
        self._fates = iter(fates)
        self.lives = threading.Event()

    def start(self, *_: Any, **__: Any) -> tuple[subprocess.Popen[bytes], int]:
        """As `server_process.start`."""
        fate = next(self._fates)
        if fate == "short":
            raise MemoryError
        ready, end = os.pipe()
        command = [sys.executable, "-S", "-c", WORKER, fate, str(end)]
        waited_for = [signal.SIGTERM] if fate == "loses" else []
        before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)  # the process inherits it
        process = subprocess.Popen(command, pass_fds=[end])
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(end)
        if fate in ("stays", "loses"):
            self.lives.set()
        return process, ready


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    """A socket; and the signal handlers of the tests, put back."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    with socket.socket() as one:
        yield one
    for number, handler in handlers.items():
        signal.signal(number, handler)


def run(sock: socket.socket, starts: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one worker."""
    monkeypatch.setattr(server_process, "start", starts.start)
    monkeypatch.setattr(workers, "FIRST_PAUSE_SECONDS", 0.01)
    Workers(sock, 1, []).run(lambda: None)


def run_and_stop(sock: socket.socket, starts: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one worker, and ask its parent to stop once it lives."""

    def stop() -> None:
        assert starts.lives.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop)
    stopping.start()
    try:
        run(sock, starts, monkeypatch)
    finally:
        stopping.join()


def test_a_worker_that_fails_as_it_stops_is_the_parents_failure(
    sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failed, match="ended with 1"):
        run_and_stop(sock, Starts(["loses"]), monkeypatch)


def test_a_worker_that_has_lost_the_database_has_no_successor(
    sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failed, match="the database was deleted or replaced"):
        run(sock, Starts(["lost"]), monkeypatch)


def test_a_worker_that_dies_while_the_database_is_away_comes_back_with_it(
    sock: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "askcli.notices")
    run_and_stop(sock, Starts(FATES), monkeypatch)
    assert [REASON in line for line in caplog.messages] == [fate == "fails" for fate in FATES[:-1]]


def test_a_worker_that_memory_is_too_short_for_is_started_later(
    sock: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "askcli.notices")
    run_and_stop(sock, Starts(["ends", "short", "stays"]), monkeypatch)
    assert "a worker cannot be started: MemoryError." in caplog.text


def test_a_worker_that_cannot_be_waited_for_is_not_left_behind(
    sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = Starts(["ends", "lingers", "stays"])
    started: list[subprocess.Popen[bytes]] = []
    wait = server_process.wait_until_ready

    def wait_until_ready(process: subprocess.Popen[bytes], ready: int) -> None:
        started.append(process)
        wait(process, ready)
        if len(started) == 2:
            raise MemoryError

    monkeypatch.setattr(server_process, "wait_until_ready", wait_until_ready)
    run_and_stop(sock, starts, monkeypatch)
    assert len(started) == 3
    assert all(process.poll() is not None for process in started)


def test_a_parent_ends_though_the_thread_of_a_worker_has_ended(
    sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(Workers, "_run_worker", Mock(side_effect=MemoryError))
    with pytest.raises(Failed, match="no worker is left"):
        Workers(sock, 2, []).run(lambda: None)


def test_a_first_worker_that_does_not_start_is_an_error(
    sock: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failed, match=REASON):
        run(sock, Starts(["fails"]), monkeypatch)


@pytest.mark.parametrize(
    ("report", "said"),
    [(partial(server_process.ReadyPipe.failed, reason="a\nb"), "a b"), (None, "without giving")],
)
def test_a_server_that_does_not_start_says_why(report: Any, said: str) -> None:
    ready, end = os.pipe()
    pipe = server_process.ReadyPipe(end)
    if report:
        report(pipe)
    else:
        os.close(end)
    process = subprocess.Popen(["false"])
    with pytest.raises(Failed, match=said):
        server_process.wait_until_ready(process, ready)
    assert process.returncode is not None


def test_a_server_that_migrates_its_database_is_waited_for_without_a_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "askcli.notices")
    ready, end = os.pipe()
    pipe, limits = server_process.ReadyPipe(end), list[float | None]()

    def wait(files: Any, _w: Any, _x: Any, seconds: float | None) -> Any:
        limits.append(seconds)
        (pipe.migrating if len(limits) == 1 else pipe.ready)()
        return files, [], []

    monkeypatch.setattr("askcli.server_process.select", Mock(select=wait))
    server_process.wait_until_ready(Mock(), ready)
    assert limits == [server_process.START_SECONDS, None]
    assert "Migrating the database" in caplog.text


def test_a_server_that_is_ready_before_its_migration_was_told_is_ready() -> None:
    ready, end = os.pipe()
    pipe = server_process.ReadyPipe(end)
    pipe.migrating()
    pipe.ready()
    server_process.wait_until_ready(Mock(), ready)


@pytest.mark.parametrize(
    ("later", "number", "is_urgent"),
    [
        (0.1, signal.SIGTERM, False),
        (stop_requests.SAME_REQUEST_SECONDS + 1, signal.SIGTERM, True),
        (0.1, signal.SIGINT, False),
        (0.1, signal.SIGQUIT, True),
    ],
)
def test_which_signal_after_a_first_one_is_urgent(
    monkeypatch: pytest.MonkeyPatch, later: float, number: int, is_urgent: bool
) -> None:
    clock = iter([100.0, 100.0 + later])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    requests = StopRequests()
    assert not requests.is_urgent(signal.SIGTERM)
    assert requests.is_urgent(number) is is_urgent


def test_a_second_ctrl_c_is_urgent() -> None:
    requests = StopRequests()
    assert [requests.is_urgent(signal.SIGINT) for _ in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("before", "is_handled"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)]
)
def test_a_hang_up_that_nohup_ignores_stays_ignored(before: Any, is_handled: bool) -> None:
    handler = signal.signal(signal.SIGHUP, before)
    try:
        assert (signal.SIGHUP in stop_requests.handled_signals()) is is_handled
    finally:
        signal.signal(signal.SIGHUP, handler)
