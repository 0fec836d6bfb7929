"""Queries for conversations, of which nothing is stored but their questions and their titles.

A conversation stands where its last question does: the one with no later one of the same user and
conversation. What is looked at for a page is bounded: where conversations have many questions, a
page may have few of them, or none, and not be the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    bindparam,
    func,
    literal,
    select,
    tuple_,
)

from askcli.store.prepared import Prepared
from askcli.store.queries import batches, id_times, own_range, sizes
from askcli.store.queries.own_range import GREATEST_ID, LEAST_ID
from askcli.store.tables import conversation_titles, questions, usage

# Questions that are looked at for a page, so many at a time, to find the last ones.
EXAMINED, PORTION = 2_000, 200
# Questions that are counted for a page before its next conversations are left to the next page.
COUNTED, BATCH = 10_000, 25
# Of a conversation's first question, whose beginning stands for a title.
BEGINNING_CHARACTERS = 400

_c = questions.c
_turn = questions.alias("turn")  # a question of the same conversation
_KEY = [_turn.c.user_id, _turn.c.conversation_id, _turn.c.id]
_IS_SAME = _turn.c.user_id == _c.user_id, _turn.c.conversation_id == _c.conversation_id
_titles = conversation_titles.c


@dataclass(frozen=True, slots=True)
class Page:
    """Summaries of conversations; `cursor` is the id of a question where there may be more."""

    rows: Sequence[RowMapping]
    cursor: UUID | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Filters of a page: `before` is the cursor; the times are those of the last questions."""

    limit: int
    before: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The filters that are set, as parameters of `own_range`."""
        values = {
            "before": self.before,
            "first_id": self.since and id_times.first_at(self.since),
            "last_id": self.until and id_times.last_before(self.until),
        }
        return {name: value for name, value in values.items() if value is not None}


def page(connection: Connection, user_id: UUID, filter_: Filter) -> Page:
    """Return the user's conversations, that of the newest question first."""
    last_ids, cursor = _last_ids(connection, user_id, filter_)
    rows: list[RowMapping] = []
    counted = 0
    for batch in batches.of_ids(last_ids, BATCH):
        summaries = _summaries(connection, user_id, batch)
        rows += summaries
        counted += sum(summary["turns"] for summary in summaries)
        if counted > COUNTED and batch[-1] != last_ids[-1]:
            return Page(rows, batch[-1])
    return Page(rows, cursor)


