"""The databases of the nights: a fresh one for each, the copy of one with its schema and users."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import bcrypt
from sqlalchemy import Connection

from askcli.services.auth.tokens import hash_token
from askcli.services.clock import new_id, now
from askcli.store.database import Database
from askcli.store.queries import api_tokens, users
from tests.simulation import seams, transitions
from tests.simulation.users import EXPIRES_AT, PASSWORD, email, expiring_token
from tests.simulation.world import EPOCH
from tests.support.databases import migrated

if TYPE_CHECKING:
    import psycopg

MAX_USERS = 3

Rows = list[dict[str, Any]]


class Databases:
    """The directory of this process' nights and their database."""

    url: str

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="askcli-nights-"))
        self.directory = self.root / "night"
        self.directory.mkdir()

    def renew(self) -> None:
        """Make everything as it is before a night; the URL stays, as open engines know it."""
        for home in self.directory.glob("home*"):
            shutil.rmtree(home)
        self._copy()

    def rows(self, query: str) -> Rows:
        """Read the database, beside the product."""
        raise NotImplementedError

    def close(self) -> None:
        """Delete all of it."""
        shutil.rmtree(self.root)

    def _copy(self) -> None:
        raise NotImplementedError


class Sqlite(Databases):
    """Real files."""

    def __init__(self) -> None:
        super().__init__()
        self._reader: sqlite3.Connection | None = None  # once a night, as it reads the schema first
        self._file, self._template = self.directory / "askcli.db", self.root / "template.db"
        self.url = f"sqlite:///{self._file}"
        _fill(f"sqlite:///{self._template}")

    def _copy(self) -> None:
        self._end_reader()
        # A new file: SQLite takes an overwritten one for what a connection of this process that is
        # not yet collected has open, and reads its log, which is gone.
        for end in ("", "-wal", "-shm"):
            self._file.with_name(f"{self._file.name}{end}").unlink(missing_ok=True)
        shutil.copyfile(self._template, self._file)

    def rows(self, query: str) -> Rows:
        if self._reader is None:
            self._reader = sqlite3.connect(self._file, isolation_level=None)
            self._reader.row_factory = sqlite3.Row
        return [dict(row) for row in self._reader.execute(query)]

    def close(self) -> None:
        self._end_reader()
        super().close()

    def _end_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class Postgres(Databases):
    """Databases of a real server."""

    def __init__(self, server: str) -> None:
        """`server` is the URL of its database `postgres`."""
        import psycopg

        super().__init__()
        self._name = f"nights_{os.getpid()}"
        self._template = f"{self._name}_template"
        self.url = server.replace("/postgres?", f"/{self._name}?")
        self._server = psycopg.connect(server, autocommit=True)
        self._reader: psycopg.Connection[Any] | None = None
        self._execute(f"CREATE DATABASE {self._template}")
        _fill(server.replace("/postgres?", f"/{self._template}?"))

    def _execute(self, statement: str) -> None:
        self._server.execute(statement.encode())

    def _copy(self) -> None:
        self._drop(self._name)
        self._execute(f"CREATE DATABASE {self._name} TEMPLATE {self._template}")

    def _drop(self, name: str) -> None:
        if self._reader:
            self._reader.close()
            self._reader = None
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def rows(self, query: str) -> Rows:
        import psycopg
        from psycopg.rows import dict_row

        if self._reader is None:
            self._reader = psycopg.connect(self.url, autocommit=True)
        return self._reader.cursor(row_factory=dict_row).execute(query.encode()).fetchall()

    def close(self) -> None:
        for name in (self._name, self._template):
            self._drop(name)
        self._server.close()
        super().close()


def _fill(url: str) -> None:
    database = Database(migrated(url))
    with database.transaction() as connection:
        _add_users(connection)
        for statement in transitions.statements(connection.dialect.name):
            connection.exec_driver_sql(statement)
    database.close()


def _add_users(connection: Connection) -> None:
    password_hash = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(seams.CHEAPEST)).decode()
    for number in range(MAX_USERS):
        key = email(number)
        row: dict[str, Any] = {"id": new_id(), "name": key, "email": key, "email_key": key}
        users.add(connection, row | {"password_hash": password_hash, "created_at": now()})
        api_tokens.add(connection, _expiring(number, row["id"]))


def _expiring(number: int, user_id: UUID) -> dict[str, Any]:
    return {
        "id": new_id(),
        "user_id": user_id,
        "name": "expires",
        "token_hash": hash_token(expiring_token(number)),
        "scopes": "read",
        "created_at": now(),
        "expires_at": datetime.fromtimestamp(EPOCH + EXPIRES_AT, UTC),
        "last_used_at": None,
    }
