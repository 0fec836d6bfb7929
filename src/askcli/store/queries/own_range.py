"""The range of an index that has the questions of one user."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Tuple, bindparam, func, tuple_

from askcli.store.tables import questions

_c = questions.c
_TIME, _ID = _c.created_at.type, _c.id.type
LEAST_ID, GREATEST_ID = UUID(int=0), UUID(int=2**128 - 1)
# As an expression, of which PostgreSQL's planner has no statistics: where it expects few questions
# of a time, it reads those of all users and sorts them, in place of a range of an index.
asked_at = func.coalesce(_c.created_at, _c.created_at)
CONDITIONS = {
    "before": _c.id < bindparam("before", type_=_ID),
    "conversation_id": _c.conversation_id == bindparam("conversation_id", type_=_ID),
    "since": asked_at >= bindparam("since", type_=_TIME),
    "until": asked_at < bindparam("until", type_=_TIME),
    "first_id": _c.id >= bindparam("first_id", type_=_ID),
    "last_id": _c.id <= bindparam("last_id", type_=_ID),
}


def of(
    dialect: str, filters: Set[str]
) -> tuple[Sequence[Column[Any]], Sequence[ColumnElement[bool]]]:
    """Return the columns by which to order, and the conditions of the user and these filters."""
    if dialect == "postgresql":
        return _range(filters)
    conditions = (CONDITIONS[name] for name in sorted(filters))
    return [_c.id], [_c.user_id == bindparam("user_id"), *conditions]


def _range(filters: Set[str]) -> tuple[list[Column[Any]], list[ColumnElement[bool]]]:
    """Return the columns of an index, and the range of it that has the user's questions.

    Rather than `user_id = :user_id`: with that PostgreSQL's planner orders by the id alone, and
    where a user has a good part of all questions it goes through those of all users by their ids.
    """
    owner = [_c.user_id, *([_c.conversation_id] if "conversation_id" in filters else [])]
    key = [*owner, _c.id]

    def bound(name: str, end: UUID | None = None) -> Tuple:
        of = [bindparam(column.name, type_=column.type) for column in owner]
        return tuple_(*of, bindparam(name, end, _ID) if end else bindparam(name, type_=_ID))

    least = bound("first_id") if "first_id" in filters else bound("least", LEAST_ID)
    greatest = bound("last_id") if "last_id" in filters else bound("greatest", GREATEST_ID)
    before = [tuple_(*key) < bound("before")] if "before" in filters else []
    return key, [tuple_(*key) >= least, tuple_(*key) <= greatest, *before]
