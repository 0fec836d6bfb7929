"""askcli logout: which login it ends and forgets, and which it does not."""

from __future__ import annotations

import json
import resource
import signal
import subprocess

import pytest
from sqlalchemy import func, select

from askcli.contract.protocol import PROBLEM_JSON
from askcli.store.tables import sessions
from tests.support.cli import Cli, NewCli
from tests.support.databases import database_of
from tests.support.hostile import HostileServer, Response
from tests.support.people import ServerBehindProxy, account, change_account, logged_in, token_file
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy
from tests.support.right_responses import TOKENS, response
from tests.support.secrets import PASSWORD
from tests.support.waiting import eventually

REFRESH, LOGOUT = "/api/auth/refresh", "/api/auth/logout"
PAGE = b"<html>blocked</html>"


def login_words(email: str) -> tuple[str, ...]:
    return ("login", "--email", email, "--password-stdin")


def problem(status: int, code: str) -> Response:
    body = {"code": code, "title": code, "status": status}
    return Response(status, json.dumps(body).encode(), {"content-type": PROBLEM_JSON})


def logout_at(new_cli: NewCli, path: str, answer: Response) -> tuple[int, bool, str | None]:
    """Log out where the server, or what is before it, answers one path with `answer`.

    Returns the exit code, whether it says "Logged out", and the refresh token that is kept.
    """
    refreshed = response(TOKENS | {"refresh_token": "refreshed"})
    responses = {REFRESH: refreshed, LOGOUT: Response(204)} | {path: answer}
    with HostileServer(lambda _, path: responses.get(path, response(TOKENS))) as server:
        cli = new_cli(ASKCLI_SERVER=server.url)
        assert cli.in_process(*login_words("a@b.example"), stdin=PASSWORD).code == 0
        done = cli.in_process("logout")
    assert done.err.count("\n") == 1, done
    (accounts,) = json.loads(token_file(cli).read_text())["accounts"].values()
    kept = accounts.get("a@b.example", {}).get("refresh_token")
    return done.code, "Logged out" in done.err, kept


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (LOGOUT, problem(401, "session_ended")),
        (LOGOUT, problem(403, "account_disabled")),
        (REFRESH, problem(401, "session_ended")),
        (REFRESH, problem(401, "invalid_token")),
        (REFRESH, problem(403, "account_disabled")),
    ],
)
def test_a_session_that_the_server_says_is_over_is_logged_out(
    new_cli: NewCli, path: str, answer: Response
) -> None:
    assert logout_at(new_cli, path, answer) == (0, True, None)


@pytest.mark.parametrize(
    "answer",
    [
        Response(401, PAGE),
        Response(403, PAGE),
        Response(401, b"{}", {"content-type": "application/json"}),
        problem(401, "not_authenticated"),
        problem(401, "invalid_token"),
        problem(401, "token_expired"),
        problem(403, "forbidden"),
    ],
)
def test_a_logout_that_is_refused_is_none(new_cli: NewCli, answer: Response) -> None:
    """By a gateway, or by a server with another secret or a wrong clock: the session goes on.

    So does the login, with the tokens of the refresh before it: another try can end it.
    """
    assert logout_at(new_cli, LOGOUT, answer) == (4, False, "refreshed")


@pytest.mark.parametrize("status", [401, 403])
def test_a_logout_whose_refresh_a_gateway_refuses_is_none(new_cli: NewCli, status: int) -> None:
    refusal = Response(status, PAGE)
    assert logout_at(new_cli, REFRESH, refusal) == (4, False, TOKENS["refresh_token"])


def live_sessions(server: ServerProcess) -> int:
    query = select(func.count()).where(sessions.c.ended_at.is_(None))
    with database_of(server) as connection:
        return int(connection.execute(query).scalar_one())


@pytest.mark.parametrize("words", [("logout",), ("logout", "--all")], ids=" ".join)
def test_a_login_during_a_logout_stays(
    server: ServerProcess, new_cli: NewCli, words: tuple[str, ...]
) -> None:
    """It waits for the logout, whose network is slow, or for its own time-out."""
    with Proxy(server.url) as proxy:
        behind = ServerBehindProxy(proxy.url, server.database_url)
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), behind)
        old = account(cli, behind)
        login, others = login_words(old["user"]["email"]), live_sessions(server) - 1
        proxy.hold(b"POST /api/auth/logout" if words == ("logout",) else b"DELETE /api/sessions")
        leaving = cli.start(*words)
        eventually(lambda: proxy.is_holding)
        cli.environment["ASKCLI_TIMEOUT"] = "1"
        hasty = cli(*login, stdin=PASSWORD)
        del cli.environment["ASKCLI_TIMEOUT"]
        patient = cli.start(*login, stdin=subprocess.PIPE)
        assert patient.stdin
        patient.stdin.write(f"{PASSWORD}\n".encode())
        patient.stdin.flush()
        proxy.release()
        ended = [p.communicate() and p.returncode for p in (leaving, patient)]
        assert ended == [0, 0]
        assert (hasty.code, hasty.err.count("\n")) == (6, 1), hasty
        assert account(cli, behind)["refresh_token"] != old["refresh_token"]
        assert cli.in_process("whoami").code == 0
    assert live_sessions(server) == others + 1


def test_an_interrupted_logout_keeps_what_it_has_refreshed(
    sqlite_server: ServerProcess, new_cli: NewCli
) -> None:
    """The server may end a session whose old refresh token is used again."""
    with Proxy(sqlite_server.url) as proxy:
        behind = ServerBehindProxy(proxy.url, sqlite_server.database_url)
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), behind)
        change_account(cli, behind, expires_at=0)
        old = account(cli, behind)
        proxy.hold(b"POST /api/auth/logout")
        leaving = cli.start("logout")
        eventually(lambda: proxy.is_holding)
        leaving.send_signal(signal.SIGINT)
        leaving.communicate()
        proxy.cut()
        proxy.release()
        assert leaving.returncode == 130
        assert account(cli, behind)["refresh_token"] != old["refresh_token"]
        assert cli.in_process("whoami").code == 0


def test_a_logout_with_a_full_disk_ends_nothing(cli: Cli, server: ServerProcess) -> None:
    """Which could not forget the login."""

    def no_file_may_grow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = cli.fresh("logout", preexec_fn=no_file_may_grow)
    assert (done.code, "credentials.json" in done.err) == (1, True), done
    assert cli.in_process("whoami").code == 0
