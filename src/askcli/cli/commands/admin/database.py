"""What the host's commands work on: the server's database, on the server's own machine.

Whoever can read the database and its settings may do all of this; no HTTP endpoint can.
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
    """The database of the settings that `serve` would read here."""
    from askcli.store.database import Database

    opened = Database(settings.load(dotenv=True).database_url)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def transaction(begin: str = "BEGIN IMMEDIATE") -> Iterator[Connection]:
    """A transaction on the database, which commits when the block ends well."""
    from askcli.store import migrations
    from askcli.store.database import telling_why

    with database() as opened:
        migrations.make_ready(opened)
        with telling_why(opened), opened.transaction(begin) as connection:
            yield connection


def reading() -> AbstractContextManager[Connection]:
    """A transaction that only reads: however long it takes, the server goes on writing."""
    return transaction("BEGIN")
