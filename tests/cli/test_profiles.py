"""Several servers and accounts at once; sessions, logout and passwords at the command line."""

from __future__ import annotations

import json
import socket
import subprocess

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.hostile import HostileServer, Response
from tests.support.people import add_user, token_file
from tests.support.processes import ServerProcess
from tests.support.right_responses import RIGHT, response
from tests.support.secrets import PASSWORD


def login(cli: Cli, email: str, *more: str) -> None:
    words = ("login", "--email", email, "--password-stdin", *more)
    assert cli.in_process(*words, stdin=PASSWORD).code == 0


def test_a_profile_is_a_server_and_an_account(
    server: ServerProcess, twin: ServerProcess, new_cli: NewCli
) -> None:
    cli, ada, bob = new_cli(), add_user(server), add_user(server)
    login(cli, ada, "--profile", "work", "--server", server.url)
    login(cli, bob, "--profile", "side", "--server", server.url)
    login(cli, bob, "--server", twin.url)
    assert ada in cli.in_process("whoami", "--profile", "work").out
    assert bob in cli.in_process("whoami", "--profile", "side").out
    assert bob in cli.in_process("whoami", "--server", twin.url).out
    assert (
        cli.in_process("whoami", "--server", server.url).code == 4
    )  # no login there without a profile
    cli.environment["ASKCLI_PROFILE"] = "work"
    assert ada in cli.in_process("whoami").out
    assert cli.in_process("ask", "at work").out.strip() == "You asked: at work"
    assert "at work" in cli.in_process("history").out
    assert ada in cli.in_process("status").out
    assert bob in cli.in_process("whoami", "--profile", "side").out  # the flag goes first
    assert cli.in_process("logout").code == 0
    done = cli.in_process("whoami")
    assert (done.code, "login --server URL --profile work" in done.err) == (2, True)
    assert bob in cli.in_process("whoami", "--profile", "side").out


def test_the_server_of_a_profile_goes_before_the_configured_one(
    sqlite_server: ServerProcess, new_cli: NewCli
) -> None:
    cli, ada = new_cli(), add_user(sqlite_server)
    closed, server = "http://127.0.0.1:9", ("--server", sqlite_server.url)
    assert cli.in_process("config", "set", "server", closed).code == 0
    login(cli, ada, "--profile", "work", *server)
    assert ada in cli.in_process("whoami", "--profile", "work").out
    done = cli.in_process("whoami", "--profile", "work", "--server", closed)
    assert (done.code, f"login --server {closed} --profile work" in done.err) == (4, True)
    token = cli.in_process("token", "create", "mine", "--profile", "work").out.strip()
    cli.environment["ASKCLI_PROFILE"] = "work"
    assert ada in cli.in_process("whoami").out  # the environment goes before the file
    cli.environment["ASKCLI_SERVER"] = closed
    assert f"--server {closed} --profile work" in cli.in_process("whoami").err
    assert ada in cli.in_process("whoami", "--profile", "work").out
    cli.environment["ASKCLI_TOKEN"] = token  # it is for the server beside it, and sent to no other
    assert cli.in_process("whoami", "--profile", "work").code == 6


def test_a_logout_of_one_profile_ends_no_other_login_of_its_account(
    sqlite_server: ServerProcess, new_cli: NewCli
) -> None:
    cli, email = new_cli(sqlite_server), add_user(sqlite_server)
    logins = [("--profile", "a"), ("--profile", "b"), ()]
    for login_ in logins:
        login(cli, email, *login_, "--server", sqlite_server.url)
    for i, login_ in enumerate(logins):
        listed = json.loads(cli.in_process("whoami", "--sessions", "--json", *login_).out)["items"]
        assert len(listed) == len(logins) - i
        assert cli.in_process("logout", *login_).code == 0
        assert cli.in_process("whoami", *login_).code in (2, 4)
    assert "token" not in token_file(cli).read_text()


