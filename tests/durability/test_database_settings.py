"""PostgreSQL databases whose encoding and default settings are not the usual ones."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Connection, text, update

from askcli.store.database import Database
from askcli.store.tables import questions
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.pooler import pgbouncer
from tests.support.secrets import SECRET
from tests.support.servers import serving
from tests.support.waiting import eventually

TEXT = "\N{GREEK SMALL LETTER PI} \\ 'quoted' \N{GRINNING FACE}"


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
@pytest.mark.parametrize("command", [["migrate"], ["serve", "--port", "0"], ["users", "list"]])
def test_a_postgresql_database_that_does_not_store_all_text_is_refused(
    new_database: NewDatabase, new_cli: NewCli, encoding: str, command: list[str]
) -> None:
    url, name = new_database("postgres"), f"askcli_{uuid4().hex}"
    locale = "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    execute(url, f"CREATE DATABASE {name} ENCODING '{encoding}' {locale}")
    url = url.replace(urlsplit(url).path, f"/{name}")
    refused = new_cli(DB_CONN_STRING=url, JWT_SECRET=SECRET)(*command)
    assert (refused.code, refused.out) == (1, "")
    assert f"its encoding is {encoding}" in refused.err
    assert "ENCODING 'UTF8'" in refused.err


def waiting_for_locks(url: str) -> int:
    """How many connections of a database wait for a lock: each look is a transaction of its own."""
    query = """SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()"""
    with psycopg.connect(url) as connection:
        count: int = connection.execute(query).fetchall()[0][0]
        return count


@contextmanager
def direct(url: str) -> Iterator[str]:
    """The same URL: without a pooler."""
    yield url


Through = Callable[[str], AbstractContextManager[str]]
on_each_way = pytest.mark.parametrize("through", [direct, pgbouncer])


def with_defaults(new_database: NewDatabase, **defaults: str) -> str:
    """A database with settings of its own."""
    url = new_database("postgres")
    for name, value in defaults.items():
        execute(url, f"ALTER DATABASE {urlsplit(url).path[1:]} SET {name} TO '{value}'")
    return url


@on_each_way
@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_quotas_hold_whatever_the_default_isolation_level_is(
    new_database: NewDatabase,
    new_person: NewPerson,
    fake: FakeAnthropic,
    tmp_path: Path,
    through: Through,
    level: str,
) -> None:
    url = with_defaults(new_database, default_transaction_isolation=level)
    with through(url) as own:
        server = serving(tmp_path, fake, own, ASKCLI_QUOTA_TOKENS_DAY="15")
        person = new_person(server)
        with ThreadPoolExecutor(4) as threads:
            with database_of(server) as connection:
                connection.execute(text("SELECT 1 FROM users FOR UPDATE"))
                asks = [threads.submit(person.ask, f"question {n}") for n in range(4)]
                eventually(lambda: waiting_for_locks(url) >= 3)
            codes = Counter(ask.result().status_code for ask in asks)
        assert codes == {201: 1, 429: 3}
        assert server.stop() == 0


def test_what_is_read_is_read_whatever_the_default_isolation_level_is(
    new_database: NewDatabase,
) -> None:
    """A standby takes no statement of a transaction that is serializable."""

    async def scenario() -> None:
        defaults = {"default_transaction_isolation": "serializable"}
        database = Database(with_defaults(new_database, **defaults))
        for read in (database.read, database.read_in_transaction):
            level = await read(Connection.scalar, text("SHOW transaction_isolation"))
            assert level == "read committed"
        database.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("default", "used"), [("off", "on"), ("remote_apply", "remote_apply")])
def test_what_is_acknowledged_is_on_the_disk_whatever_the_default_is(
    new_database: NewDatabase, default: str, used: str
) -> None:
    async def scenario() -> None:
        database = Database(with_defaults(new_database, synchronous_commit=default))
        shown = text("SHOW synchronous_commit")
        assert await database.write(Connection.scalar, shown) == used
        database.close()

    asyncio.run(scenario())


@on_each_way
def test_all_that_is_shown_is_the_same_whatever_a_databases_formats_are(
    new_database: NewDatabase,
    new_person: NewPerson,
    fake: FakeAnthropic,
    tmp_path: Path,
    through: Through,
) -> None:
    url = with_defaults(
        new_database,
        DateStyle="German",
        TimeZone="<odd>-05:30",
        IntervalStyle="sql_standard",
        extra_float_digits="-10",
        bytea_output="escape",
        standard_conforming_strings="off",
        client_encoding="LATIN1",
    )
    fake.on(marker := uuid4().hex, TEXT)
    with through(url) as own:
        server = serving(tmp_path, fake, own)
        person = new_person(server)
        asked = person.ask(f"{marker} {TEXT}").json()
        assert (asked["question"], asked["answer"]) == (f"{marker} {TEXT}", TEXT)
        assert datetime.now(UTC) - datetime.fromisoformat(asked["created_at"]) < timedelta(hours=1)
        with database_of(server) as connection:
            of_it = update(questions).where(questions.c.id == UUID(asked["id"]))
            connection.execute(of_it.values(cost_usd=0.271828182846))
        (listed,) = person.questions()
        if through is direct:  # no pooler keeps this setting of a client
            assert listed["cost_usd"] == 0.271828182846
        assert {**listed, "cost_usd": 0} == {**asked, "cost_usd": 0}
        assert person.http.get("/api/sessions").status_code == 200
        assert "unknown PostgreSQL timezone" not in "".join(server.log)
        assert server.stop() == 0
