"""No server configured: the local one starts on demand, is shared, and stops by itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest

from askcli import server_process, settings
from askcli.client import local_server
from askcli.client.target import resolve
from askcli.files import locked, try_lock
from askcli.files.pid_file import PidFile
from askcli.services.auth.signing_key import secret_path
from askcli.store import migrations
from tests.support import forked_servers
from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase, opened
from tests.support.migrating import migrate
from tests.support.servers import customized
from tests.support.soak import SOAK, seeded
from tests.support.waiting import eventually


@pytest.fixture
def local(new_cli: NewCli) -> Any:
    """A user with no server configured, whom a script answers; their server is stopped."""
    cli = new_cli(ASKCLI_ANSWERER="scripted")
    yield cli
    _stop(cli)


def _stop(cli: Cli) -> None:
    assert cli("serve", "--stop").code == 0
    assert pids(cli) == []


def runtime(cli: Cli) -> Path:
    """Where this user's local servers listen."""
    return Path(cli.environment["XDG_RUNTIME_DIR"]) / "askcli"


def pids(cli: Cli) -> list[int]:
    """The processes of this user's local servers."""
    files = runtime(cli).glob("*.pid")
    return [int(file.read_text().split()[0]) for file in files]


def test_it_works_at_once_and_keeps_everything_private(local: Cli) -> None:
    done = local("ask", "hello")
    assert (done.code, done.err) == (0, "")
    assert "scripted" in done.out
    (socket,) = runtime(local).glob("*.sock")
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert "hello" in local("history").out
    status = json.loads(local("status", "--json").out)
    assert str(pids(local)[0]) in status["local_server"]
    assert status["state"] == "ready"
    assert Path(status["log"]).is_file()
    for file in (local.home / ".local/share/askcli").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_many_at_once_agree_on_one_server_and_one_account(local: Cli) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: local("ask", "hello"), range(8)))
    assert [one.code for one in done] == [0] * 8, done
    assert len(pids(local)) == 1
    listed = json.loads(local("history", "list", "--json").out)
    assert len(listed["items"]) == 8
    assert len({item["user_id"] for item in listed["items"]}) == 1


