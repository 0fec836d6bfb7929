"""askcli serve and migrate: the host's side."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from askcli.store import migrations
from askcli.store.columns import metadata
from askcli.store.database import Database
from tests.support import plain_http
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess
from tests.support.secrets import SECRET
from tests.support.servers import serving
from tests.support.special_files import KINDS, make_special


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("nonsense", 2),
        ("mysql://root:hunter2@localhost/x", 2),
        ("sqlite://", 2),
        ("postgresql://root:hunter2@127.0.0.1:9/x", 1),
        ("sqlite:////proc/nowhere/askcli.db", 1),
    ],
)
def test_a_wrong_connection_string_is_told_without_its_password(
    new_cli: NewCli, url: str, code: int
) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted", JWT_SECRET=SECRET, DB_CONN_STRING=url)
    for words in (["serve", "--port", "0"], ["migrate"]):
        done = cli(*words)
        assert done.code == code, done
        assert done.err.startswith("askcli: error: ")
        assert done.err.count("\n") == 1
        assert "hunter2" not in done.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_that_is_no_ordinary_file_is_told(new_cli: NewCli, kind: str) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted")
    cli.environment["ASKCLI_SCRIPT"] = str(script := cli.home / "script.json")
    make_special(script, kind)
    done = cli.fresh("serve", "--port", "0")
    said = f"cannot read the script {script}: it is not an ordinary file."
    assert (done.code, done.err) == (2, f"askcli: error: {said}\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "http://u:hunter2#x@127.0.0.1:1"),
        ("HTTPS_PROXY", "http://u:hunter2/x@127.0.0.1:1"),
        ("ALL_PROXY", "http://u:22/hunter2@127.0.0.1:1"),
        ("ALL_PROXY", "ftp://u:hunter2@127.0.0.1:1"),
    ],
)
def test_a_proxy_that_is_none_is_told_to_the_host_without_its_password(
    new_cli: NewCli, name: str, value: str
) -> None:
    base = "https://api.example.invalid"
    cli = new_cli(ANTHROPIC_API_KEY="sk", ANTHROPIC_BASE_URL=base, **{name: value})
    done = cli("serve", "--port", "0")
    assert (done.code, done.err.count("\n")) == (2, 1), done
    assert f"error: {name} is not the URL of a proxy" in done.err
    assert "hunter2" not in done.err


def test_a_file_of_certificates_that_is_none_is_told_to_the_host(
    new_cli: NewCli, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing")
    base = "https://api.example.invalid"
    cli = new_cli(ANTHROPIC_API_KEY="sk", ANTHROPIC_BASE_URL=base, SSL_CERT_FILE=missing)
    for words, code in ((("serve", "--port", "0"), 2), (("ask", "hi"), 1)):
        done = cli(*words)
        assert (done.code, done.out, done.err.count("\n")) == (code, "", 1), done
        assert "SSL_CERT_FILE: /" in done.err


def test_postgresql_migrated_by_its_host(
    new_database: NewDatabase, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    url = new_database("postgres", migrated=False)
    cli = new_cli(ASKCLI_ANSWERER="scripted", JWT_SECRET=SECRET, DB_CONN_STRING=url)
    done = cli("serve", "--port", "0")
    assert done.code == 2
    assert "askcli migrate" in done.err
    assert "to version" in cli("migrate").err
    assert "already" in cli("migrate").err
    server = serving(cli.home, fake, url)
    assert plain_http.get(f"{server.url}/readyz").status_code == 200
    assert server.stop() == 0


def test_postgresql_needs_a_shared_secret(new_cli: NewCli) -> None:
    url = "postgresql://nobody@127.0.0.1:9/x"
    done = new_cli(ASKCLI_ANSWERER="scripted", DB_CONN_STRING=url)("serve", "--port", "0")
    assert done.code == 2
    assert "JWT_SECRET" in done.err


def test_a_short_secret_is_refused(new_cli: NewCli) -> None:
    done = new_cli(ASKCLI_ANSWERER="scripted", JWT_SECRET="short")("serve", "--port", "0")
    assert done.code == 2
    assert "32 bytes" in done.err
    assert "short\n" not in done.err


def test_without_a_secret_one_is_made_kept_and_told(tmp_path: Path) -> None:
    secrets = []
    for _ in range(2):
        server = ServerProcess(tmp_path, ASKCLI_ANSWERER="scripted")
        assert server.stop() == 0
        secret_file = tmp_path / ".local/share/askcli/jwt_secret"
        assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600
        assert any(str(secret_file) in line for line in server.log)
        secrets.append(secret_file.read_text())
        assert secrets[0] not in "".join(server.log)
    assert secrets[0] == secrets[1]


def test_a_dotenv_and_the_environment_configure_the_host(tmp_path: Path) -> None:
    lines = "ASKCLI_ANSWERER=scripted\nJWT_SECRET=short\nPORT=1\nPATH=/nowhere\nASKCLI_MODEL=\n"
    (tmp_path / ".env").write_text(lines + "ASKCLI_DRAIN_SECONDS=3\n")
    server = ServerProcess(tmp_path, JWT_SECRET=SECRET)  # the environment goes before the file
    log_lines = [line for line in server.log if ".env" in line]
    assert log_lines == ["Read .env: ASKCLI_ANSWERER, ASKCLI_DRAIN_SECONDS.\n"]
    assert plain_http.get(f"{server.url}/healthz").status_code == 200
    assert server.stop() == 0


def test_a_misspelt_variable_of_a_dotenv_is_reported(tmp_path: Path) -> None:
    """A host who writes `REGISTRATON=closed` has an open server."""
    (tmp_path / ".env").write_text("ASKCLI_REGISTRATON=closed\nASKCLI_ANSWERER=scripted\n")
    server = ServerProcess(tmp_path)
    assert server.stop() == 0
    expected = "no setting has the variable ASKCLI_REGISTRATON; did you mean ASKCLI_REGISTRATION?"
    assert server.log[0] == f"askcli: warning: {expected}\n"


def test_a_taken_port_is_told(sqlite_server: ServerProcess, new_cli: NewCli) -> None:
    port = sqlite_server.url.rpartition(":")[2]
    done = new_cli(ASKCLI_ANSWERER="scripted")("serve", "--port", port)
    assert done.code == 1
    assert done.err.endswith(": Address already in use.\n")


def test_a_host_that_is_none_is_told(new_cli: NewCli) -> None:
    done = new_cli(ASKCLI_ANSWERER="scripted")("serve", "--host", "no host", "--port", "0")
    assert (done.code, "cannot listen on no host:0: " in done.err) == (1, True)
    assert "Unknown error" not in done.err


def test_a_host_with_too_few_threads_is_told(new_cli: NewCli) -> None:
    """libuv ends the process in silence; an address space is limited for root, too."""
    host = new_cli(ASKCLI_ANSWERER="scripted")
    done = host.fresh_shell("ulimit -v 500000; askcli serve --port 0")
    assert (done.code, "may not start enough threads" in done.err) == (1, True), done
    assert "Traceback" not in done.err


@pytest.mark.parametrize("port", ["70000", "-1", "web"])
def test_a_port_that_is_none(new_cli: NewCli, port: str) -> None:
    assert new_cli(PORT=port)("serve").code == 2


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_migrations_make_the_tables(new_database: NewDatabase, kind: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    database = Database(new_database(kind, migrated=False))
    newest = ScriptDirectory.from_config(migrations.config()).get_current_head()
    assert migrations.upgrade(database) == (None, migrations.HEAD) == (None, newest)
    with database.engine.connect() as connection:

        def is_ours(thing: Any, name: str | None, kind: str, *_: Any) -> bool:
            # The search index and SQLite's sizes are each database's own, no part of the model.
            own = ("question_words", "question_index", "question_sizes")
            return not (kind == "table" and str(name).startswith(own))

        opts = {"compare_type": True, "include_object": is_ours}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
        assert "questions" in inspect(connection).get_table_names()
    database.close()


def test_sqlite_is_durable_and_strict(new_database: NewDatabase) -> None:
    database = Database(new_database("sqlite"))
    with database.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    database.close()
    assert pragmas == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 2,
        "busy_timeout": 5000,
    }