def test_a_login_that_profiles_shared_before_they_had_their_own_goes_on(
    sqlite_server: ServerProcess, new_cli: NewCli
) -> None:
    cli, email = new_cli(sqlite_server), add_user(sqlite_server)
    login(cli, email)
    content = json.loads(token_file(cli).read_text())
    shared = {"server": sqlite_server.url, "email": email}
    content["profiles"] = {"a": shared, "b": shared}
    content["accounts"][sqlite_server.url][email]["expires_at"] = 0  # the next command refreshes it
    token_file(cli).write_text(json.dumps(content))
    for name in ("a", "b"):
        assert email in cli.in_process("whoami", "--profile", name).out
    login(cli, email, "--profile", "b")
    assert cli.in_process("logout", "--profile", "a").code == 0
    assert email in cli.in_process("whoami", "--profile", "b").out


def test_a_hint_names_a_profile_as_a_shell_takes_it(new_cli: NewCli) -> None:
    cli, closed = new_cli(ASKCLI_PROFILE="Ada's work"), "http://127.0.0.1:9/a;b"
    quoted = "--profile 'Ada'\"'\"'s work'`"
    assert f"askcli login --server URL {quoted}" in cli.in_process("whoami").err
    done = cli.in_process("whoami", "--server", closed)
    assert f"askcli login --server '{closed}' {quoted}" in done.err


def test_an_unknown_profile_starts_and_fetches_nothing(new_cli: NewCli) -> None:
    cli = new_cli()
    done = cli.in_process("ask", "anything", "--profile", "nowhere")
    assert (done.code, "no profile 'nowhere'" in done.err) == (2, True)
    assert not list(cli.home.glob("**/*.gguf"))


@pytest.mark.parametrize("name", ["server", "profile"])
@pytest.mark.parametrize("words", [("ask", "hi"), ("whoami",), ("logout",), ("status",)])
def test_an_empty_server_or_profile_is_none_and_no_other_is_taken(
    sqlite_cli: Cli, name: str, words: tuple[str, ...]
) -> None:
    done = sqlite_cli.in_process(*words, f"--{name}", "")
    assert (done.code, done.out) == (2, ""), done
    assert done.err == f"askcli: error: --{name} is empty: name one, or leave it out.\n"


def test_an_empty_id_of_a_session_ends_none(sqlite_cli: Cli) -> None:
    for words in (("--session", ""), ("--session", "", "--all")):
        done = sqlite_cli.in_process("logout", *words)
        assert (done.code, done.out) == (2, ""), done
    assert sqlite_cli.in_process("whoami").code == 0


def test_sessions_are_seen_and_ended(cli: Cli, new_cli: NewCli, server: ServerProcess) -> None:
    email = json.loads(cli.in_process("whoami", "--json").out)["email"]
    other = new_cli(server)
    login(other, email)
    output = cli.in_process("whoami", "--sessions")
    assert output.code == 0
    assert [line.endswith("(this one)") for line in output.out.splitlines()] == [False, True]
    assert "askcli/" in output.out
    listed = json.loads(cli.in_process("whoami", "--sessions", "--json").out)["items"]
    theirs = next(session["id"] for session in listed if not session["current"])
    assert cli.in_process("logout", "--session", theirs).code == 0
    assert cli.in_process("logout", "--session", theirs).code == 1
    assert cli.in_process("logout", "--session", "nonsense").code == 2
    assert (other.in_process("whoami").code, cli.in_process("whoami").code) == (4, 0)
    login(other, email)
    assert cli.in_process("logout", "--all").code == 0
    assert (other.in_process("whoami").code, cli.in_process("whoami").code) == (4, 4)
    assert "refresh_token" not in token_file(cli).read_text()


