"""Hints: each names the server or the profile that it is about, before it is too late."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from uuid import uuid4

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import add_user
from tests.support.processes import ServerProcess
from tests.support.secrets import PASSWORD


def test_a_hint_to_log_in_names_the_server_and_the_profile(
    new_cli: NewCli, sqlite_server: ServerProcess
) -> None:
    cli = new_cli(sqlite_server)
    options = f"--server {sqlite_server.url} --profile work"
    for command in ("whoami", "status"):
        done = cli.in_process(command, *options.split())
        assert done.code == 4
        assert f"`askcli login {options}`" in done.err
    assert f"`askcli login --server {sqlite_server.url}`" in cli.in_process("whoami").err


@pytest.fixture
def at_work(sqlite_server: ServerProcess, new_cli: NewCli) -> Cli:
    """A user of the profile `at work`, and of no configured server."""
    cli, email = new_cli(), add_user(sqlite_server)
    words = ("login", "--server", sqlite_server.url, "--profile", "at work")
    assert cli.in_process(*words, "--email", email, "--password-stdin", stdin=PASSWORD).code == 0
    return cli


WORK = ("--profile", "at work")


def test_a_hint_to_follow_an_answer_can_be_typed_as_it_is(
    at_work: Cli, fake: FakeAnthropic
) -> None:
    """With the profile that was given, and for this answer, also once another was asked for."""
    held = fake.on(marker := uuid4().hex, "One ", "two.", hold_after=1)
    left = at_work.in_process("ask", marker, "--timeout", "5", *WORK)
    assert "follow it with: " in left.err, left
    (follow,) = re.findall("follow it with: (askcli .+)", left.err)
    assert at_work.in_process("ask", "Another?", *WORK).code == 0
    history = json.loads(at_work.in_process("history", "--json", *WORK).out)
    shown = at_work.in_process("history", "show", history["items"][1]["id"], *WORK)
    assert (shown.code, re.findall("`(askcli .+)` follows it", shown.err)) == (5, [follow])
    held.release()
    done = at_work.shell(follow)
    assert (done.code, done.out) == (0, "One two.\n"), done


def test_a_hint_to_ask_for_more_can_be_typed_as_it_is(at_work: Cli, fake: FakeAnthropic) -> None:
    fake.on(marker := uuid4().hex, "half", stop_reason="max_tokens")
    assert at_work.in_process("ask", marker, *WORK).code == 5
    shown = at_work.in_process("history", "show", *WORK)
    (retry,) = re.findall("`(askcli ask --retry .+)`", shown.err)
    fake.on(marker, "whole")
    done = at_work.shell(retry.replace(" N", " 100"))
    assert (done.code, done.out) == (0, "whole\n"), done


def test_a_hint_after_ctrl_c_can_be_typed_as_it_is(at_work: Cli, fake: FakeAnthropic) -> None:
    fake.on(marker := uuid4().hex, "One ", "two.", hold_after=1)
    asking = at_work.start("ask", marker, *WORK, stderr=subprocess.PIPE)
    assert asking.stdout
    assert asking.stdout.read(3) == b"One"
    asking.send_signal(signal.SIGINT)
    _, err = asking.communicate()
    (show,) = re.findall("the text so far is kept: (askcli .+)", err.decode())
    assert shlex.split(show)[-2:] == [*WORK]
    assert at_work.shell(f"{show} || true").out == "One \n"


def test_a_server_in_the_config_file_is_checked_as_one_of_an_option(new_cli: NewCli) -> None:
    cli = new_cli()
    for url in ("ask.example.org", "http://a:b@host", "ftp://host"):
        of_option = cli.in_process("whoami", "--server", url)
        of_file = cli.in_process("config", "set", "server", url)
        assert (of_file.code, of_file.err) == (2, of_option.err)
    assert cli.in_process("config", "get", "server").code == 1


@pytest.mark.parametrize(
    ("words", "listing"),
    [
        ("history show", "history"),
        ("logout --session", "whoami --sessions"),
        ("invite revoke", "invite list"),
    ],
)
def test_who_gives_no_id_is_told_where_such_ids_are(cli: Cli, words: str, listing: str) -> None:
    done = cli.in_process(*words.split(), "nope")
    assert (done.code, f"'nope' is not an id; `askcli {listing}` shows" in done.err) == (2, True)


def test_the_rules_of_a_password_are_told_before_it_is_typed(
    new_cli: NewCli, sqlite_server: ServerProcess
) -> None:
    terminal = new_cli(sqlite_server).terminal(
        "register", "--name", "Ada", "--email", "ada@example.org", columns=200
    )
    terminal.expect("A password has 10 characters or more, 72 bytes at most")
    terminal.expect("Password")
    terminal.close(force=True)


def test_status_names_a_directory_that_cannot_be_written(new_cli: NewCli) -> None:
    cli = new_cli()
    (cli.home / "file").touch()
    cli.environment["ASKCLI_DATA_DIR"] = str(cli.home / "file/data")
    done = cli.in_process("status")
    assert done.code == 1
    assert f"cannot write {cli.home}/file/data" in done.err


@pytest.mark.parametrize(
    ("words", "explains"),
    [
        ("ask --modle x Why?", "ask"),
        ("chat Why?", "chat"),
        ("history search", "history search"),
        ("history export --format xml", "history export"),
        ("--verbose ask Why?", ""),
    ],
)
def test_who_mistakes_an_option_or_an_argument_is_told_where_they_are(
    new_cli: NewCli, words: str, explains: str
) -> None:
    done = new_cli().in_process(*words.split())
    assert (done.code, done.out) == (2, "")
    (help_,) = re.findall(r"; see `askcli (.*)--help`\.$", done.err)
    assert help_.strip() == explains
