"""URLs of databases whose passwords are not written as they have to be."""

from __future__ import annotations

import pytest
from sqlalchemy.pool import QueuePool

from askcli.store.database import Database, engines, urls
from tests.support.cli import NewCli
from tests.support.secrets import SECRET

# What is left of a password that has an @, each with another character after it.
REFUSED = [
    "postgresql://u:a@sesame@127.0.0.1:1/db",
    "postgres://u:a@b@sesame@127.0.0.1:1/db",
    "postgresql://u:a@host/sesame@127.0.0.1:1/db",
    "postgresql://u:a@host?sesame@127.0.0.1:1/db=x",
    "postgresql://u:a@host/sesame?b@127.0.0.1:1/db",
    "postgresql://u:a@host/sesame?b=c@127.0.0.1:1/db",
]
SHOWN = [
    "postgresql://u:x@127.0.0.1:1/db?options=-c%20x=sesame",
    "postgresql://u:x@127.0.0.1:1/db?bogus=sesame",
    "postgresql://u:x%40sesame@127.0.0.1:1/db",
    "postgresql://u:sesame,x@127.0.0.1:1/db",
    "postgresql://u:1,sesame@127.0.0.1:1/db",
    "postgresql://u@127.0.0.1:1/db?password=sesame",
]


@pytest.mark.parametrize("words", [("users", "list"), ("serve", "--port", "0")])
@pytest.mark.parametrize("url", [*REFUSED, *SHOWN])
def test_no_part_of_a_databases_password_is_shown(
    new_cli: NewCli, url: str, words: tuple[str, ...]
) -> None:
    done = new_cli(DB_CONN_STRING=url, JWT_SECRET=SECRET)(*words)
    assert "sesame" not in done.out + done.err
    if url in REFUSED:
        assert (done.code, "%40" in done.err) == (2, True), done
    else:
        assert "cannot use the database postgresql://u:***@127.0.0.1:1/db: " in done.err


def test_an_at_sign_that_is_written_as_it_has_to_be_is_one_of_the_password() -> None:
    url = urls.parse("postgresql://u:a%40b@/db?host=@abstract")
    assert (url.password, url.query) == ("a@b", {"host": "@abstract"})


def test_a_password_may_be_an_option_as_libpq_has_it() -> None:
    one = urls.parse("postgresql://u@a,b/db?password=a%40b&sslmode=require")
    assert (one.password, one.query) == ("a@b", {"sslmode": "require", "host": "a,b"})
    two = urls.parse("postgresql://u:x@host/db?password=y&password=z")
    assert (two.password, two.query) == ("z", {})


def test_a_url_may_name_several_hosts_as_libpq_has_them() -> None:
    text = "postgres://u:p@a.example:1,10.0.0.2:5433/db?target_session_attrs=read-write"
    url = urls.parse(text)
    arguments = url.get_dialect()().create_connect_args(url)[1]
    assert (arguments["host"], arguments["port"]) == ("a.example,10.0.0.2", "1,5433")
    assert (arguments["dbname"], arguments["user"]) == ("db", "u")
    assert arguments["target_session_attrs"] == "read-write"
    assert urls.shown(url) == "postgresql://u:***@/db"


def test_a_comma_is_one_of_the_password_or_between_hosts() -> None:
    one = urls.parse("postgresql://u:a,b@host:1/db")
    assert (one.password, one.host, one.port, one.query) == ("a,b", "host", 1, {})
    two = urls.parse("postgresql://u,v:a,b@[::1]:1,host/db")
    assert (two.username, two.password, two.host) == ("u,v", "a,b", None)
    assert two.query == {"host": "::1,host", "port": "1,"}


def test_several_hosts_may_be_addresses_of_ipv6() -> None:
    url = urls.parse("postgresql://u:p@[::1]:5432,[::2],c:5433/db")
    arguments = url.get_dialect()().create_connect_args(url)[1]
    assert (arguments["host"], arguments["port"]) == ("::1,::2,c", "5432,,5433")


@pytest.mark.parametrize(
    "ports",
    ["/db?host=a&host=b&port=5433,5434,5435", "/db?host=a,b&port=x", "/db?host=a:1:2&host=b:1:2"],
)
def test_ports_that_are_none_of_the_hosts_are_misused(new_cli: NewCli, ports: str) -> None:
    url = f"postgresql://u:sesame@{ports}"
    done = new_cli(DB_CONN_STRING=url, JWT_SECRET=SECRET)("users", "list")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert "first:5432,second:5432" in done.err
    assert "sesame" not in done.err


@pytest.mark.parametrize("connections", [3, 4, 13, 100])
def test_a_process_has_so_many_connections(connections: int) -> None:
    database = Database("postgres://u@127.0.0.1:1/x", connections)
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    readers, waiters = engines.threads("postgresql", connections)
    assert (pool.size(), readers + waiters + 1) == (connections - 1, connections)
    assert min(readers, waiters) >= 1
    database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:sesame%00x@127.0.0.1:1/db", "has %00 in it"),
        ("postgresql://u:sesame@127.0.0.1:1/d%00b", "has %00 in it"),
        ("postgresql://u:sesame@127.0.0.1:1/db?application_name=%00", "has %00 in it"),
        ("sqlite:////tmp/%00.db", "has %00 in it"),
        ("sqlite:////", "must name a file"),
        ("sqlite:////tmp", "must name a file"),
    ],
)
def test_what_no_database_can_be_at_is_refused(new_cli: NewCli, url: str, said: str) -> None:
    """libpq takes what is before a NUL for all of it, and connects to another server."""
    done = new_cli(DB_CONN_STRING=url, JWT_SECRET=SECRET).in_process("migrate")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert f"DB_CONN_STRING {said}" in done.err
    assert "sesame" not in done.err


def test_a_database_in_memory_is_refused(new_cli: NewCli) -> None:
    """Each connection would have one of its own; a file of that name is not what was meant."""
    cli = new_cli(DB_CONN_STRING="sqlite:///:memory:", ASKCLI_ANSWERER="scripted")
    done = cli.in_process("migrate")
    assert (done.code, "must name a file for SQLite" in done.err) == (2, True), done
    done = cli("serve", "--port", "0")
    assert (done.code, "must name a file for SQLite" in done.err) == (2, True), done
    assert not [*cli.home.rglob(":memory:")]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://askcli.db",
        "sqlite://u:sesame@/askcli.db",
        "sqlite:///askcli.db?mode=ro",
        "sqlite:///askcli.db?timeout=long",
    ],
)
@pytest.mark.parametrize(
    "words", [("migrate",), ("serve", "--port", "0"), ("store", "backup", "b")]
)
def test_more_than_a_file_of_sqlite_is_misused(
    new_cli: NewCli, url: str, words: tuple[str, ...]
) -> None:
    done = (cli := new_cli(DB_CONN_STRING=url, ASKCLI_ANSWERER="scripted"))(*words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert "three slashes" in done.err
    assert "sesame" not in done.err
    assert not [*cli.home.rglob("askcli.db")]