def _last_ids(
    connection: Connection, user_id: UUID, filter_: Filter
) -> tuple[list[UUID], UUID | None]:
    """Return the last questions of the conversations of a page, and its cursor."""
    last_ids: list[UUID] = []
    values = {**filter_.values, "user_id": user_id, "portion": PORTION}
    for _ in range(EXAMINED // PORTION):
        rows = _newest(frozenset(values.keys() & own_range.CONDITIONS.keys())).rows(
            connection, values
        )
        for question_id, is_last in rows:
            if is_last and len(last_ids) == filter_.limit:
                return last_ids, last_ids[-1]
            if is_last:
                last_ids.append(question_id)
        if len(rows) < PORTION:
            return last_ids, None
        values["before"] = rows[-1][0]
    return last_ids, values["before"]


@cache
def _newest(filters: frozenset[str]) -> Prepared:
    """Return the query of the newest questions, and whether each is its conversation's last."""

    def query(dialect: str) -> Select[Any]:
        key, own = own_range.of(dialect, filters)
        newest = [column.desc() for column in key]
        is_last = _end(dialect, _turn.c.id, newest_first=True) == _c.id
        query = select(_c.id, is_last).where(*own)
        return query.order_by(*newest).limit(bindparam("portion"))

    return Prepared(query)


def summary(connection: Connection, user_id: UUID, conversation_id: UUID) -> RowMapping | None:
    """Return a conversation of the user's, None if there is none.

    `id`, `last_id`, `turns`, `cost_usd`, `first_id`, the `beginning` of its first question, and its
    `title`.
    """
    last = last_id(connection, user_id, conversation_id)
    return next(iter(_summaries(connection, user_id, [last])), None) if last else None


def last_id(connection: Connection, user_id: UUID, conversation_id: UUID) -> UUID | None:
    """Return the last question of a user's conversation, None if there is no such conversation."""
    key, own = own_range.of(connection.dialect.name, {"conversation_id"})
    newest = select(_c.id).where(*own).order_by(*(column.desc() for column in key)).limit(1)
    values = {"user_id": user_id, "conversation_id": conversation_id}
    last: UUID | None = connection.scalar(newest, values)
    return last


def question_ids(
    connection: Connection, user_id: UUID, conversation_id: UUID, limit: int
) -> list[UUID]:
    """Return the newest questions of a user's conversation, at most `limit`.

    Fewer where they are long, whose deletion takes time.
    """
    dialect = connection.dialect.name
    key, own = own_range.of(dialect, {"conversation_id"})
    query = select(_c.id, sizes.of_texts(dialect)).where(*own)
    newest = query.order_by(*(column.desc() for column in key)).limit(limit)
    rows = connection.execute(newest, {"user_id": user_id, "conversation_id": conversation_id})
    return sizes.fitting(rows, sizes.MAX_DELETED_BYTES)


def _summaries(
    connection: Connection, user_id: UUID, last_ids: Sequence[UUID]
) -> Sequence[RowMapping]:
    """Return the conversations with these last questions, that of the newest one first."""
    values = {"user_id": user_id, "last_ids": last_ids}
    return connection.execute(_summary(connection.dialect.name), values).mappings().all()


@cache
def _summary(dialect: str) -> Select[Any]:
    """Return the query of summaries, in which each part goes through one index by itself.

    Joined, PostgreSQL's planner might read the questions, or the usage, of all users.
    """
    settled = select(usage.c.cost_usd).where(usage.c.question_id == _turn.c.id, usage.c.settled)
    cost = settled.correlate(_turn).scalar_subquery()
    beginning = func.substr(_turn.c.question, 1, BEGINNING_CHARACTERS)
    title = select(_titles.title).where(
        _titles.user_id == _c.user_id, _titles.conversation_id == _c.conversation_id
    )
    parts: dict[str, ColumnElement[Any]] = {
        "id": _c.conversation_id,
        "last_id": _c.id,
        "turns": _of_turns(select(func.count()).select_from(_turn).where(*_IS_SAME)),
        "cost_usd": _of_turns(select(func.sum(cost)).select_from(_turn).where(*_IS_SAME)),
        "first_id": _end(dialect, _turn.c.id, newest_first=False),
        "beginning": _end(dialect, beginning, newest_first=False),
        "title": title.correlate(questions).scalar_subquery(),
    }
    query = select(*(part.label(name) for name, part in parts.items()))
    last = _c.user_id == bindparam("user_id"), _c.id.in_(bindparam("last_ids", expanding=True))
    return query.where(*last).order_by(_c.id.desc())


def _end(dialect: str, value: ColumnElement[Any], *, newest_first: bool) -> ColumnElement[Any]:
    """Return a value of the last question of the same conversation, or of its first one."""
    key, turns = _in_order(dialect)
    order = [column.desc() if newest_first else column for column in key]
    return _of_turns(select(value).where(*turns).order_by(*order).limit(1))


def _of_turns(query: Select[Any]) -> ColumnElement[Any]:
    """Return the query, of questions of the same conversation, as a value."""
    return query.correlate(questions).scalar_subquery()


def _in_order(dialect: str) -> tuple[Sequence[Column[Any]], Sequence[ColumnElement[bool]]]:
    """Return the columns by which to order the questions of a conversation, and its conditions."""
    if dialect == "sqlite":
        return [_turn.c.id], _IS_SAME
    # A range: see `own_range`. Where all questions of it are read, the planner prefers `_IS_SAME`.
    key, same = tuple_(*_KEY), (_c.user_id, _c.conversation_id)
    least, greatest = (tuple_(*same, literal(end, _c.id.type)) for end in (LEAST_ID, GREATEST_ID))
    return _KEY, [key >= least, key <= greatest]
