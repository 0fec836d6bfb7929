"""Queries that list a user's questions: page by page, newest first or what fits a search best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, and_, or_, select

from askcli.search_terms import Term
from askcli.store import search
from askcli.store.tables import questions


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of a user's questions to list; `before` is the cursor, an id.

    `ids` are the first and the last id that may be.
    """

    limit: int
    before: UUID | None = None
    conversation_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[UUID, UUID] | None = None


def page(connection: Connection, user_id: UUID, filter_: Filter) -> Sequence[RowMapping]:
    """The user's questions, newest first, at most `filter_.limit`."""
    found = _filtered(select(questions), user_id, filter_)
    if filter_.before:
        found = found.where(questions.c.id < filter_.before)
    newest_first = found.order_by(questions.c.id.desc()).limit(filter_.limit)
    return connection.execute(newest_first).mappings().all()


def search_page(
    connection: Connection, user_id: UUID, terms: Sequence[Term], filter_: Filter
) -> Sequence[RowMapping] | None:
    """The user's questions in which the terms are, the best first, and of equals the newest.

    None when the cursor is none of them (any more).
    """
    fitting = search.ranked(connection, user_id, terms)
    joined = select(questions).join(fitting, fitting.c.question_id == questions.c.id)
    found = _filtered(joined, user_id, filter_)
    if filter_.before:
        of_cursor = select(fitting.c.rank).where(fitting.c.question_id == filter_.before)
        rank = connection.execute(of_cursor).scalar()
        if rank is None:
            return None
        worse = fitting.c.rank < rank
        found = found.where(
            or_(worse, and_(fitting.c.rank == rank, questions.c.id < filter_.before))
        )
    best_first = found.order_by(fitting.c.rank.desc(), questions.c.id.desc())
    return connection.execute(best_first.limit(filter_.limit)).mappings().all()


def _filtered(found: Select[Any], user_id: UUID, filter_: Filter) -> Select[Any]:
    found = found.where(questions.c.user_id == user_id)
    if filter_.conversation_id:
        found = found.where(questions.c.conversation_id == filter_.conversation_id)
    if filter_.since:
        found = found.where(questions.c.created_at >= filter_.since)
    if filter_.until:
        found = found.where(questions.c.created_at < filter_.until)
    if filter_.ids:
        found = found.where(questions.c.id.between(*filter_.ids))
    return found
