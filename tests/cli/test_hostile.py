"""Odd servers, odd environments, odd moments: one line, an honest exit code, a safe terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.hostile import always
from tests.support.people import NewPerson, logged_in
from tests.support.processes import ServerProcess, environment
from tests.support.servers import serving
from tests.support.soak import SOAK

EVENTS = {"content_type": "text/event-stream"}


JSON = {"content_type": "application/json"}


PROBLEM = json.dumps({"code": "failed", "detail": "red \x1b[31m\x9b0m\u202e title \x1b]0;x\x07"})


def event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (301, b"", {"location": "https://elsewhere.example"}),
        (200, b"[]", JSON),
        (200, b"null", JSON),
        (200, b"<html>", {"content_type": "text/html"}),
        (200, b"not gzip", JSON | {"content_encoding": "gzip"}),
        (200, b"[" * 100_000, JSON),
        (200, event("delta", "[]"), EVENTS),
        (200, event("delta", '{"text": 7}') + event("done", "{}"), EVENTS),
        (200, event("error", '{"status": [], "code": []}'), EVENTS),
        (200, event("done", '{"status": "answering", "stop_reason": null, "id": "x"}'), EVENTS),
        (500, PROBLEM.encode(), {"content_type": "application/problem+json"}),
        (200, event("error", PROBLEM), EVENTS),
    ],
)
@pytest.mark.parametrize("words", [["ask", "--timeout", "2", "hi"], ["whoami"], ["history"]])
def test_a_hostile_server_gets_one_harmless_line(
    new_cli: NewCli, words: list[str], status: int, body: bytes, headers: dict[str, str]
) -> None:
    with always(status, body, **headers) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        done = cli.in_process(*words)
    assert done.code != 0 or (words == ["history"] and "[" in body.decode()), done
    assert "Traceback" not in done.err
    assert all(line.startswith(("askcli: ", "the ", "cannot ")) for line in done.err.splitlines())
    for sign in ("\x1b", "\x9b", "\x07", "\u202e"):
        assert sign not in done.err + done.out


def test_debug_shows_a_harmless_traceback(new_cli: NewCli) -> None:
    with always(500, PROBLEM.encode(), content_type="application/problem+json") as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        done = cli("--debug", "whoami")
    assert "Traceback" in done.err
    assert "\x1b" not in done.err


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (r"askcli ask $'\xff\xfe'", 2),
        (r"askcli history search $'\xff\xfe'", 2),
        (r"ASKCLI_MODEL=$'\xff\xfe' askcli whoami", 2),
        ("COLUMNS=1 askcli history --help", 0),
        (r"printf '\xff\n' | askcli login --email a@b --password-stdin", 2),
        (
            "ALL_PROXY=socks5://127.0.0.1:9 askcli ask --timeout 1 hi --server http://x.invalid",
            None,
        ),
        ("askcli status --server http://a..b", None),
        ("askcli whoami --server http://user:word@host", 2),
        ("askcli --help >/dev/full", 1),
        ("askcli ask hi 0>/dev/null", None),
    ],
)
def test_odd_input_gets_one_line(sqlite_cli: Cli, script: str, code: int | None) -> None:
    done = sqlite_cli.shell(script)
    assert done.code == code or code is None, done
    assert "Traceback" not in done.err


def test_a_missing_certificate_file_matters_to_https_alone(sqlite_cli: Cli) -> None:
    sqlite_cli.environment["SSL_CERT_FILE"] = "/nonexistent"
    assert sqlite_cli("ask", "hi").code == 0
    done = sqlite_cli("whoami", "--server", "https://127.0.0.1:9")
    assert "Traceback" not in done.err


def pressed_until_it_ends(process: subprocess.Popen[bytes]) -> bytes:
    """Press Ctrl-C again each time that a destructor took it; return what was written to stderr.

    Before `main` runs, that is Python's to report, which says so and goes on.
    """
    watchdog = threading.Timer(30, process.kill)
    watchdog.start()
    lines = []
    with process:  # closes its pipes
        for line in process.stderr or ():
            lines.append(line)
            if line.rstrip() == b"KeyboardInterrupt:" and b"Exception ignored" in b"".join(lines):
                process.send_signal(signal.SIGINT)
    watchdog.cancel()
    return b"".join(lines)


def test_ctrl_c_at_any_moment_is_130(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "never", hold_after=0)
    # As users have it: with warnings as errors, an interrupted import complains of its open file.
    del sqlite_cli.environment["PYTHONWARNINGS"]
    for moment in (0.04, 0.08, 0.12, 0.16, 0.2, 0.3)[:: 1 if SOAK else 2]:
        process = sqlite_cli.fresh_start("ask", marker, stderr=-1)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        err = pressed_until_it_ends(process)
        if process.returncode == -signal.SIGINT or b"Fatal Python error: init_" in err:
            continue  # Python itself has not started
        # Nor is it ours to deal with before `main` runs: pip's script loads more first.
        own = re.findall(rb"/askcli/.*, in (.*)", err)
        assert set(own) <= {b"<module>"}, (moment, err)
        if b"Traceback" in err:
            assert b"bin/askcli" in err, (moment, err)
        else:
            assert process.returncode == 130, (moment, err)
    reply.release()


def test_an_error_in_mid_answer_leaves_the_text_on_the_terminal(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, "A last ", "block", fault="reset", fault_after=1)
    terminal = sqlite_cli.terminal("ask", marker)
    terminal.expect("askcli: error")
    output = str(terminal.before)
    terminal.read()
    terminal.wait()
    assert output.rindex("A last") > output.rindex("\x1b[J")  # printed after the last erasing
    assert terminal.exitstatus == 5


@pytest.mark.parametrize(
    "stop_reason", ["model_context_window_exceeded", "pause_turn", "tool_use", "x" * 500]
)
def test_an_answer_that_stopped_for_another_reason_is_not_whole(
    sqlite_cli: Cli, fake: FakeAnthropic, stop_reason: str
) -> None:
    marker = uuid4().hex
    fake.on(marker, "some", stop_reason=stop_reason)
    done = sqlite_cli.in_process("ask", marker)
    assert (done.code, done.out) == (5, "some\n")


@pytest.mark.parametrize("tokens", [10**30, -1, {"a": 1}, "many", None])
def test_nonsense_counts_are_unknown_counts(cli: Cli, fake: FakeAnthropic, tokens: Any) -> None:
    marker = uuid4().hex
    fake.on(marker, "some", input_tokens=tokens)
    finished = json.loads(cli.in_process("ask", "--json", marker).out)
    assert (finished["answer"], finished["input_tokens"]) == ("some", None)


def test_a_provider_on_loopback_is_reached_past_any_proxy(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path, new_person: NewPerson
) -> None:
    nowhere = "http://127.0.0.1:9"
    server = serving(tmp_path, fake, new_database("sqlite"), HTTP_PROXY=nowhere, http_proxy=nowhere)
    assert new_person(server).ask("hello").status_code == 201
    assert server.stop() == 0


def test_another_users_socket_directory_is_not_trusted(new_cli: NewCli) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make another user's directory")
    with tempfile.TemporaryDirectory(prefix="askcli") as runtime:
        directory = Path(runtime) / "askcli"
        directory.mkdir(mode=0o777)
        os.chown(directory, 65534, 65534)
        cli = new_cli(ASKCLI_ANSWERER="scripted", XDG_RUNTIME_DIR=runtime)
        for words in (["ask", "secret"], ["status"]):
            done = cli(*words)
            if words == ["ask", "secret"]:
                assert done.code == 1
                assert "not a directory of yours" in done.err
                # A directory that is mounted into a container cannot be removed.
                assert "change its owner to 0," in done.err
        Path(runtime).chmod(0o1777)  # as /tmp, where another may have made it to plant files
        done = cli("ask", "secret")
        assert (done.code, "change its owner" in done.err) == (1, False)


def test_a_planted_socket_is_not_trusted(new_cli: NewCli) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make another user's socket")
    from askcli.client import local_server
    from askcli.errors import Failed

    with tempfile.TemporaryDirectory(prefix="askcli") as runtime:
        path = Path(runtime) / "planted.sock"
        with socket.socket(socket.AF_UNIX) as planted:
            planted.bind(str(path))
            planted.listen()
            os.chown(path, 65534, 65534)
            with pytest.raises(Failed, match="not yours"):
                local_server.listens(path)


def test_local_history_survives_a_logout_and_another_data_directory(
    new_cli: NewCli, tmp_path: Path
) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted")
    for name in ("a", "b"):
        cli.environment["ASKCLI_DATA_DIR"] = str(tmp_path / name)
        assert cli("ask", f"in {name}").code == 0
    cli.environment["ASKCLI_DATA_DIR"] = str(tmp_path / "a")
    assert "in a" in cli("history").out
    assert cli("logout").code == 0
    assert "in a" in cli("history").out
    assert cli("serve", "--stop").code == 0


def test_relative_paths_mean_the_directory_that_one_stands_in(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted")
    cli.environment["ASKCLI_DATA_DIR"] = "data"
    home = cli.home
    for name in ("one", "two"):
        cli.home = home / name  # where one stands; the home directory is the same
        cli.home.mkdir()
        assert cli("ask", "in", name).code == 0
        assert re.findall("\tin .*", cli("history").out) == [f"\tin {name}"]
    assert cli("serve", "--stop").code == 0
    assert (home / "two/data/askcli.db").is_file()


def test_nothing_is_asked_where_there_is_no_stdout(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    done = sqlite_cli.shell(f"askcli ask --json {marker} >&-")
    assert (done.code, done.err.count("\n")) == (1, 1), done
    assert "no stdout" in done.err
    assert fake.asked(marker) == []
    assert sqlite_cli.shell(f"askcli ask -o answer {marker} >&-").code == 0


def test_all_streams_closed(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted")
    done = cli.shell("askcli ask hi 0<&- 1>&- 2>&- && exit 9; askcli history")
    assert (done.code, done.out) == (0, ""), done
    assert cli("serve", "--stop").code == 0


@pytest.mark.parametrize(
    "url", ["sqlite+foo:///x", "sqlite+aiosqlite:///x", "postgresql+asyncpg://x/y", "mysql://x/y"]
)
def test_a_foreign_driver_is_refused(new_cli: NewCli, url: str) -> None:
    done = new_cli(ASKCLI_ANSWERER="scripted", DB_CONN_STRING=url)("migrate")
    assert (done.code, "Traceback" in done.err) == (2, False)


def test_a_newer_database_is_told(new_database: NewDatabase, new_cli: NewCli) -> None:
    import sqlalchemy

    url = new_database("sqlite", migrated=False)
    cli = new_cli(ASKCLI_ANSWERER="scripted", DB_CONN_STRING=url)
    assert cli("migrate").code == 0
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    done = cli("migrate")
    assert (done.code, "newer" in done.err) == (1, True)


def test_an_env_file_that_is_not_text(new_cli: NewCli) -> None:
    cli = new_cli()
    (cli.home / ".env").write_bytes(b"A=\xff\xfe")
    done = cli("migrate")
    assert (done.code, ".env" in done.err) == (2, True)


def test_a_linked_config_directory_is_fine(
    new_cli: NewCli, sqlite_server: ServerProcess, tmp_path: Path
) -> None:
    cli = new_cli(sqlite_server)
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "dotfiles")
    cli.environment["ASKCLI_CONFIG_DIR"] = str(tmp_path / "link")
    assert logged_in(cli, sqlite_server)("whoami").code == 0


def test_the_environment_of_the_tests_has_no_key(tmp_path: Path) -> None:
    assert not [name for name in environment(tmp_path) if "KEY" in name or "PROXY" in name.upper()]
