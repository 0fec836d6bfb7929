"""Queries on the questions of all users that are being answered, to find orphans and end them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, RowMapping, false, select, update

from askcli.store import search
from askcli.store.prepared import Prepared
from askcli.store.queries import answer_parts, batches, notifications, processes
from askcli.store.tables import answer_parts as parts_table
from askcli.store.tables import is_answering, questions, usage
from askcli.store.tables import processes as processes_table


class Sign(NamedTuple):
    """The sign of life of a question's run: its process' heartbeat, None where there is none."""

    run_id: UUID | None
    process_id: UUID | None
    heartbeat: datetime | None


def by_id(connection: Connection, question_id: UUID) -> RowMapping | None:
    """Return what is needed of a question to end it, None when it was deleted.

    `id`, `user_id`, `question`, `answer` with its parts, `is_queued`.
    """
    c = questions.c
    query = select(
        c.id, c.user_id, c.question, answer_parts.text_so_far(connection.dialect.name), c.is_queued
    )
    return connection.execute(query.where(c.id == question_id)).mappings().first()


def answering(connection: Connection) -> dict[UUID, Sign]:
    """Return the signs of life of the questions of all users that are being answered."""
    return {question_id: Sign(*sign) for question_id, *sign in _ANSWERING.rows(connection, {})}


_OF_PROCESSES = questions.outerjoin(processes_table, processes_table.c.id == questions.c.process_id)
_ANSWERING = Prepared(
    lambda _: (
        select(
            questions.c.id,
            questions.c.run_id,
            questions.c.process_id,
            processes_table.c.heartbeat_at,
        )
        .where(is_answering)
        .select_from(_OF_PROCESSES)
    )
)


def abandoned(connection: Connection) -> Sequence[UUID]:
    """Return the questions, of all users, that have ended or were deleted and are not settled."""
    return _ABANDONED.column(connection, {})


_ABANDONED = Prepared(
    lambda _: (
        select(usage.c.question_id)
        .outerjoin(questions, questions.c.id == usage.c.question_id)
        .where(usage.c.settled.is_(False), questions.c.status.is_distinct_from("answering"))
    )
)


def touch(connection: Connection, signs: Mapping[UUID, Sign]) -> set[UUID]:
    """Return which of these questions could be written, and their processes' signs of life.

    Those that another transaction has locked are left out. What is written changes nothing, and
    waits for a lock of any table that a process writes with its sign of life.
    """
    process_ids = {sign.process_id for sign in signs.values() if sign.process_id and sign.heartbeat}
    locked = process_ids - processes.touch(connection, process_ids)
    connection.execute(update(parts_table).where(false()).values(text=""))
    free = set[UUID]()
    for ids in batches.of_ids(signs):
        query = select(questions.c.id).where(questions.c.id.in_(ids), is_answering)
        free.update(connection.scalars(query.with_for_update(skip_locked=True)))
    return {question_id for question_id in free if signs[question_id].process_id not in locked}


def interrupt(
    connection: Connection, row: RowMapping, sign: Sign, now: datetime, entry: search.Entry
) -> bool:
    """Mark a question, as `by_id` has returned it, as interrupted, and index it.

    False if it has changed since, or if there was another sign of life.
    """
    if not _is_orphan(connection, row, sign):
        return False
    values = {"status": "interrupted", "error": "interrupted", "answered_at": now}
    answer_parts.end(connection, [row["id"]], values | {"is_queued": False})
    search.put(connection, row["id"], entry)
    notifications.changed(connection, [row["id"]])
    return True


def index(connection: Connection, row: RowMapping, entry: search.Entry) -> None:
    """Index a question that has ended, as `by_id` has returned it, unless it has changed since.

    The row is locked. What its run has completed is indexed already.
    """
    if by_id(connection, row["id"]) == row:
        search.put(connection, row["id"], entry)


def _is_orphan(connection: Connection, row: RowMapping, sign: Sign) -> bool:
    """Lock the question, and then its process: whose sign of life comes later finds it ended."""
    c = questions.c
    running = select(c.id).where(c.id == row["id"], is_answering)
    is_same = c.run_id.is_not_distinct_from(sign.run_id)
    if connection.execute(running.where(is_same).with_for_update()).first() is None:
        return False
    if not processes.lock_silent(connection, sign.process_id, sign.heartbeat):
        return False
    return by_id(connection, row["id"]) == row
