"""Queries for pages of a user's questions: newest first, or best matches of a search first."""

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
    """Filters of a page; `before` is the cursor, an id, and `ids` the first and last id."""

    limit: int
    before: UUID | None = None
    conversation_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[UUID, UUID] | None = None


def page(connection: Connection, user_id: UUID, filter_: Filter) -> Sequence[RowMapping]:
    """Return the user's questions, newest first, at most `filter_.limit`."""
    query = _filtered(select(questions), user_id, filter_)
    if filter_.before:
        query = query.where(questions.c.id < filter_.before)
    newest_first = query.order_by(questions.c.id.desc()).limit(filter_.limit)
    return connection.execute(newest_first).mappings().all()


def search_page(
    connection: Connection, user_id: UUID, terms: Sequence[Term], filter_: Filter
) -> Sequence[RowMapping] | None:
    """Return the user's questions that match the terms, best first, of equals the newest first.

    None when the cursor is not among them.
    """
    matches = search.ranked(connection, user_id, terms)
    joined = select(questions).join(matches, matches.c.question_id == questions.c.id)
    query = _filtered(joined, user_id, filter_)
    if filter_.before:
        of_cursor = select(matches.c.rank).where(matches.c.question_id == filter_.before)
        rank = connection.execute(of_cursor).scalar()
        if rank is None:
            return None
        worse = matches.c.rank < rank
        query = query.where(
            or_(worse, and_(matches.c.rank == rank, questions.c.id < filter_.before))
        )
    best_first = query.order_by(matches.c.rank.desc(), questions.c.id.desc())
    return connection.execute(best_first.limit(filter_.limit)).mappings().all()


def _filtered(query: Select[Any], user_id: UUID, filter_: Filter) -> Select[Any]:
    query = query.where(questions.c.user_id == user_id)
    if filter_.conversation_id:
        query = query.where(questions.c.conversation_id == filter_.conversation_id)
    if filter_.since:
        query = query.where(questions.c.created_at >= filter_.since)
    if filter_.until:
        query = query.where(questions.c.created_at < filter_.until)
    if filter_.ids:
        query = query.where(questions.c.id.between(*filter_.ids))
    return query
