"""serve --workers: several processes on one port, one of which may die."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.conftest import SECRET
from tests.support.processes import Cli, ServerProcess
from tests.test_survival import eventually


def serving(home: Path, *flags: str) -> ServerProcess:
    settings = {"ASKCLI_ANSWERER": "scripted", "JWT_SECRET": SECRET}
    return ServerProcess(home, "--workers", "2", *flags, **settings)


def workers(server: ServerProcess) -> set[int]:
    return {child.pid for child in psutil.Process(server.pid).children()}


def test_workers_share_a_port_are_replaced_and_stop_together(home: Path, new_cli: Any) -> None:
    server = serving(home)
    cli: Cli = new_cli(server)
    words = ("register", "--name", "A", "--email", "a@b.example", "--password-stdin")
    assert cli(*words, stdin="correct horse battery\n").code == 0
    first = workers(server)
    assert len(first) == 2
    with httpx2.Client(trust_env=False) as http:
        assert http.get(f"{server.url}/readyz").json()["status"] == "ok"
    os.kill(min(first), signal.SIGKILL)
    eventually(lambda: len(workers(server)) == 2 and workers(server) != first)
    assert cli("ask", "hello").code == 0
    all_of_them = workers(server)
    assert server.stop() == 0
    eventually(lambda: not any(map(psutil.pid_exists, all_of_them)))


def test_workers_leave_when_their_parent_is_killed(home: Path) -> None:
    server = serving(home)
    all_of_them = workers(server)
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: not any(map(psutil.pid_exists, all_of_them)))


def test_workers_know_where_their_parent_listens(home: Path, new_cli: Any) -> None:
    server = serving(home, "--host", "127.0.0.2")  # not the loopback address: as good as public
    words = ("register", "--name", "A", "--email", "a@b.example", "--password-stdin")
    done = new_cli(server)(*words, stdin="correct horse battery\n")
    assert (done.code, "invite" in done.err) == (4, True), done
    assert server.stop() == 0
