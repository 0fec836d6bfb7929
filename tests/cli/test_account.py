"""register, login, logout, whoami: the commands, their files and their refusals."""

from __future__ import annotations

import json
import os
import resource
import stat
import time
from typing import Any
from uuid import UUID

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.hostile import HostileServer, Response
from tests.support.people import account, change_account, token_file
from tests.support.processes import ServerProcess
from tests.support.secrets import PASSWORD


@pytest.fixture(scope="session")
def server(sqlite_server: ServerProcess) -> ServerProcess:
    """What is tested here is the command and its file; sessions are tested on both databases."""
    return sqlite_server


def test_register_logs_in_and_keeps_the_tokens_private(
    new_cli: NewCli, server: ServerProcess
) -> None:
    cli = new_cli(server)
    email = f"{cli.home.name}@example.org"
    words = ("register", "--name", "A person", "--email", email, "--password-stdin")
    assert cli(*words, stdin=PASSWORD + "\n").code == 0
    done = cli("whoami", "--json")
    assert done.code == 0
    assert json.loads(done.out)["name"] == "A person"
    assert stat.S_IMODE(token_file(cli).stat().st_mode) == 0o600
    assert stat.S_IMODE(token_file(cli).parent.stat().st_mode) == 0o700


def test_logout_and_login_again(cli: Cli, server: ServerProcess) -> None:
    email = account(cli, server)["user"]["email"]
    old = account(cli, server)["access_token"]
    assert cli("logout").code == 0
    assert "refresh_token" not in token_file(cli).read_text()
    assert (cli("whoami").code, cli("logout").code) == (4, 4)
    cli.environment["ASKCLI_TOKEN"] = old
    assert cli("whoami").code == 4  # ended on the server too
    del cli.environment["ASKCLI_TOKEN"]
    done = cli("login", "--email", email.upper(), "--password-stdin", stdin=PASSWORD)
    assert (done.code, done.out) == (0, "")
    assert email in cli("whoami").out


def test_a_login_removes_what_a_killed_one_left(cli: Cli) -> None:
    left = token_file(cli).with_name(".credentials.json.abcdefgh.askcli")
    left.write_text("tokens")
    os.utime(left, (0, 0))
    assert cli("logout").code == 0
    assert not left.exists()


def test_login_with_a_wrong_password(cli: Cli, server: ServerProcess) -> None:
    email = account(cli, server)["user"]["email"]
    done = cli.in_process("login", "--email", email, "--password-stdin", stdin="wrong password\n")
    assert (done.code, done.err) == (4, "askcli: error: Wrong email or password.\n")
    assert cli.in_process("whoami").code == 0  # the login that was there still is


@pytest.mark.parametrize("stdin", ["", None])
def test_nothing_prompts_without_a_terminal(
    new_cli: NewCli, server: ServerProcess, stdin: Any
) -> None:
    done = new_cli(server).fresh("login", stdin=stdin)
    assert done.code == 2
    assert "--email" in done.err


def test_a_terminal_is_asked_and_the_password_not_shown(
    new_cli: NewCli, sqlite_server: ServerProcess
) -> None:
    cli = new_cli(sqlite_server)
    terminal = cli.terminal("register")
    terminal.expect("Name: ")
    terminal.sendline("Ada")
    terminal.expect("Email: ")
    terminal.sendline(f"{cli.home.name}@example.org")
    terminal.expect("Password: ")
    terminal.sendline(PASSWORD)
    terminal.expect("Repeat for confirmation: ")
    terminal.sendline(PASSWORD)
    terminal.expect("Registered as")
    terminal.expect_exact("\r\n")
    assert PASSWORD not in str(terminal.before)
    terminal.wait()
    assert terminal.exitstatus == 0


