"""serve --workers: several processes on one port, one of which may die."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from tests.support import plain_http
from tests.support.cli import NewCli
from tests.support.processes import FreshServer, ServerProcess
from tests.support.secrets import SECRET
from tests.support.waiting import eventually

SETTINGS = {"ASKCLI_ANSWERER": "scripted", "JWT_SECRET": SECRET}


def two_workers(home: Path, *flags: str, **more: str) -> ServerProcess:
    return ServerProcess(home, "--workers", "2", *flags, **SETTINGS, **more)


def test_workers_share_a_port_are_replaced_and_stop_together(home: Path, new_cli: NewCli) -> None:
    server = two_workers(home)
    cli = new_cli(server)
    words = ("register", "--name", "A", "--email", "a@b.example", "--password-stdin")
    assert cli(*words, stdin="correct horse battery\n").code == 0
    first = server.workers()
    assert len(first) == 2
    with plain_http.client() as http:
        assert http.get(f"{server.url}/readyz").json()["status"] == "ok"
    os.kill(min(first), signal.SIGKILL)
    eventually(lambda: len(server.workers()) == 2 and server.workers() != first)
    assert cli("ask", "hello").code == 0
    all_of_them = server.workers()
    assert server.stop() == 0
    eventually(lambda: not any(map(psutil.pid_exists, all_of_them)))


def test_a_stop_signal_to_every_process_interrupts_no_answer(home: Path, new_cli: NewCli) -> None:
    """A service manager signals the workers, and so does their parent: it is one request."""
    home.mkdir(exist_ok=True)
    script = home / "script.json"
    script.write_text('[{"pieces": ["a", "b", "c"], "pause": 2}]')
    server = two_workers(home, ASKCLI_SCRIPT=str(script))
    cli = new_cli(server)
    words = ("register", "--name", "A", "--email", "a@b.example", "--password-stdin")
    assert cli(*words, stdin="correct horse battery\n").code == 0
    asking = cli.start("ask", "slow")
    assert asking.stdout
    assert asking.stdout.read(1) == b"a"
    both = server.workers()
    for pid in both:
        os.kill(pid, signal.SIGTERM)
    eventually(lambda: server.workers() != both)  # the idle one has ended, so both have noticed
    assert server.stop() == 0
    assert asking.communicate()[0] == b"bc\n"
    assert asking.returncode == 0


def test_workers_leave_when_their_parent_is_killed(home: Path) -> None:
    # Really started: what a worker inherits, such as an end of its parent's pipe, is seen only so.
    server = FreshServer(home, "--workers", "2", **SETTINGS)
    all_of_them = server.workers()
    assert len(all_of_them) == 2
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: not any(map(psutil.pid_exists, all_of_them)))


def test_the_parent_of_workers_leaves_nothing_open_of_which_python_warns(home: Path) -> None:
    server = FreshServer(home, "--workers", "2", **SETTINGS)
    assert server.stop() == 0
    assert not [line for line in server.log if "Warning" in line]


def test_workers_know_where_their_parent_listens(home: Path, new_cli: NewCli) -> None:
    server = two_workers(home, "--host", "0.0.0.0")
    words = ("register", "--name", "A", "--email", "a@b.example", "--password-stdin")
    done = new_cli(server)(*words, stdin="correct horse battery\n")
    assert (done.code, "invite" in done.err) == (4, True), done
    assert server.stop() == 0
