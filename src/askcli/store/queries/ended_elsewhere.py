"""What a run may change of a question whose answer was ended elsewhere, or that refuses its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, select, update

from askcli.store import search
from askcli.store.queries import answer_parts
from askcli.store.tables import questions


def lock(connection: Connection, question_id: UUID) -> RowMapping | None:
    """Return `id`, `run_id`, `status` and `answer` of a question, None when it was deleted.

    Until the transaction ends nobody starts it again: its usage stays that of this run.
    """
    c = questions.c
    query = select(c.id, c.run_id, c.status, c.answer).where(c.id == question_id)
    return connection.execute(query.with_for_update()).mappings().first()


def complete(
    connection: Connection, row: RowMapping, values: Mapping[str, Any], entry: search.Entry
) -> None:
    """Store and index what its run has of a question that was cancelled or found interrupted.

    The row is locked. Its text only becomes longer, as somebody may have read it.
    """
    has_ended_so = row["status"] in ("cancelled", "interrupted")
    if has_ended_so and values["answer"].startswith(row["answer"]):
        those = update(questions).where(questions.c.id == row["id"])
        connection.execute(those.values(**values))
        search.put(connection, row["id"], entry)


def end_here(
    connection: Connection, row: RowMapping, values: Mapping[str, Any], entry: search.Entry
) -> None:
    """End and index an answer whose whole text cannot be stored, with what is stored of it.

    The row is locked, and this run's. Changes nothing where it has ended.
    """
    if row["status"] == "answering":
        answer_parts.end(connection, [row["id"]], values)
        search.put(connection, row["id"], entry)
