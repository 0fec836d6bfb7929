"""Databases that are copied into others, and what they have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from askcli.store.copies import copying
from askcli.store.copies.checksums import of_table
from askcli.store.database import Database
from tests.support.cli import Cli, Done, NewCli


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def checksums(url: str) -> dict[str, Any]:
    with opened(url) as database, database.transaction() as connection:
        all_ = {table.name: of_table(connection, table) for table in copying.tables()}
    return {name: {"rows": one.rows, "sha256": one.digest} for name, one in all_.items()}


def run_sql(url: str, statement: str) -> None:
    with opened(url) as database, database.transaction() as connection:
        connection.execute(text(statement))


def copy(new_cli: NewCli, source: str, target: str, *more: str) -> Done:
    cli: Cli = new_cli(DB_CONN_STRING=source, ASKCLI_COPY_TO=target)
    return cli.in_process("store", "copy", *more)
