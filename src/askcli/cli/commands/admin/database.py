"""The server's database, which the host's commands use directly on the server's machine.

Access to the database and its settings is the permission; no HTTP endpoint offers these commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from askcli import settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from askcli.store.database import Database


@contextmanager
def database() -> Iterator[Database]:
    """Open the database of the settings that `serve` would read here."""
    from askcli.store.database import Database

    opened = Database(settings.load(dotenv=True).database_url)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def transaction(begin: str = "BEGIN IMMEDIATE") -> Iterator[Connection]:
    """Open a transaction, which commits when the block succeeds."""
    from askcli.store import migrations
    from askcli.store.database import connection_errors

    with database() as opened:
        migrations.make_ready(opened)
        with connection_errors(opened), opened.transaction(begin) as connection:
            yield connection


def reading() -> AbstractContextManager[Connection]:
    """Open a read-only transaction, which does not block the server's writes."""
    return transaction("BEGIN")
