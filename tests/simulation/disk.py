"""What is wrong with the database: it is away, locked or full, or a COMMIT's reply is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

from tests.simulation.loop import Process
from tests.simulation.world import World

FAILURES = {
    "away": (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
    "locked": (sqlite3.SQLITE_BUSY, "database is locked"),
    "full": (sqlite3.SQLITE_FULL, "database or disk is full"),
    "readonly": (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
    "lost": (sqlite3.SQLITE_IOERR, "disk I/O error"),
}


class Disk:
    """The database as one replica reaches it; here an SQLite one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.process: Process | None = None
        self.state = ""  # one of FAILURES, for as long as it lasts
        # What happens to the next COMMITs: "lost before", "lost after", "die before", "die after",
        # or nothing.
        self.next_commits: list[str] = []
        self.kill: Any = None

    def take(self, engine: Engine) -> None:
        """Stand between an engine and its database."""
        dialect: Any = engine.dialect
        begin, commit = type(dialect).do_begin, type(dialect).do_commit

        def do_begin(connection: Any) -> None:
            if self.is_away:
                raise self.failure("away", connection)
            if self.state == "locked" and self.waits_for_locks(connection):
                raise self.failure("locked", connection)
            begin(dialect, connection)

        def do_commit(connection: Any) -> None:
            if self.has_written(connection):
                self._commit(connection, lambda: commit(dialect, connection))
            else:
                commit(dialect, connection)

        dialect.do_begin, dialect.do_commit = do_begin, do_commit

    @property
    def is_away(self) -> bool:
        return self.process is None or self.process.is_dead or self.state == "away"

    def _commit(self, connection: Any, commit: Callable[[], None]) -> None:
        what = (self.next_commits.pop(0) if self.next_commits else "") or self.state
        if what in FAILURES:
            raise self.failure(what, connection)
        if not what.endswith("before"):
            commit()
        if not what:
            return
        self._world.tell(f"fault: the reply to a COMMIT is lost ({what})")
        if what.startswith("die") and self.process:
            self.process.is_dead = True
            self._world.after(0.0, self.kill)
        raise self.failure("lost", connection)

    def leave(self, engine: Engine) -> None:
        """Stand aside."""
        for name in ("do_begin", "do_commit"):
            engine.dialect.__dict__.pop(name, None)

    def failure(self, kind: str, connection: Any) -> Exception:
        """The error of the database."""
        code, text = FAILURES[kind]
        error = sqlite3.OperationalError(text)
        error.sqlite_errorcode = code
        return error

    def waits_for_locks(self, connection: Any) -> bool:
        """Whether what comes now waits for locks."""
        return True

    def has_written(self, connection: Any) -> bool:
        """Whether the transaction has changed anything."""
        changes, before = connection.total_changes, connection.info.get("changes", 0)
        connection.info["changes"] = changes
        return bool(changes != before)


class PostgresDisk(Disk):
    """A PostgreSQL, whose connections break."""

    def take(self, engine: Engine) -> None:
        super().take(engine)
        event.listen(engine, "do_connect", self._connect, insert=True)

    def leave(self, engine: Engine) -> None:
        super().leave(engine)
        event.remove(engine, "do_connect", self._connect)

    def _connect(self, *_: Any) -> None:
        if self.is_away:
            raise self.failure("away", None)

    def failure(self, kind: str, connection: Any) -> Exception:
        from psycopg import OperationalError, errors

        if kind in ("away", "lost"):
            if connection is not None:
                connection.dbapi_connection.close()  # not only given back to the pool
            return OperationalError("server closed the connection unexpectedly")
        return {
            "locked": errors.LockNotAvailable("canceling statement due to lock timeout"),
            "full": errors.DiskFull("could not extend file: No space left on device"),
            "readonly": errors.ReadOnlySqlTransaction("cannot execute in a read-only transaction"),
        }[kind]

    def waits_for_locks(self, connection: Any) -> bool:
        return not connection.autocommit  # which is for reads

    def has_written(self, connection: Any) -> bool:
        row = connection.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").fetchone()
        return bool(row[0])
