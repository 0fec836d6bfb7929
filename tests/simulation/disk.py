"""What is wrong with the database: it is away, locked or full, or a COMMIT's reply is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from tests.simulation.loop import Process
from tests.simulation.world import World

FAILURES = {
    "away": (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
    "locked": (sqlite3.SQLITE_BUSY, "database is locked"),
    "full": (sqlite3.SQLITE_FULL, "database or disk is full"),
    "readonly": (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
    "lost": (sqlite3.SQLITE_IOERR, "disk I/O error"),
}


def failure(kind: str) -> sqlite3.OperationalError:
    """The error of SQLite."""
    code, text = FAILURES[kind]
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


class Disk:
    """The database as one replica reaches it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.process: Process | None = None
        self.state = ""  # one of FAILURES, for as long as it lasts
        # What happens to the next COMMITs: "lost before", "lost after", "die before", "die after".
        self.next_commits: list[str] = []
        self.kill: Any = None

    def take(self, engine: Engine) -> None:
        """Stand between an engine and SQLite."""
        dialect: Any = engine.dialect
        begin, commit = type(dialect).do_begin, type(dialect).do_commit

        def do_begin(connection: Any) -> None:
            if self.process is None or self.process.is_dead:
                raise failure("away")
            if self.state in ("away", "locked"):
                raise failure(self.state)
            begin(dialect, connection)

        def do_commit(connection: Any) -> None:
            changes, before = connection.total_changes, connection.info.get("changes", 0)
            connection.info["changes"] = changes
            if changes == before:  # it has only read
                commit(dialect, connection)
            else:
                self._commit(lambda: commit(dialect, connection))

        dialect.do_begin, dialect.do_commit = do_begin, do_commit

    def _commit(self, commit: Callable[[], None]) -> None:
        what = self.next_commits.pop(0) if self.next_commits else self.state
        if what in FAILURES:
            raise failure(what)
        if not what.endswith("before"):
            commit()
        if not what:
            return
        self._world.tell(f"fault: the reply to a COMMIT is lost ({what})")
        if what.startswith("die") and self.process:
            self.process.is_dead = True
            self._world.after(0.0, self.kill)
        raise failure("lost")

    def leave(self, engine: Engine) -> None:
        """Stand aside."""
        for name in ("do_begin", "do_commit"):
            engine.dialect.__dict__.pop(name, None)
