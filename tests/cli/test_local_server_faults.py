"""A local server that does not answer, and what stands in the way of starting one."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from askcli import server_process, settings
from askcli.client import local_server
from askcli.client.http.deadline import within
from askcli.errors import TimedOut
from tests.support.cli import Cli, NewCli


@pytest.fixture
def local(new_cli: NewCli) -> Cli:
    """A user with no server configured, who has a little patience."""
    return new_cli(ASKCLI_ANSWERER="scripted", ASKCLI_TIMEOUT="2")


def settings_of(cli: Cli) -> settings.Settings:
    with patch.dict(os.environ, cli.environment, clear=True):
        return settings.load()


@pytest.fixture
def full_socket(local: Cli) -> Iterator[Path]:
    """The local server's socket, with no room for another connection."""
    path = local_server.socket_path(settings_of(local))
    path.parent.mkdir(mode=0o700, parents=True)
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(str(path))
        server.listen(0)
        full = False
        while not full:
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            full = client.connect_ex(str(path)) != 0
        yield path


@pytest.mark.usefixtures("full_socket")
def test_a_local_server_that_accepts_nothing_is_not_waited_for(local: Cli) -> None:
    asked = local("ask", "hi")
    assert (asked.code, asked.out) == (6, ""), asked
    status = local("status", "--json")
    assert (status.code, json.loads(status.out)["state"]) == (6, "unreachable"), status


def test_a_directory_in_the_place_of_the_start_lock_is_told(local: Cli) -> None:
    lock = local_server.socket_path(settings_of(local)).with_name("start.lock")
    lock.parent.mkdir(mode=0o700, parents=True)
    lock.mkdir()
    done = local("ask", "hi")
    assert (done.code, done.err) == (1, f"askcli: error: {lock} is a directory: remove it.\n")


@pytest.mark.parametrize(("answerer", "servers"), [("anthropic", 2), ("scripted", 1)])
def test_a_proxy_has_a_server_of_its_own_where_answers_come_by_it(
    new_cli: NewCli, answerer: str, servers: int
) -> None:
    """A model of this machine is not loaded once more."""
    cli = new_cli(ASKCLI_ANSWERER=answerer, ANTHROPIC_API_KEY="sk")
    sockets = set()
    for proxy in ("http://one.example", "http://other.example"):
        cli.environment["HTTPS_PROXY"] = proxy
        sockets.add(local_server.socket_path(settings_of(cli)))
    assert len(sockets) == servers


@pytest.mark.parametrize("kind", ["lock", "log"])
def test_a_file_that_the_start_cannot_open_is_told(local: Cli, kind: str) -> None:
    lock = local_server.socket_path(settings_of(local)).with_name("start.lock")
    file = {"lock": lock, "log": local_server.log_path(settings_of(local))}[kind]
    file.parent.mkdir(mode=0o700, parents=True)
    file.symlink_to("/proc/none")  # not even root can open it, as a user those that `sudo` has made
    done = local("ask", "hi")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1), done
    assert done.err.startswith(f"askcli: error: cannot use {file}: ")


@pytest.mark.filterwarnings("error")
def test_a_deadline_during_the_start_leaves_nothing_of_which_python_warns(
    local: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids: list[int] = []
    ready, ready_end = os.pipe()

    def start(*_: Sequence[str], **__: Any) -> tuple[subprocess.Popen[bytes], int]:
        process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        pids.append(process.pid)
        return process, ready

    monkeypatch.setattr(server_process, "start", start)
    with pytest.raises(TimedOut), within(0.2, TimedOut("late")):
        local_server.ensure(settings_of(local))
    gc.collect()
    os.close(ready_end)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
