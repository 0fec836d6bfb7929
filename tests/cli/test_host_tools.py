"""What the host does on the server's machine: users, their deletion and export, the audit log."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Uuid, column, func, insert, inspect, select, table

from askcli.services.clock import new_id, now
from askcli.store.columns import metadata
from askcli.store.tables import audit, limits, sessions
from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase, database_of, opened
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person, add_user, new_user
from tests.support.processes import ServerProcess
from tests.support.screen import lines
from tests.support.secrets import PASSWORD, SECRET
from tests.support.servers import serving
from tests.support.stored import add_question, id_of
from tests.support.waiting import eventually


def test_users_are_listed_and_shown_without_their_questions(alice: Person, host: Cli) -> None:
    alice.ask("nobody's business")
    listed = json.loads(host.in_process("users", "list", "--json").out)["items"]
    assert next(u for u in listed if u["email"] == alice.email)["questions"] == 1
    assert f"<{alice.email}>  1 question\n" in host.in_process("users", "list").out
    on_terminal = " ".join(lines(host.terminal("users", "list", columns=200).read(), 200))
    assert re.search(rf"  (just now|\d min ago) +[^<]+ <{alice.email}>", on_terminal), on_terminal
    output = host.in_process("users", "show", alice.email)
    assert "1 session, 0 API tokens" in output.out
    record = json.loads(host.in_process("users", "show", alice.id, "--json").out)
    assert record["sessions"][0]["address"] == "127.0.0.1"
    for text in (output.out, json.dumps(record), json.dumps(listed)):
        assert "nobody's business" not in text
        assert "$2b$" not in text
    missing = host.in_process("users", "show", "nobody@example.org")
    assert (missing.code, "users list" in missing.err) == (1, True)


def test_disable_shuts_out_at_once_and_enable_lets_in(alice: Person, host: Cli) -> None:
    assert host.in_process("users", "disable", alice.email.upper()).code == 0
    assert alice.http.get("/api/users/me").status_code == 401
    assert "[disabled]" in host.in_process("users", "list").out
    login = {"email": alice.email, "password": PASSWORD}
    assert alice.http.post("/api/auth/login", json=login).json()["code"] == "account_disabled"
    assert host.in_process("users", "enable", alice.email).code == 0
    assert alice.http.post("/api/auth/login", json=login).status_code == 200


def rows_of(server: ServerProcess, person: Person) -> dict[str, int]:
    """In which tables the user still is, by any column that names them."""
    counts = {}
    with database_of(server) as connection:
        tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
        derived = {name for name in tables if name.startswith("question_")}
        assert tables - derived == set(metadata.tables)
        for name, kind in metadata.tables.items():
            key = kind.c.id if name == "users" else kind.c.get("user_id")
            if key is not None:
                rows = connection.execute(select(key).where(key == UUID(person.id))).all()
                counts[name] = len(rows)
        for name in derived & {"question_words", "question_sizes"}:
            index = table(name, column("question_id", Uuid))
            orphaned = index.c.question_id.not_in(select(metadata.tables["questions"].c.id))
            count = select(func.count()).select_from(index).where(orphaned)
            assert connection.execute(count).scalar() == 0  # it goes with its question
        if "question_index_owners" in derived:
            owners = table("question_index_owners", column("user_id", Uuid))
            query = select(owners).where(owners.c.user_id == UUID(person.id))
            counts["question_index_owners"] = len(connection.execute(query).all())
    return counts


def test_delete_really_deletes(
    server: ServerProcess, alice: Person, bob: Person, host: Cli
) -> None:
    for person in (alice, bob):
        conversation = person.ask("a question").json()["conversation_id"]
        person.http.patch(f"/api/conversations/{conversation}", json={"title": "a title"})
        person.http.post("/api/tokens", json={"name": "x", "scopes": ["ask"]})
    before = rows_of(server, bob)
    assert all(before.values()), before
    unsure = host.in_process("users", "delete", alice.email)
    assert (unsure.code, "--yes" in unsure.err) == (2, True)
    assert host.in_process("users", "delete", alice.email, "--yes").code == 0
    left = {name: count for name, count in rows_of(server, alice).items() if count}
    assert set(left) == {"audit"}  # that it was there and was deleted, for as long as that is kept
    assert rows_of(server, bob) == before
    assert alice.http.get("/api/users/me").status_code == 401
    login = {"email": alice.email, "password": PASSWORD}
    assert alice.http.post("/api/auth/login", json=login).json()["code"] == "invalid_credentials"
    assert host.in_process("users", "show", alice.email).code == 1


def test_the_audit_log_of_a_deleted_user_is_found_by_the_id(alice: Person, host: Cli) -> None:
    assert host.in_process("users", "delete", alice.email, "--yes").code == 0
    left = host.in_process("audit", "--user", alice.id, "--json")
    events = [entry["event"] for entry in json.loads(left.out)["items"]]
    assert events == ["user_deleted", "login"]
    for nobody in (alice.email, str(uuid4()), ""):  # an empty variable of a script is no user
        missing = host.in_process("audit", "--user", nobody)
        assert (missing.code, missing.out) == (1, ""), nobody
        assert f"there is no user {nobody!r}" in missing.err


def test_an_event_that_no_entry_has_is_no_empty_log(host: Cli) -> None:
    """A job that looks for `login-failed` each night must not find that all is well."""
    done = host.in_process("audit", "--event", "login-failed")
    assert (done.code, done.out) == (2, "")
    assert "there is no event 'login-failed'" in done.err
    assert "login_failed" in done.err
    assert host.in_process("audit", "--event", "retention_changed").code == 0


def test_a_reset_password_ends_logins_and_tokens(alice: Person, host: Cli) -> None:
    token = alice.http.post("/api/tokens", json={"name": "x", "scopes": ["ask"]}).json()["token"]
    done = host.in_process("users", "reset-password", alice.email)
    assert done.code == 0
    assert alice.http.get("/api/users/me").status_code == 401
    assert alice.http.get("/api/models", headers={"x-access-token": token}).status_code == 401
    login = {"email": alice.email, "password": PASSWORD}
    assert alice.http.post("/api/auth/login", json=login).status_code == 401
    login["password"] = done.out.strip()
    assert alice.http.post("/api/auth/login", json=login).status_code == 200
    chosen = ("users", "reset-password", alice.email, "--password-stdin")
    assert host.in_process(*chosen, stdin="short").code == 2
    assert host.in_process(*chosen, stdin="chosen by the host").out == ""
    login["password"] = "chosen by the host"
    assert alice.http.post("/api/auth/login", json=login).status_code == 200


def test_an_export_is_all_that_is_kept(alice: Person, bob: Person, host: Cli) -> None:
    for number in range(3):
        alice.ask(f"question \x1b[31m{number}")
    bob.ask("another's")
    done = host.in_process("users", "export", alice.email)
    assert done.code == 0
    record = json.loads(done.out)
    assert record["email"] == alice.email
    assert [q["question"] for q in record["questions"]] == [
        f"question \x1b[31m{number}" for number in (2, 1, 0)
    ]
    assert (len(record["sessions"]), record["quota"]["tokens_day"]["used"] > 0) == (1, True)
    assert "another's" not in done.out
    assert "$2b$" not in done.out
    assert "\x1b" not in done.out


def test_the_audit_log_tells_what_happened(alice: Person, host: Cli) -> None:
    login = {"email": alice.email, "password": "not the password"}
    headers = {"x-request-id": "the-failed-one"}
    assert alice.http.post("/api/auth/login", json=login, headers=headers).status_code == 401
    token = {"refresh_token": alice.tokens["refresh_token"]}
    for _ in range(2):
        assert alice.http.post("/api/auth/refresh", json=token).status_code == 200
    made = alice.http.post("/api/tokens", json={"name": "ci", "scopes": ["ask"]}).json()
    alice.http.delete(f"/api/tokens/{made['id']}")
    alice.http.post("/api/auth/logout")
    quotas = ("--tokens-day", "5", "--usd-day", "none", "--usd-month", "default")
    host.in_process("users", "quota", alice.email, *quotas)
    host.in_process("users", "export", alice.email)
    host.in_process("users", "disable", alice.email)
    host.in_process("users", "enable", alice.email)
    output = json.loads(host.in_process("audit", "--user", alice.email, "--json").out)["items"]
    assert [entry["event"] for entry in output][::-1] == [
        "login",
        "login_failed",
        "rotated",
        "rotated_again",
        "token_created",
        "token_revoked",
        "logout",
        "quota_changed",
        "user_exported",
        "user_disabled",
        "user_enabled",
    ]
    assert output[3]["detail"] == "tokens_day 5, usd_day none, usd_month default"
    failed = output[-2]
    assert (failed["address"], failed["request_id"]) == ("127.0.0.1", "the-failed-one")
    assert output[0]["address"] == "host"
    one = host.in_process("audit", "--user", alice.id, "--event", "login_failed", "-n", "5").out
    assert one.count("\n") == 1
    assert "127.0.0.1" in one


def test_the_audit_log_never_holds_what_was_typed(server: ServerProcess, alice: Person) -> None:
    """Whoever types their password into the field of the email should not find it there."""
    login = {"email": "my secret password", "password": "not the password"}
    assert alice.http.post("/api/auth/login", json=login).status_code == 401
    with database_of(server) as connection:
        rows = connection.execute(select(audit)).mappings().all()
    assert "my secret" not in str(rows)


def test_what_has_had_its_days_is_forgotten(
    server: ServerProcess, fake: FakeAnthropic, alice: Person, tmp_path: Path
) -> None:
    old, older = now() - timedelta(days=3), now() - timedelta(days=400)
    entry = {"event": "login", "user_id": UUID(alice.id)}
    session = {"user_id": UUID(alice.id), "client": "old", "last_used_at": older}
    session |= {"created_at": older, "expires_at": older}
    with database_of(server) as connection:
        connection.execute(insert(audit).values(id=new_id(), at=old, **entry))
        connection.execute(insert(sessions).values(id=new_id(), **session))
        connection.execute(insert(limits).values(key="used long ago", full_at=1))
        old_question = {"id": id_of(old), "created_at": old, "answered_at": old}
        forgotten = add_question(connection, UUID(alice.id), "of old", 7, **old_question)
    recent = alice.ask("a question of today").json()["id"]
    used = alice.http.get("/api/users/me/usage").json()
    assert alice.http.get(f"/api/questions/{forgotten}").status_code == 200
    more = {"ASKCLI_AUDIT_DAYS": "2", "ASKCLI_RETENTION_DAYS": "2", "ASKCLI_ANSWERER": "scripted"}
    process = serving(tmp_path, fake, server.database_url, **more)

    def left() -> list[int]:
        own = audit.c.user_id == UUID(alice.id), sessions.c.user_id == UUID(alice.id)
        with database_of(server) as connection:
            counts = [
                select(audit.c.id).where(own[0]),
                select(sessions.c.id).where(own[1]),
                select(limits.c.key).where(limits.c.key == "used long ago"),
            ]
            return [len(connection.execute(one).all()) for one in counts]

    eventually(lambda: left() == [1, 1, 0])
    eventually(lambda: [one["id"] for one in alice.questions()] == [recent])
    assert alice.http.get(f"/api/questions/{forgotten}").status_code == 404
    assert alice.http.get("/api/users/me/usage").json() == used
    assert process.stop() == 0


def test_the_hosts_commands_need_a_database_that_is_ready(
    new_database: NewDatabase, new_cli: NewCli, tmp_path: Path
) -> None:
    behind = new_cli(DB_CONN_STRING=new_database("postgres", migrated=False))("users", "list")
    assert (behind.code, "askcli migrate" in behind.err) == (2, True)
    nowhere = new_cli(DB_CONN_STRING="postgresql://u:sesame@127.0.0.1:1/x")("users", "list")
    assert (nowhere.code, "sesame" in nowhere.err) == (1, False)


@pytest.mark.parametrize("words", [("users", "list"), ("invite", "create"), ("audit",)])
def test_the_hosts_commands_never_make_a_database(
    new_cli: NewCli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "new" / "askcli.db"
    fresh = new_cli(DB_CONN_STRING=f"sqlite:///{file}")
    done = fresh.in_process(*words)
    assert (done.code, done.err.count("\n"), f"{file}: run this" in done.err) == (1, 1, True), done
    assert not file.parent.exists()


def test_the_hosts_commands_say_which_database_they_use(new_cli: NewCli, tmp_path: Path) -> None:
    file = tmp_path / "askcli.db"
    cli = new_cli(DB_CONN_STRING=f"sqlite:///{file}")
    assert cli.in_process("migrate").err.splitlines()[0] == f"Database: sqlite:///{file}"
    listed = cli.in_process("users", "list")
    assert listed.err.splitlines()[0] == f"Database: sqlite:///{file}"
    assert listed.err.splitlines()[1].startswith("No users yet")
    secret = "postgres://u:sesame@127.0.0.1:1/x?sslpassword=sesame"  # an old name of the scheme
    nowhere = new_cli(DB_CONN_STRING=secret).in_process("users", "list")
    assert nowhere.code == 1
    assert "cannot use the database postgresql://u:***@127.0.0.1:1/x: " in nowhere.err
    assert "sesame" not in nowhere.err


def test_the_host_says_how_long_a_users_questions_are_kept(alice: Person, host: Cli) -> None:
    command = ("users", "retention", alice.email)
    assert (
        host.in_process(*command).out
        == "questions are kept until they are deleted (the server's)\n"
    )
    for days, kept, source, shown in (
        ("30", 30, "user", 30),
        ("none", None, "user", -1),
        ("default", None, "server", None),
    ):
        done = host.in_process(*command, "--days", days, "--json")
        assert json.loads(done.out) == {"days": kept, "source": source}
        output = json.loads(host.in_process("users", "show", alice.email, "--json").out)
        assert output["retention_days"] == shown
    for wrong in ("0", "-1", "1.5", "ever", "36501"):
        done = host.in_process(*command, f"--days={wrong}")
        assert (done.code, "--days: " in done.err) == (2, True), done
    entries = json.loads(host.in_process("audit", "--user", alice.id, "--json").out)["items"]
    changes = [one["detail"] for one in entries if one["event"] == "retention_changed"]
    assert changes == ["as the server's", "for ever", "30 days"]


def test_the_list_of_users_shows_what_each_has_spent(alice: Person, host: Cli) -> None:
    alice.ask("a question that costs")
    host.in_process("users", "quota", alice.email, "--tokens-day", "5000000")
    plain = json.loads(host.in_process("users", "list", "--json").out)["items"]
    assert "quota" not in plain[0]
    listed = json.loads(host.in_process("users", "list", "--spending", "--json").out)["items"]
    (own,) = [user for user in listed if user["email"] == alice.email]
    output = json.loads(host.in_process("users", "show", alice.email, "--json").out)
    assert own["quota"] == output["quota"]
    assert own["quota"]["tokens_day"]["used"] > 0
    assert "\n  this day   " in host.in_process("users", "list", "--spending").out


def test_mixed_scripts_are_marked_for_the_host(server: ServerProcess, host: Cli) -> None:
    name = uuid4().hex + "z"
    for email in (f"\u0430{name}@example.org", f"a{name}@example.org"):
        add_user(server, email)
    lines = [line for line in host.in_process("users", "list").out.splitlines() if name in line]
    assert ["[mixed scripts: Cyrillic, Latin]" in line for line in lines] == [True, False]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("JWT_SECRET", "a secret for the tests alone, of 32 bytes and more"),  # it was, in public
        ("JWT_SECRET_PREVIOUS", "a secret for the tests alone, of 32 bytes and more"),
        ("JWT_SECRET", "abcabcabcabcabcabcabcabcabcabcabcabcabc"),
        ("JWT_SECRET_PREVIOUS", "tiny-one"),
    ],
)
def test_a_secret_that_is_none_is_refused(new_cli: NewCli, name: str, secret: str) -> None:
    settings = {"JWT_SECRET": SECRET, "ASKCLI_ANSWERER": "scripted", name: secret}
    done = new_cli(**settings)("serve", "--port", "0")
    assert (done.code, name in done.err, secret in done.err) == (2, True, False)


@pytest.mark.parametrize("content", [b"", b"\xff" * 40], ids=["cut off", "no text"])
def test_an_error_of_the_secret_that_is_kept_names_its_file(
    new_cli: NewCli, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "jwt_secret").write_bytes(content)
    settings = {"JWT_SECRET": "", "DB_CONN_STRING": "", "ASKCLI_ANSWERER": "scripted"}
    done = new_cli(**settings, ASKCLI_DATA_DIR=str(tmp_path))("serve", "--port", "0")
    assert (done.code, f"{tmp_path}/jwt_secret" in done.err) == (2, True), done.err
    assert "JWT_SECRET is" not in done.err  # the host has set none


@pytest.mark.parametrize("words", [("users", "show"), ("users", "quota"), ("users", "retention")])
def test_what_is_only_shown_waits_for_no_writer(
    new_database: NewDatabase, new_cli: NewCli, words: tuple[str, ...]
) -> None:
    host = new_cli(DB_CONN_STRING=(url := new_database("sqlite")))
    with opened(url) as connection:
        user_id = new_user(connection, "a@example.org")
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        done = host.in_process(*words, str(user_id))
    assert done.code == 0, done