@pytest.mark.parametrize(
    ("flags", "notice", "tokens"),
    [
        ((), "API tokens are revoked (1; --keep-tokens keeps them).", 0),
        (("--keep-tokens",), "API tokens stay valid (1).", 1),
    ],
)
def test_a_new_password_says_what_becomes_of_api_tokens(
    cli: Cli, flags: tuple[str, ...], notice: str, tokens: int
) -> None:
    assert cli.in_process("token", "create", "ci").code == 0
    new = f"{PASSWORD}\n{PASSWORD} and more\n"
    done = cli.in_process("passwd", "--password-stdin", *flags, stdin=new)
    assert (done.code, done.out) == (0, "")
    assert done.err == f"Changed the password; your other sessions have ended; {notice}\n"
    assert cli.in_process("token", "list").out.count("\n") == tokens


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_new_password_asks_at_a_terminal_whether_api_tokens_stay(cli: Cli, answer: str) -> None:
    assert cli.in_process("token", "create", "ci").code == 0
    terminal = cli.terminal("passwd")
    for label, text in (
        ("Current password: ", PASSWORD),
        ("New password: ", f"{PASSWORD} and more"),
        ("Repeat for confirmation: ", f"{PASSWORD} and more"),
        ("Revoke the API tokens too", answer),
    ):
        terminal.expect_exact(label)
        terminal.sendline(text)
    terminal.expect_exact("are revoked" if answer == "y" else "stay valid")
    terminal.wait()
    assert terminal.exitstatus == 0
    assert cli.in_process("token", "list").out.count("\n") == (answer == "n")


def test_an_email_is_taken_whatever_its_case(cli: Cli, server: ServerProcess) -> None:
    email = account(cli, server)["user"]["email"].upper()
    words = ("register", "--name", "X", "--email", email, "--password-stdin")
    done = cli.in_process(*words, stdin=PASSWORD)
    assert done.code == 1
    assert "already" in done.err


def test_a_73_byte_password_is_refused(cli: Cli) -> None:
    words = ("register", "--name", "X", "--email", "x@example.org", "--password-stdin")
    done = cli.in_process(*words, stdin="é" * 37)
    assert done.code == 2
    assert "72 bytes" in done.err


def test_an_expired_token_is_refreshed_once_for_all(cli: Cli, server: ServerProcess) -> None:
    before = account(cli, server)
    change_account(cli, server, expires_at=time.time() - 10)
    running = [cli.start("whoami") for _ in range(6)]
    assert [process.communicate() and process.returncode for process in running] == [0] * 6
    after = account(cli, server)
    assert after["refresh_token"] != before["refresh_token"]
    assert cli.in_process("whoami").code == 0
    assert account(cli, server) == after


def test_a_token_that_the_server_refuses_is_refreshed(cli: Cli, server: ServerProcess) -> None:
    change_account(cli, server, access_token="tampered.with.it")
    assert cli.in_process("whoami").code == 0
    assert account(cli, server)["access_token"] != "tampered.with.it"


def test_a_given_token_is_used_and_nothing_is_kept(
    cli: Cli, new_cli: NewCli, server: ServerProcess
) -> None:
    other = new_cli(server, ASKCLI_TOKEN=account(cli, server)["access_token"])
    assert other.in_process("whoami").out == cli.in_process("whoami").out
    assert not token_file(other).exists()
    other.environment["ASKCLI_TOKEN"] = "tampered"
    assert other.in_process("whoami").code == 4


def test_errors_about_a_token_say_where_it_is_from(new_cli: NewCli, server: ServerProcess) -> None:
    cli = new_cli(server)
    token = "askcli_" + "x" * 43
    typed = cli.in_process("login", "--with-token", stdin=token)
    assert (typed.code, "the token from stdin is not valid" in typed.err) == (4, True), typed.err
    assert cli.in_process("config", "set", "token", "-", stdin=token).code == 0
    (cli.home / "token").write_text(token)
    for place, variables in {
        "the config file": {},
        "ASKCLI_TOKEN_FILE": {"ASKCLI_TOKEN_FILE": str(cli.home / "token")},
        "ASKCLI_TOKEN": {"ASKCLI_TOKEN": token},
    }.items():
        other = new_cli(server, **variables)
        other.home, other.environment["HOME"] = cli.home, str(cli.home)
        for code, words in ((4, "whoami"), (2, "logout"), (2, "login")):
            done = other.in_process(words)
            assert (done.code, f"token from {place} " in done.err) == (code, True), done.err
        assert f"from {place}\n" in other.in_process("status").out


def test_loose_permissions_are_tightened(cli: Cli) -> None:
    token_file(cli).chmod(0o644)
    assert cli.in_process("whoami").code == 0
    assert stat.S_IMODE(token_file(cli).stat().st_mode) == 0o600


