"""Hints: each names the server or the profile that it is about, before it is too late."""

from __future__ import annotations

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.processes import ServerProcess


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
