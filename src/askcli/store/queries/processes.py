"""Queries on the server processes that answer questions, and on their signs of life."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, select, update

from askcli.store.prepared import PreparedChange
from askcli.store.queries import batches, upserts
from askcli.store.tables import is_answering, processes, questions

_is_needed = exists().where(and_(questions.c.process_id == processes.c.id, is_answering))


def beat(connection: Connection, process_id: UUID, timestamp: datetime) -> None:
    """Store a process' sign of life."""
    values = {"id": process_id, "heartbeat_at": timestamp}
    _BEAT.run(connection, values)


_BEAT = PreparedChange(lambda dialect: upserts.upsert(dialect, processes, "heartbeat_at"))


def touch(connection: Connection, process_ids: Collection[UUID]) -> set[UUID]:
    """Return which of the processes have a row that can be written; write one of them.

    Those whose rows another transaction has locked are left out. The write changes nothing.
    """
    query = select(processes.c.id).where(processes.c.id.in_(process_ids))
    free = connection.scalars(query.with_for_update(skip_locked=True)).all()
    # Without a free one it matches no row, and still waits for a lock of the table.
    _write(connection, processes.c.id.in_(free[:1]))
    return set(free)


def lock_silent(
    connection: Connection, process_id: UUID | None, heartbeat: datetime | None
) -> bool:
    """Return whether a process has this heartbeat still, and lock it until the commit if so."""
    same = processes.c.id == process_id, processes.c.heartbeat_at == heartbeat
    if _write(connection, and_(*same)):
        return True
    is_there = select(processes.c.id).where(processes.c.id == process_id)
    return heartbeat is None and connection.execute(is_there).first() is None


def _write(connection: Connection, condition: ColumnElement[bool]) -> bool:
    statement = update(processes).where(condition)
    done = connection.execute(statement.values(heartbeat_at=processes.c.heartbeat_at))
    return done.rowcount == 1


def remove(connection: Connection, process_id: UUID) -> None:
    """Delete a process that ends, unless a question needs it."""
    connection.execute(delete(processes).where(processes.c.id == process_id, ~_is_needed))


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` processes that died before, and are not needed; return how many."""
    return _DEAD.run(connection, before, limit)


_DEAD = batches.Removal(
    processes.c.id,
    (processes.c.heartbeat_at < batches.before(processes.c.heartbeat_at)) & ~_is_needed,
)