NO_OBJECTS = ("7", "null", '"account"', '["account"]')
DAMAGED = [
    "",
    "{",
    "[]",
    "\0",
    '{"current": {}}',
    '{"current": [], "accounts": []}',
    '{"current": {}, "accounts": {"s": []}}',
    '{"current": {}, "accounts": {"s": {"e": {"access_token": 7}}}}',
    '{"current": {}, "accounts": {}, "profiles": {"work": {"server": "s"}}}',
    '{"current": {}, "accounts": {}, "profiles": {"a": {"server": "", "email": "", "account": 7}}}',
    *(
        f'{{"current": {{}}, "accounts": {{}}, "profiles": {{"x": {profile}}}}}'
        for profile in NO_OBJECTS
    ),
    *(
        f'{{"current": {{}}, "accounts": {{}}, "profiles": {{"a": {{"server": "", "email": "", '
        f'"account": {login}}}}}}}'
        for login in NO_OBJECTS
    ),
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_token_file_is_set_aside_and_told(cli: Cli, content: str) -> None:
    email = cli.in_process("whoami").out.split("<")[1].split(">")[0]
    token_file(cli).write_text(content)
    done = cli.in_process("whoami")
    assert done.code == 4
    notice, error = done.err.splitlines()
    assert "damaged" in notice
    assert "log in again" in notice
    assert error.startswith("askcli: error: not logged in")
    (aside,) = token_file(cli).parent.glob("credentials.json.damaged-*")
    assert aside.read_text() == content
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert cli.in_process("login", "--email", email, "--password-stdin", stdin=PASSWORD).code == 0
    assert cli.in_process("whoami").err == ""


@pytest.mark.parametrize("token", ["secret\n", "se\rcret", "secret\u20ac", "\ud800secret", ""])
def test_a_damaged_token_in_the_token_file_is_neither_sent_nor_shown(
    cli: Cli, server: ServerProcess, token: str
) -> None:
    change_account(cli, server, access_token=token)
    done = cli.in_process("whoami")
    assert (done.code, done.err.count("\n"), "secret" in done.err) == (4, 2, False), done
    assert "the token file was damaged and is now" in done.err


def test_a_config_directory_that_cannot_be_written(
    new_cli: NewCli, sqlite_server: ServerProcess
) -> None:
    cli = new_cli(sqlite_server)
    cli.environment["ASKCLI_CONFIG_DIR"] = "/proc/askcli"  # not even root can write there
    words = ("register", "--name", "X", "--email", "nodir@example.org", "--password-stdin")
    done = cli.in_process(*words, stdin=PASSWORD)
    assert done.code == 1
    assert "/proc/askcli" in done.err
    # Nothing was changed: the account was not made without a place for its tokens.
    del cli.environment["ASKCLI_CONFIG_DIR"]
    assert cli.in_process(*words, stdin=PASSWORD).code == 0


def test_a_full_disk_on_the_token_write_loses_nothing(cli: Cli, server: ServerProcess) -> None:
    change_account(cli, server, expires_at=time.time() - 10)
    before = token_file(cli).read_bytes()

    def no_file_may_grow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = cli.fresh("whoami", preexec_fn=no_file_may_grow)
    assert done.code == 1
    assert "credentials.json" in done.err
    assert token_file(cli).read_bytes() == before
    assert [path.name for path in token_file(cli).parent.iterdir() if path.name[0] == "."] == []
    change_account(cli, server, expires_at=time.time() - 10)
    assert cli.in_process("whoami").code == 0  # the refresh token had not been spent


def test_a_token_file_that_is_a_pipe_is_not_waited_for(cli: Cli) -> None:
    token_file(cli).unlink()
    os.mkfifo(token_file(cli))
    done = cli("whoami")
    assert (done.code, done.err.count("\n")) == (1, 1), done
    assert "is not an ordinary file: remove it" in done.err


def test_a_registration_whose_login_fails_says_that_the_account_exists(new_cli: NewCli) -> None:
    user = {"name": "A", "email": "a@b.example", "created_at": "2026-01-31T12:00:00Z"}
    made = Response(
        201,
        json.dumps(user | {"id": str(UUID(int=7))}).encode(),
        {"content-type": "application/json"},
    )
    lost = Response(503, b"{}")
    with HostileServer(lambda _, path: made if path == "/api/users" else lost) as server:
        cli = new_cli(ASKCLI_SERVER=server.url)
        words = ("register", "--name", "A", "--email", "a@b.example", "--password-stdin")
        done = cli.in_process(*words, stdin=PASSWORD + "\n")
    assert (done.code, done.err.count("\n")) == (5, 1), done
    hint = f"`askcli login --server {server.url}`"
    assert f"the account was made, log in to it with {hint}: " in done.err
