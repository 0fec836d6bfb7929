"""Queries on the questions of all users that are being answered, to find orphans and end them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, RowMapping, select, update

from askcli.store import search
from askcli.store.tables import questions


def by_id(connection: Connection, question_id: UUID) -> RowMapping | None:
    """Return a question's owner and texts, and whether it is queued; None when it was deleted."""
    c = questions.c
    query = select(c.user_id, c.question, c.answer, c.is_queued).where(c.id == question_id)
    return connection.execute(query).mappings().first()


def answering(connection: Connection) -> Sequence[RowMapping]:
    """Return the ids and heartbeats of the questions of all users that are being answered."""
    query = select(questions.c.id, questions.c.heartbeat_at)
    running = query.where(questions.c.status == "answering")
    return connection.execute(running).mappings().all()


def touch(connection: Connection, question_ids: Collection[UUID]) -> set[UUID]:
    """Return which of the questions are being answered and could be written; write one of them.

    Those whose rows another transaction has locked are left out. The write changes nothing.
    """
    c = questions.c
    query = select(c.id).where(c.id.in_(question_ids), c.status == "answering")
    free = connection.scalars(query.with_for_update(skip_locked=True)).all()
    # Without a free one it matches no row, and still waits for a lock of the table.
    statement = update(questions).where(c.id.in_(free[:1]), c.status == "answering")
    connection.execute(statement.values(status="answering"))
    return set(free)


def interrupt(
    connection: Connection,
    question_id: UUID,
    heartbeat: datetime,
    now: datetime,
    entry: search.Entry,
) -> bool:
    """Mark a question as interrupted and index it; False if its heartbeat is no longer this one."""
    statement = update(questions).where(
        questions.c.id == question_id,
        questions.c.status == "answering",
        questions.c.heartbeat_at == heartbeat,
    )
    values = {"status": "interrupted", "error": "interrupted", "answered_at": now}
    is_orphan = connection.execute(statement.values(**values, is_queued=False)).rowcount == 1
    if is_orphan:
        search.put(connection, question_id, entry)
    return is_orphan
