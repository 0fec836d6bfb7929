"""Questions as the contract shows them, their ids and times as texts from the beginning.

Making objects of the ids and times of a page takes longer than reading it. PostgreSQL writes them
itself; of what SQLite stores the texts are made here, which it would take longer for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    select,
    type_coerce,
)

from askcli.contract.shapes import Question
from askcli.store.columns import UtcDateTime
from askcli.store.prepared import Prepared
from askcli.store.queries import answer_parts, own_range
from askcli.store.tables import questions

MOST_SINCE = 100

_NAMES = tuple(Question.__annotations__)
_STATUS = _NAMES.index("status")
_AsText = Callable[[str], str]


def question(connection: Connection, user_id: UUID, question_id: UUID) -> Question | None:
    """Return the user's question, None if there is none."""
    values = {"id": question_id, "user_id": user_id}
    return next(_shown(connection, user_id, _BY_ID.rows(connection, values)), None)


def those(
    connection: Connection, user_id: UUID, question_ids: Sequence[UUID]
) -> Iterator[Question]:
    """Yield those of the user's questions, in any order."""
    values = {"ids": question_ids, "user_id": user_id}
    rows = connection.execute(_by_ids(connection.dialect.name), values)
    return _shown(connection, user_id, rows.all())


def between(
    connection: Connection, user_id: UUID, ids: Sequence[str], conversation_id: UUID | None
) -> Iterator[Question]:
    """Yield the user's questions of these ids, the newest first, and those between them.

    Few may have come there since the ids were read. The limit, which is beyond those, tells
    PostgreSQL's planner that it is cheaper to go through an index than through all questions.
    """
    newest, oldest = UUID(ids[0]), UUID(ids[-1])
    values: dict[str, Any] = {"user_id": user_id, "last_id": newest, "first_id": oldest}
    values["limit"] = len(ids) + MOST_SINCE
    if conversation_id is None:
        return _shown(connection, user_id, _BETWEEN.rows(connection, values))
    values["conversation_id"] = conversation_id
    return _shown(connection, user_id, _OF_CONVERSATION.rows(connection, values))


def _shown(
    connection: Connection, user_id: UUID, rows: Iterable[Sequence[Any]]
) -> Iterator[Question]:
    """Yield the questions of rows; those that are running have their parts from another query.

    In a statement of its own: SQLite would read each long text twice to know which they are.
    """
    as_id, as_time = _CONVERSIONS[connection.dialect.name]
    for row in rows:
        if row[_STATUS] != "answering":
            yield _of_row(row, as_id, as_time)
            continue
        own = {"id": UUID(row[0]), "user_id": user_id}
        running = _WITH_PARTS.first(connection, own)
        if running is not None:  # not deleted meanwhile
            yield _of_row(running, as_id, as_time)


def _of_row(row: Sequence[Any], as_id: _AsText, as_time: _AsText) -> Question:
    """Return a question; a display is filled in half the time that `dict(zip(…))` takes."""
    id_, user_id, conversation_id, question, system, answer, status, stop_reason, *others = row
    error, model, max_tokens, input_tokens, output_tokens, cost_usd, created_at, end = others
    return {
        "id": as_id(id_),
        "user_id": as_id(user_id),
        "conversation_id": as_id(conversation_id),
        "question": question,
        "system": system,
        "answer": answer,
        "status": status,
        "stop_reason": stop_reason,
        "error": error,
        "model": model,
        "max_tokens": max_tokens,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cost_usd": cost_usd,
        "created_at": as_time(created_at),
        "answered_at": end and as_time(end),
    }


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _time(stored: str) -> str:
    return f"{stored[:10]}T{stored[11:]}Z"


# What PostgreSQL has written stays as it is.
_CONVERSIONS: dict[str, tuple[_AsText, _AsText]] = {
    "sqlite": (_uuid, _time),
    "postgresql": (str, str),
}


@cache
def _columns(dialect: str, *, with_parts: bool = False) -> Sequence[ColumnElement[Any]]:
    """Return the columns of a question with the contract's names, in its order."""
    stored: dict[str, ColumnElement[Any]] = {c.name: c for c in questions.c}
    if with_parts:
        stored["answer"] = answer_parts.text_so_far(dialect)
    return [as_text(stored[name], dialect).label(name) for name in _NAMES]


def as_text(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return an id or a time as text: PostgreSQL writes it, SQLite has it so, in its own form."""
    if not isinstance(column.type, Uuid | UtcDateTime):
        return column
    if dialect == "sqlite":
        return type_coerce(column, String)
    if isinstance(column.type, Uuid):
        return cast(column, Text)
    in_utc = func.timezone("UTC", column)
    return func.to_char(in_utc, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"', type_=Text)


def _own(dialect: str, *conditions: ColumnElement[bool], with_parts: bool = False) -> Select[Any]:
    query = select(*_columns(dialect, with_parts=with_parts))
    return query.where(questions.c.user_id == bindparam("user_id"), *conditions)


def _between(dialect: str, *filters: str) -> Select[Any]:
    key, conditions = own_range.of(dialect, {"first_id", "last_id", *filters})
    newest = [column.desc() for column in key]
    query = select(*_columns(dialect)).where(*conditions)
    return query.order_by(*newest).limit(bindparam("limit"))


@cache
def _by_ids(dialect: str) -> Select[Any]:
    return _own(dialect, questions.c.id.in_(bindparam("ids", expanding=True)))


_HAS_ID = questions.c.id == bindparam("id")
_BY_ID = Prepared(lambda dialect: _own(dialect, _HAS_ID))
_WITH_PARTS = Prepared(lambda dialect: _own(dialect, _HAS_ID, with_parts=True))
_BETWEEN = Prepared(_between)
_OF_CONVERSATION = Prepared(lambda dialect: _between(dialect, "conversation_id"))
