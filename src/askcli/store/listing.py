"""Queries for pages of a user's questions: newest first, or best matches of a search first.

The ids and sizes of a page's questions are read first, then the texts of those that fit into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, and_, or_, select

from askcli.search_terms import Term
from askcli.store import answer_parts, search, sizes
from askcli.store.tables import questions


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a page; `cursor` is its last id when there are further pages."""

    rows: Sequence[RowMapping]
    cursor: UUID | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Filters of a page; `before` is the cursor, an id, and `ids` the first and last id."""

    limit: int
    before: UUID | None = None
    conversation_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[UUID, UUID] | None = None


def page(connection: Connection, user_id: UUID, filter_: Filter) -> Page:
    """Return the user's questions, newest first, at most `filter_.limit`."""
    query = _filtered(select(questions.c.id, sizes.of_texts(connection)), user_id, filter_)
    if filter_.before:
        query = query.where(questions.c.id < filter_.before)
    return _load(connection, user_id, query.order_by(questions.c.id.desc()), filter_.limit)


def search_page(
    connection: Connection, user_id: UUID, terms: Sequence[Term], filter_: Filter
) -> Page | None:
    """Return the user's questions that match the terms, best first, of equals the newest first.

    None when the cursor is not among them. Raises Unavailable when it takes too long.
    """
    with search.bounded(connection):
        return _search_page(connection, user_id, terms, filter_)


def _search_page(
    connection: Connection, user_id: UUID, terms: Sequence[Term], filter_: Filter
) -> Page | None:
    matches = search.ranked(connection, user_id, terms)
    ids = select(questions.c.id, sizes.of_texts(connection))
    joined = ids.join(matches, matches.c.question_id == questions.c.id)
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
    return _load(connection, user_id, best_first, filter_.limit)


def _load(connection: Connection, user_id: UUID, query: Select[Any], limit: int) -> Page:
    """Load the questions of a query of (id, bytes), in its order, as many as fit into a page."""
    # One more than the page: it shows whether there is a next one.
    candidates = connection.execute(query.limit(limit + 1)).all()
    ids = sizes.fitting(candidates[:limit])
    rows = _rows(connection, user_id, ids)
    cursor = ids[-1] if len(ids) < len(candidates) else None
    return Page([rows[question_id] for question_id in ids if question_id in rows], cursor)


def _rows(connection: Connection, user_id: UUID, ids: Sequence[UUID]) -> dict[UUID, RowMapping]:
    """Return the user's questions of these ids; only running ones are read with their parts."""
    c = questions.c
    query = select(questions).where(c.user_id == user_id, c.id.in_(ids))
    rows = {row["id"]: row for row in connection.execute(query).mappings()}
    running = [question_id for question_id, row in rows.items() if row["status"] == "answering"]
    if not running:
        return rows
    columns = answer_parts.columns(connection)
    with_parts = select(*columns).where(c.user_id == user_id, c.id.in_(running))
    for question_id in running:
        del rows[question_id]  # which may be deleted by now
    return rows | {row["id"]: row for row in connection.execute(with_parts).mappings()}


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
