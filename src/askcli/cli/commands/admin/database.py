"""The server's database, which the host's commands use directly on the server's machine.

Access to the database and its settings is the permission; no HTTP endpoint offers these commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from askcli import settings
from askcli.cli.output.terminal import console

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from askcli.store.database import Database


@contextmanager
def database(*, create: bool = False) -> Iterator[Database]:
    """Open the database of the settings that `serve` would read here, and report which one it is.

    Raises Failed when there is none, unless it is to be created.
    """
    from askcli.store.checks import check_reachable
    from askcli.store.database import Database, urls

    url = settings.load(dotenv=True).database_url
    parsed = urls.parse(url)
    if not create:
        urls.check_exists(parsed)
    opened = Database(url)
    try:
        check_reachable(opened)
        console.note(f"Database: {urls.shown(parsed)}")
        yield opened
    finally:
        opened.close()


@contextmanager
def transaction_on(database: Database, begin: str = "BEGIN IMMEDIATE") -> Iterator[Connection]:
    """Open a transaction, which commits when the block succeeds.

    Raises Failed or Misused for a database that is not at this version: nothing is migrated here,
    where a server of another version may be running.
    """
    from askcli.store import migrations
    from askcli.store.checks import connection_errors

    migrations.check(database)
    with connection_errors(database), database.transaction(begin) as connection:
        yield connection


@contextmanager
def transaction() -> Iterator[Connection]:
    """Open a transaction on the database."""
    with database() as opened, transaction_on(opened) as connection:
        yield connection


def reading_on(database: Database) -> AbstractContextManager[Connection]:
    """Open a read-only transaction, which does not block the server's writes."""
    return transaction_on(database, "BEGIN")


@contextmanager
def reading() -> Iterator[Connection]:
    """Open a read-only transaction on the database."""
    with database() as opened, reading_on(opened) as connection:
        yield connection