def test_a_password_is_changed(cli: Cli, new_cli: NewCli, server: ServerProcess) -> None:
    email = json.loads(cli.in_process("whoami", "--json").out)["email"]
    other = new_cli(server)
    login(other, email)
    wrong = cli.in_process("passwd", "--password-stdin", stdin="not this one\nanother good one\n")
    assert (wrong.code, "Wrong" in wrong.err) == (4, True)
    done = cli.in_process("passwd", "--password-stdin", stdin=f"{PASSWORD}\nanother good one\n")
    assert (done.code, done.out) == (0, "")
    assert (cli.in_process("whoami").code, other.in_process("whoami").code) == (0, 4)
    words = ("login", "--email", email, "--password-stdin")
    assert other.in_process(*words, stdin=PASSWORD).code == 4
    assert other.in_process(*words, stdin="another good one").code == 0


def test_a_password_is_typed_unseen(sqlite_server: ServerProcess, new_cli: NewCli) -> None:
    cli = new_cli(sqlite_server)
    login(cli, add_user(sqlite_server))
    terminal = cli.terminal("passwd")
    for prompt, typed in (
        ("Current password: ", PASSWORD),
        ("New password: ", "another good one"),
        ("Repeat for confirmation: ", "another good one"),
    ):
        terminal.expect_exact(prompt)
        terminal.sendline(typed)
    terminal.expect_exact("Changed the password")
    assert "good one" not in str(terminal.before)
    terminal.wait()
    assert terminal.exitstatus == 0


def test_a_server_that_hangs_keeps_nobody_from_another(
    server: ServerProcess, new_cli: NewCli
) -> None:
    cli = new_cli(server)
    with socket.create_server(("127.0.0.1", 0)) as tarpit:
        url = f"http://127.0.0.1:{tarpit.getsockname()[1]}"
        words = ("login", "--server", url, "--email", "a@b", "--password-stdin")
        hanging = cli.start(*words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert hanging.stdin
        hanging.stdin.write(b"a password\n")
        hanging.stdin.flush()
        connection, _ = tarpit.accept()  # it asks, with its lock held, and is never answered
        with connection:
            login(cli, add_user(server))
            assert cli("whoami").code == 0
            assert hanging.poll() is None
        hanging.kill()
        hanging.communicate()
    assert cli.in_process("whoami").code == 0


def test_the_local_server_has_no_password_to_change(new_cli: NewCli) -> None:
    done = new_cli().in_process("passwd", "--password-stdin", stdin="a\nb\n")
    assert done.code == 2
    assert "local server" in done.err


LOGIN = ("login", "--email", "a@b.example", "--password-stdin")


@pytest.mark.parametrize(
    ("words", "request_", "leads_here"),
    [
        (("whoami",), "POST /api/auth/refresh", False),
        (("logout",), "POST /api/auth/logout", False),
        (LOGIN, "POST /api/auth/login", True),
    ],
)
def test_a_profile_leads_to_the_server_of_the_login_that_ended_last(
    new_cli: NewCli, words: tuple[str, ...], request_: str, leads_here: bool
) -> None:
    """During a command's request to one server, another command logs in to a second one."""
    cli, pending = new_cli(), list[str]()
    responses = {name: response(content) for name, content in RIGHT.items()}
    responses["POST /api/auth/logout"] = Response(204)

    def log_in(url: str) -> None:
        assert cli(*LOGIN, "--server", url, "--profile", "work", stdin=PASSWORD).code == 0

    def respond(method: str, path: str) -> Response:
        if pending and f"{method} {path}" == request_:
            log_in(pending.pop())
        return responses[f"{method} {path}"]

    with HostileServer(respond) as here, HostileServer(respond) as there:
        log_in(here.url)
        pending.append(there.url)
        done = cli.in_process(*words, "--profile", "work", stdin=PASSWORD)
    assert (done.code, pending) == (0, []), done
    profile = json.loads(token_file(cli).read_text())["profiles"]["work"]
    assert profile["server"] == (here.url if leads_here else there.url)
    assert "refresh_token" in profile["account"]
