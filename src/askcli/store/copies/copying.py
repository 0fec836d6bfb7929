"""Copies a database into another one, table by table, in batches that are committed one by one.

Whatever ends a copy, the next one goes on: what the target has of a table is the beginning of what
the source has, which is compared first. Until all is there and has been compared, the version of
the target's schema is COPYING, with which no askcli serves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, Table, func, insert, select, text

from askcli.errors import Failed, Misused
from askcli.store import migrations, search
from askcli.store.checks import check_reachable, connection_errors
from askcli.store.columns import metadata
from askcli.store.copies import exclusive
from askcli.store.copies.checksums import Checksum, in_order, of_rows, of_table
from askcli.store.database import Database, urls
from askcli.store.tables import questions

# Of one transaction; a single row may be larger.
BATCH_ROWS = 500
BATCH_CHARACTERS = 2_000_000

# What is done to a table, and how many rows more it was done to.
Progress = Callable[[str, int], None]

_SET_VERSION = text("UPDATE alembic_version SET version_num = :version")
_COUNT_WORDS = text("SELECT count(*) FROM question_words")


def tables() -> Sequence[Table]:
    """Return all tables in an order that foreign keys allow."""
    return metadata.sorted_tables


def count(connection: Connection) -> dict[str, int]:
    """Return the number of rows of each table."""
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in tables()
    }


def copy(
    source: Database, target: Database, begin: Callable[[int], None], progress: Progress
) -> dict[str, Checksum]:
    """Copy all rows; return the checksum of each table, the same in both.

    `begin` gets the number of rows that `progress` will count. Raises Failed or Misused for
    databases that are in use, at another version, or in the target's case not empty, and when what
    has arrived is not what was sent.
    """
    if source.url == target.url:
        raise Misused("the source and the target are the same database.")
    for database, name in (source, "source"), (target, "target"):
        _check(database, name)
    with (
        connection_errors(source),
        exclusive.connection_to(source) as reader,
        exclusive.unchanging(reader),
        connection_errors(target),
        exclusive.connection_to(target) as writer,
    ):
        counts = count(reader)
        _claim(writer, counts, urls.shown(target.url))
        begin(2 * sum(counts.values()))  # each is copied, and compared
        checksums = {}
        for table in tables():
            with connection_errors(source), in_order(reader, table) as rows:
                checksums[table.name] = _copy(rows, target, writer, table, progress)
        _compare(writer, checksums, progress)
        _analyze(writer)
        _set_version(writer, migrations.HEAD)
        return checksums


def _check(database: Database, name: str) -> None:
    """Raise Failed or Misused unless the database is at this version, or a target's copy began."""
    urls.check_exists(database.url)
    check_reachable(database)
    with database.reading() as connection:
        version = migrations.current(connection)
    if version == migrations.COPYING and name == "target":
        return
    if error := migrations.problem(version, is_exact=True):
        which = f"the {name} {urls.shown(database.url)}"
        hint = f" (with DB_CONN_STRING of the {name})" if isinstance(error, Misused) else ""
        raise type(error)(f"{which}: {error.detail.rstrip('.')}{hint}.")


def _claim(writer: Connection, expected: dict[str, int], url: str) -> None:
    """Mark an empty target. Raises Failed for one with data that no copy has brought there."""
    with writer.begin():
        if migrations.current(writer) == migrations.COPYING:
            return
        counts = count(writer)
        if counts == expected and any(counts.values()):  # maybe a whole copy: it is compared
            return
        if names := [f"{rows:,} in {name}" for name, rows in counts.items() if rows]:
            raise Failed(
                f"the target {url} has data of its own ({', '.join(names)}): copy into an empty "
                "database, which `askcli migrate` creates."
            )
        writer.execute(_SET_VERSION, {"version": migrations.COPYING})


def _analyze(writer: Connection) -> None:
    """Give PostgreSQL's planner the statistics that it would collect itself a minute later.

    Until then a page of a user's 100,000 questions takes 170 ms in place of 10.
    """
    if writer.dialect.name == "postgresql":
        with writer.begin():
            writer.exec_driver_sql("ANALYZE")


def _set_version(writer: Connection, version: str) -> None:
    with writer.begin():
        writer.execute(_SET_VERSION, {"version": version})


def _copy(
    rows: Iterator[Row[Any]],
    target: Database,
    writer: Connection,
    table: Table,
    progress: Progress,
) -> Checksum:
    """Copy what the target does not have of a table; return the checksum of the source's rows."""
    with connection_errors(target), writer.begin():
        there = of_table(writer, table)
    checksum = of_rows(islice(rows, there.rows))
    if not checksum.is_same(there):
        raise Failed(
            f"the first {there.rows:,} rows of {table.name} in the target are not those of the "
            "source: it is a copy of another one, or one of the two was changed since. Begin anew "
            "with an empty target."
        )
    progress(f"copying {table.name}", there.rows)
    for batch in _batches(rows):
        with connection_errors(target), writer.begin():
            _insert(writer, table, batch)
        for row in batch:
            checksum.add(row)
        progress(f"copying {table.name}", len(batch))
    return checksum


def _batches(rows: Iterable[Row[Any]]) -> Iterator[list[Row[Any]]]:
    batch: list[Row[Any]] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += sum(len(value) for value in row if isinstance(value, str))
        if len(batch) == BATCH_ROWS or characters > BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _insert(writer: Connection, table: Table, batch: Sequence[Row[Any]]) -> None:
    """Insert rows; questions with their entries of the search index, which is made anew."""
    writer.execute(insert(table), [dict(row._mapping) for row in batch])
    if table is questions:
        for row in batch:
            entry = search.entry(writer.dialect.name, row.user_id, row.question, row.answer)
            search.put(writer, row.id, entry)


def _compare(writer: Connection, expected: dict[str, Checksum], progress: Progress) -> None:
    """Raise Failed unless all that is in the target is what was to arrive there."""
    for table in tables():
        with writer.begin(), in_order(writer, table) as rows:
            arrived = of_rows(_counted(rows, partial(progress, f"checking {table.name}", 1)))
        if not arrived.is_same(expected[table.name]):
            raise _differs(table.name)
    with writer.begin():
        if writer.scalar(_COUNT_WORDS) != expected["questions"].rows:
            raise _differs("question_words")


def _counted(rows: Iterable[Row[Any]], count: Callable[[], None]) -> Iterator[Row[Any]]:
    for row in rows:
        count()
        yield row


def _differs(name: str) -> Failed:
    return Failed(
        f"{name} in the target is not the same as in the source: something else has written to "
        "the target. Begin anew with an empty one."
    )
