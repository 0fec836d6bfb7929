"""Secrets are told to nobody: not to logs, files, process lists, or the next page."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings, strategies

from tests.support import plain_http
from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase, all_that_is_stored, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.hostile import always
from tests.support.people import NewPerson, Person, account, logged_in, token_file
from tests.support.processes import FreshServer, ServerProcess
from tests.support.secrets import KEY, PASSWORD, SECRET, SECRETS, Secrets, without_runs
from tests.support.servers import server_settings, serving
from tests.support.waiting import eventually

LENGTHS = strategies.sampled_from([1, 2, 9, 20])


def command_lines(*pids: int) -> list[str]:
    """What `ps` shows to everybody of these processes and their children."""
    parents = [psutil.Process(pid) for pid in pids]
    children = [child for parent in parents for child in parent.children(recursive=True)]
    return [" ".join(process.cmdline()) for process in parents + children]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")
def test_no_process_list_shows_a_secret(
    server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic, tmp_path: Path
) -> None:
    with_settings = FreshServer(tmp_path, **server_settings(fake, server.database_url))
    cli = logged_in(new_cli(server), server)
    token = cli("token", "create", "x").out.strip()
    login = account(cli, server)
    waiting = cli.fresh_start("login", "--email", "a@b", "--password-stdin", stdin=subprocess.PIPE)
    with_token = new_cli(server, ASKCLI_TOKEN=token)
    asking = with_token.fresh_start("ask", "-", stdin=subprocess.PIPE)
    lines = command_lines(with_settings.pid, waiting.pid, asking.pid)
    assert all("askcli" in line for line in lines)
    processes = "\n".join(lines)
    for secret in (PASSWORD, KEY, SECRET, token, login["access_token"], login["refresh_token"]):
        assert secret not in processes
    for process in (waiting, asking):
        process.kill()
        process.communicate()
    assert with_settings.stop() == 0


def test_nothing_stored_or_logged_holds_a_secret(server: ServerProcess, alice: Person) -> None:
    """As it does for the whole suite at its end; here for one of each kind."""
    made = alice.http.post("/api/tokens", json={"name": "x", "scopes": ["ask"]}).json()["token"]
    again = {"refresh_token": alice.tokens["refresh_token"]}
    rotated = alice.http.post("/api/auth/refresh", json=again).json()
    wrong = {"email": alice.email, "password": "a wrong one of mine"}
    alice.http.post("/api/auth/login", json=wrong)
    refused = alice.http.get("/api/users/me", headers={"x-access-token": made[:-1]})
    eventually(lambda: any(refused.headers["x-request-id"] in line for line in server.log))
    secrets = [KEY, SECRET, PASSWORD, made, wrong["password"], alice.tokens["access_token"]]
    secrets += [again["refresh_token"], rotated["refresh_token"], rotated["access_token"]]
    stored, logged = all_that_is_stored(server), "".join(server.log)
    assert alice.email in stored
    assert "/api/auth/login" in logged
    for secret in secrets:
        assert secret not in stored
        assert secret not in logged
    assert "eyJhbGciOi" not in stored + logged  # as every JWT begins


def test_no_row_that_the_database_refuses_is_logged(
    new_database: NewDatabase, new_person: NewPerson, fake: FakeAnthropic, tmp_path: Path
) -> None:
    """PostgreSQL's error quotes it, where a host has added a constraint of its own."""
    server = serving(tmp_path, fake, new_database("postgres"))
    alice = new_person(server)
    with database_of(server) as connection:
        for table in ("questions", "users"):
            statement = f"ALTER TABLE {table} ADD CONSTRAINT of_the_host CHECK (false) NOT VALID"
            connection.exec_driver_sql(statement)
    alone = {"connection": "close"}  # the server closes it after a failure
    question = {"question": "what nobody is to read"}
    asked = alice.http.post("/api/questions", json=question, headers=alone)
    passwords = {"current_password": PASSWORD, "new_password": "another one of mine"}
    changed = alice.http.post("/api/users/me/password", json=passwords, headers=alone)
    assert (asked.status_code, changed.status_code) == (500, 500)
    assert server.stop() == 0
    logged = "".join(server.log)
    assert logged.count('violates check constraint "of_the_host"') >= 2
    for secret in ("what nobody is to read", alice.email, "$2b$"):
        assert secret not in logged


def test_the_search_finds_what_is_there() -> None:
    """A check that cannot fail is none."""
    secrets = Secrets("the secret of a test")
    with pytest.raises(AssertionError):
        secrets.note_output("askcli: error: the secret of a test")
    secrets.note_output("told before it was known: another secret")
    secrets.check()
    secrets.learn("another secret")
    with pytest.raises(AssertionError):
        secrets.check()
    with (
        secrets.watching_http(),
        always(200, b'{"my": "another secret"}') as server,
        pytest.raises(AssertionError),
    ):
        plain_http.get(server.url)
    assert set(SECRETS.found_in(f"a {PASSWORD} b {KEY}")) == {PASSWORD, KEY}


@settings(max_examples=20)
@given(
    runs=strategies.lists(
        strategies.tuples(strategies.sampled_from(["a", "b", "ab"]), LENGTHS), max_size=6
    ),
    longest=strategies.integers(1, 5),
)
def test_a_text_without_its_long_runs_has_the_same_parts(
    runs: list[tuple[str, int]], longest: int
) -> None:
    whole = "".join(character * count for character, count in runs)

    def parts(text: str) -> set[str]:
        starts = range(len(text))
        return {text[start : start + size] for start in starts for size in range(longest + 1)}

    assert parts(without_runs(whole, longest)) == parts(whole)
    assert len(without_runs("a" * 10_000, longest)) <= 3 * longest


@settings(max_examples=50)
@given(texts=strategies.lists(strategies.text("abc", max_size=30), max_size=4))
def test_secrets_are_found_wherever_they_are(texts: list[str]) -> None:
    known = {"abcabcabca", "aabbccaabbcc", "aabbccaabbcc" * 3, "cab" * 12, "bca" * 13}
    for text in ["".join(texts), *(one.join(texts) for one in known)]:
        found = Secrets(*known).found_in(text)
        assert sorted(found) == sorted(one for one in known if one in text)


def test_debug_shows_where_and_not_what(cli: Cli, server: ServerProcess) -> None:
    login = account(cli, server)
    token_file(cli).chmod(0o600)
    cli.environment["ASKCLI_SERVER"] = "http://127.0.0.1:1"
    done = cli("--debug", "whoami")
    assert "Traceback" in done.err
    assert login["access_token"] not in done.err
    assert login["refresh_token"] not in done.err


def test_the_repository_publishes_no_secret() -> None:
    """Nothing that could be copied: each setting that is a secret is empty wherever it stands."""
    root = Path(__file__).parents[2]
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True)
    names = listed.stdout.split() or [".env.example", "README.md", "Dockerfile"]
    for name in names:
        if name.endswith((".md", ".example", ".yml", ".yaml", ".toml", "Dockerfile", "Makefile")):
            for line in (root / name).read_text().splitlines():
                value = line.partition("JWT_SECRET=")[2].split()[:1]
                assert not value or value[0].startswith(('"$(', "$(", "`", "…", "$")), (name, line)