def test_other_settings_never_talk_to_a_stale_server(local: Cli, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('[{"text": "From the script."}]')
    assert "scripted" in local("ask", "hello").out
    local.environment["ASKCLI_SCRIPT"] = str(script)
    assert local("ask", "hello").out == "From the script.\n"
    assert len(pids(local)) == 2


def test_stop_ends_it_and_the_next_question_starts_another(local: Cli) -> None:
    assert local("ask", "hello").code == 0
    first = pids(local)
    assert "Stopped" in local("serve", "--stop").err
    assert "No local server" in local("serve", "--stop").err
    assert "not running" in local("status").out
    assert local("ask", "hello").code == 0
    assert pids(local) != first
    log = (local.home / ".local/state/askcli/server.log").read_text()
    assert "ERROR" not in log


def test_a_stopped_server_finishes_its_answer_and_another_takes_over(
    local: Cli, tmp_path: Path
) -> None:
    script = tmp_path / "script.json"
    script.write_text(
        '[{"match": "slow", "pieces": ["a", "b", "c"], "pause": 1}, {"text": "fast"}]'
    )
    local.environment["ASKCLI_SCRIPT"] = str(script)
    slow = local.start("ask", "slow")
    assert slow.stdout
    assert slow.stdout.read(1) == b"a"
    assert "1 answer is finishing" in local("serve", "--stop").err
    assert "1 answer is finishing" in local("serve", "--stop").err  # said again, not interrupted
    assert local("ask", "quick").out == "fast\n"  # by another server, at once
    assert slow.communicate()[0] == b"bc\n"
    assert slow.returncode == 0


def test_a_killed_server_is_replaced(local: Cli) -> None:
    assert local("ask", "hello").code == 0
    os.kill(pids(local)[0], 9)
    assert local("ask", "hello").code == 0


def _forking() -> Any:
    """Let this process start servers as the commands of tests do."""
    return patch.object(server_process, "subprocess", forked_servers)


def test_a_server_whose_command_goes_before_it_is_ready_serves_on(local: Cli) -> None:
    with patch.dict(os.environ, local.environment, clear=True), _forking():
        path = local_server.socket_path(settings.load())
        process, ready = server_process.start(["--socket", str(path)], output=subprocess.DEVNULL)
    os.close(ready)  # as the end of the command does
    eventually(lambda: local_server.listens(path))
    assert local("ask", "hello").code == 0
    assert pids(local) == [process.pid]
    _stop(local)
    assert process.wait() == 0


STOPPED_ONCE = """
import os, signal
from pathlib import Path

from askcli.server_process import ReadyPipe

was_started, init = Path(__file__).with_name("was_started"), ReadyPipe.__init__

def stop_once(pipe, fd):
    init(pipe, fd)
    if not was_started.exists():
        was_started.touch()
        os.kill(os.getpid(), signal.SIGTERM)

ReadyPipe.__init__ = stop_once
"""


def test_a_server_that_is_stopped_while_it_starts_is_started_again(
    local: Cli, tmp_path: Path
) -> None:
    local.environment |= customized(tmp_path, STOPPED_ONCE)
    assert local("ask", "hello").code == 0  # beside another command's `serve --stop`
    assert (tmp_path / "was_started").exists()


def test_the_migration_of_a_database_is_told(local: Cli, new_database: NewDatabase) -> None:
    url = new_database("sqlite")
    with opened(url) as connection:
        migrate(connection, f"{int(migrations.HEAD) - 1:04}")
    local.environment["DB_CONN_STRING"] = url
    done = local("ask", "hello")
    assert (done.code, done.err) == (0, "Migrating the database, which may take minutes…\n")
    assert local("ask", "hello").err == ""


def test_a_server_that_an_earlier_command_has_begun_to_start_is_used(local: Cli) -> None:
    """That command was ended, as by Ctrl-C, and is given again at once."""
    with patch.dict(os.environ, local.environment, clear=True):
        here = settings.load()
    path, secret = local_server.socket_path(here), secret_path(here.data_dir)
    secret.parent.mkdir(parents=True, mode=0o700)
    with locked(secret.with_name("jwt_secret.lock")):  # which it waits for, with its place taken
        with patch.dict(os.environ, local.environment, clear=True), _forking():
            process, ready = server_process.start(
                ["--socket", str(path)], output=subprocess.DEVNULL
            )
        os.close(ready)
        eventually(lambda: PidFile(path.with_suffix(".pid")).holder() == process.pid)
        os.kill(process.pid, signal.SIGSTOP)
    try:
        command = local.start("ask", "hello", stderr=subprocess.PIPE)
        eventually(lambda: _is_locked(path.with_name("start.lock")))
    finally:
        os.kill(process.pid, signal.SIGCONT)
    _, errors = command.communicate()
    assert (command.returncode, errors) == (0, b"")
    assert pids(local) == [process.pid]
    _stop(local)
    assert process.wait() == 0


def _is_locked(path: Path) -> bool:
    with suppress(FileNotFoundError), path.open("rb") as file:
        return not try_lock(file.fileno())
    return False


def test_a_server_whose_files_are_deleted_is_replaced(local: Cli) -> None:
    assert local("ask", "before").code == 0
    first = pids(local)
    (socket,) = runtime(local).glob("*.sock")
    socket.unlink()
    assert "before" in local("history").out
    second = pids(local)
    assert second != first
    shutil.rmtree(local.home / ".local/share/askcli")
    assert local("ask", "after").code == 0
    assert "after" in local("history").out  # kept in a database that is there
    third = pids(local)
    assert third != second
    (log,) = local.home.glob(".local/share/askcli/*-wal")
    log.unlink()
    assert "after" in local("history").out
    assert pids(local) != third
    random, data = seeded(), local.home / ".local/share/askcli"
    for number in range(40 if SOAK else 0):
        parts = [runtime(local), data, *runtime(local).glob("*"), *data.glob("*")]
        part = random.choice(sorted(parts))
        shutil.rmtree(part) if part.is_dir() else part.unlink()
        assert local("ask", f"again {number}").code == 0, part
        assert f"again {number}" in local("history").out, part
    third = pids(local)
    shutil.rmtree(runtime(local))
    eventually(lambda: not any(map(psutil.pid_exists, first + second + third)))


def test_the_log_of_a_database_that_was_replaced_is_not_the_next_servers(local: Cli) -> None:
    assert local("ask", "in both").code == 0
    (file,) = local.home.glob(".local/share/askcli/*.db")
    backup = file.with_name("backup")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
        for number in range(9):
            assert local("ask", f"late {number}").code == 0
        backup.rename(file)
        assert "late" not in local("history").out
    assert local("ask", "hello").code == 0
    assert len(list(file.parent.glob("*-wal.of-replaced-*"))) == 1
    with closing(sqlite3.connect(file)) as one:
        assert one.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_server_that_ends_between_two_requests_is_started_again(local: Cli) -> None:
    assert local("ask", "kept").code == 0
    with (
        patch.dict(os.environ, local.environment, clear=True),
        resolve(settings.load()).open() as api,
    ):
        assert api.questions()["items"]
        os.kill(pids(local)[0], 9)
        assert [item["question"] for item in api.questions()["items"]] == ["kept"]


def test_it_stops_by_itself_when_idle(local: Cli) -> None:
    local.environment["ASKCLI_IDLE_SECONDS"] = "1"
    assert local("ask", "hello").code == 0
    (pid,) = pids(local)
    handle = os.pidfd_open(pid)  # readable when the process ends
    try:
        import select

        assert select.select([handle], [], [], 30)[0]
    finally:
        os.close(handle)
    assert pids(local) == []
    assert list(runtime(local).glob("*.sock")) == []


def test_a_login_with_a_token_does_not_lose_the_account(local: Cli) -> None:
    """Its password is kept in the token file and nowhere else."""
    email = json.loads(local("whoami", "--json").out)["email"]
    token = local("token", "create", "x", "--scope", "read").out.strip()
    assert local("login", "--with-token", stdin=token).code == 0
    assert local("ask", "hello").code == 4  # the token may read
    assert local("logout").code == 0
    assert json.loads(local("whoami", "--json").out)["email"] == email
    assert local("ask", "hello").code == 0


def test_a_lost_database_means_a_new_account(local: Cli) -> None:
    assert local("ask", "hello").code == 0
    assert local("serve", "--stop").code == 0
    for file in (local.home / ".local/share/askcli").glob("askcli.db*"):
        file.unlink()
    assert local("ask", "hello").code == 0


def test_neither_a_foreign_checkout_nor_its_env_file_is_trusted(local: Cli) -> None:
    (local.home / "askcli").mkdir()
    (local.home / "askcli/__init__.py").write_text("raise SystemExit('executed')")
    (local.home / "fastapi.py").write_text("raise SystemExit('executed')")
    (local.home / ".env").write_text("ASKCLI_ANSWERER=anthropic\nANTHROPIC_API_KEY=stolen\n")
    done = local.fresh("ask", "hello")  # nothing is loaded, in the server as little
    assert done.code == 0
    assert "scripted" in done.out


@pytest.fixture
def without_runtime(local: Cli, tmp_path: Path) -> Iterator[Cli]:
    """A user whose runtime directory is the one below /tmp, which is here one of their own."""
    runtime = local.environment["XDG_RUNTIME_DIR"]
    code = "from askcli.settings import sources\nsources.TEMPORARY = sources.Path({!r})"
    local.environment |= customized(tmp_path, code.format(runtime))
    yield local
    (directory,) = Path(runtime).glob("askcli-*")
    assert list(directory.glob("*.pid"))
    assert local("serve", "--stop").code == 0
    assert not list(directory.glob("*.pid"))
    local.environment["XDG_RUNTIME_DIR"] = runtime


def test_a_runtime_directory_too_deep_for_a_socket_is_no_matter(without_runtime: Cli) -> None:
    without_runtime.environment["XDG_RUNTIME_DIR"] = str(without_runtime.home / ("deep" * 20))
    assert without_runtime("ask", "hello").code == 0


def test_a_runtime_directory_that_is_relative_is_none(without_runtime: Cli, tmp_path: Path) -> None:
    cli = without_runtime
    cli.environment["XDG_RUNTIME_DIR"] = "relative"  # as XDG has it; it would be another anywhere
    assert cli("ask", "hello").code == 0
    assert not (cli.home / "relative").exists()
    with patch.object(cli, "home", tmp_path):  # where it works
        assert json.loads(cli("status", "--json").out)["state"] == "ready"


def test_a_server_that_cannot_start_says_why(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted", DB_CONN_STRING="mysql://root:hunter2@db/x")
    done = cli("ask", "hello")
    assert (done.code, done.out) == (1, "")
    assert "DB_CONN_STRING" in done.err
    assert "hunter2" not in done.err


def test_nothing_that_can_answer_names_both_ways(new_cli: NewCli) -> None:
    done = new_cli(ASKCLI_ANSWERER="anthropic")("ask", "hello")
    assert done.code == 2
    assert "ANTHROPIC_API_KEY" in done.err
