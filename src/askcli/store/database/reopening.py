"""Opens the connections of an engine anew, all of them, where those that are open can only read.

What let them only read may be over: a connection to PostgreSQL keeps the session's default with
which it was opened, and SQLite's connections of a process share the files of the log, as they were
opened, until the last one is closed.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from askcli.store import deadline

# Between two times, while nothing can be written: each costs all connections.
LEAST_SECONDS = 1.0
# For SQLite's last one to be given back; then a new connection may share what they share.
WAIT_SECONDS = 1.0
LOOK_SECONDS = 0.05  # between two looks for those that came back to a pool as it was replaced


class Reopening:
    """The connections of an engine by when they were opened."""

    def __init__(self, engine: Engine) -> None:
        """Connect to nothing yet; the engine has not either."""
        self._engine = engine
        self._condition = threading.Condition()  # with a lock that its thread may take again
        self._open: set[ConnectionPoolEntry] = set()
        self._old: set[ConnectionPoolEntry] = set()
        self._pools: list[Pool] = []  # those that were replaced, until all is closed
        self._next = 0.0
        self._times = 0
        self._began_at = float("-inf")  # by the monotonic clock
        if engine.dialect.name == "sqlite":
            event.listen(engine, "do_connect", self._wait)
        event.listen(engine, "connect", self._on_connect)
        event.listen(engine, "checkin", self._on_checkin)
        event.listen(engine, "close", self._on_close)
        event.listen(engine, "detach", self._on_close)  # by a migration, which closes it soon

    def reopen(self) -> None:
        """Close the connections, once a second at most; those in use once they are given back.

        A unit of work that begins now has a new one.
        """
        with self._condition:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + LEAST_SECONDS
            self._began_at = time.monotonic()
            self._pools.append(self._engine.pool)
            self._outdate()
            self._engine.dispose()
            self._outdate()  # one that was opened meanwhile belongs to the pool that was replaced
            self._close_old()

    def times(self) -> int | None:
        """Return how often all connections were opened anew, None while old ones are open or none.

        SQLite deletes the files of its log with the last one, and makes new ones with the next.
        Files that are there while none is open are another process's, which may delete them.
        """
        with self._condition:
            return self._times if self._open and not self._old else None

    def _outdate(self) -> None:
        self._old |= self._open
        self._open = set()

    def _close_old(self) -> None:
        """Close old connections that are not in use; some may have been given back meanwhile."""
        for pool in self._pools:
            pool.dispose()
        if not self._old:
            self._pools.clear()
            self._times += 1
            self._condition.notify_all()

    def _wait(self, *_: Any) -> None:
        """Wait until SQLite's last old connection is closed, before a new one is opened."""
        end = time.monotonic() + deadline.at_most(WAIT_SECONDS)
        with self._condition:
            while self._old and (left := end - time.monotonic()) > 0:
                self._close_old()
                if self._old:
                    self._condition.wait(min(left, LOOK_SECONDS))

    def _on_connect(self, _connection: Any, record: Any) -> None:
        # The pool's clock may have been set back since all were opened anew.
        took = time.time() - record.starttime
        with self._condition:
            is_new = time.monotonic() - took > self._began_at
            (self._open if is_new else self._old).add(record)

    def _on_checkin(self, _connection: Any, record: ConnectionPoolEntry) -> None:
        if self._old:
            with self._condition:  # until it is closed
                if record in self._old:
                    record.invalidate()
                self._close_old()

    def _on_close(self, _connection: Any, record: ConnectionPoolEntry) -> None:
        with self._condition:
            self._open.discard(record)
            self._old.discard(record)
            self._times += not self._open and not self._old
