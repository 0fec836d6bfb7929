"""What a run may still change of a question whose answer was ended through another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from askcli.store import search
from askcli.store.tables import questions


def has_other_run(connection: Connection, question_id: UUID, run_id: UUID) -> bool:
    """Whether the question was started again: another run answers it, or has answered it."""
    query = select(questions.c.run_id).where(questions.c.id == question_id)
    return connection.execute(query).scalar() not in (None, run_id)


def complete(
    connection: Connection,
    question_id: UUID,
    run_id: UUID,
    values: Mapping[str, Any],
    entry: search.Entry,
) -> bool:
    """Store and index what the run has of a question that was cancelled or found interrupted.

    Its text only becomes longer, as somebody may have read it. True where the question has ended
    so and is the run's; its row stays locked then, so that it is not started again meanwhile.
    """
    c = questions.c
    own = select(c.answer).where(c.id == question_id, c.run_id == run_id)
    ended = own.where(c.status.in_(("cancelled", "interrupted"))).with_for_update()
    stored = connection.execute(ended).scalar()
    if stored is None:
        return False
    if values["answer"].startswith(stored):
        connection.execute(update(questions).where(c.id == question_id).values(**values))
        search.put(connection, question_id, entry)
    return True
