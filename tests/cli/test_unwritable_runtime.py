"""A local server whose runtime directory cannot be written any more."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.support.cli import NewCli
from tests.support.servers import WITHOUT_RIGHTS, customized
from tests.support.waiting import eventually


@pytest.mark.parametrize("reason", ["signal", "idle", "lost"])
def test_a_server_that_cannot_remove_its_socket_ends_all_the_same(
    new_cli: NewCli, tmp_path: Path, reason: str
) -> None:
    more = customized(tmp_path, WITHOUT_RIGHTS)
    seconds = "5" if reason == "idle" else "900"
    cli = new_cli(ASKCLI_ANSWERER="scripted", ASKCLI_IDLE_SECONDS=seconds, **more)
    assert cli("ask", "hello").code == 0
    directory = Path(cli.environment["XDG_RUNTIME_DIR"]) / "askcli"
    (file,) = directory.glob("*.pid")
    pid = int(file.read_text().split()[0])
    directory.chmod(0o500)
    try:
        if reason == "signal":
            os.kill(pid, signal.SIGTERM)
        elif reason == "lost":
            next(cli.home.glob(".local/share/askcli/*.db")).unlink()
        eventually(lambda: not psutil.pid_exists(pid))
    finally:
        directory.chmod(0o700)
    log = next(cli.home.rglob("server.log")).read_text()
    assert "cannot be removed" in log
    assert "Traceback" not in log
    assert cli("ask", "again").code == 0
    assert cli("serve", "--stop").code == 0


def test_a_directory_that_may_not_be_looked_into_is_told(new_cli: NewCli, tmp_path: Path) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted", **customized(tmp_path, WITHOUT_RIGHTS))
    runtime, closed = Path(cli.environment["XDG_RUNTIME_DIR"]) / "askcli", cli.home / "closed"
    for directory in (runtime, closed):
        directory.mkdir(mode=0, parents=True)
    try:
        done = cli("history", "import", "closed/some.jsonl")
        assert (done.code, "cannot read closed/some.jsonl: Permission" in done.err) == (2, True)
        done = cli("status")
        assert (done.code, "unexpected" in done.err) == (1, False), done
        assert f"cannot look into {runtime}" in done.err
    finally:
        for directory in (runtime, closed):
            directory.chmod(0o700)
