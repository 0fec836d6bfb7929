"""Questions as the contract shows them, their ids and times as texts from the beginning.

Making objects of the ids and times of a page takes longer than reading it. PostgreSQL writes them
itself; of what SQLite stores the texts are made here, which it would take longer for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
from askcli.store import answer_parts
from askcli.store.columns import UtcDateTime
from askcli.store.tables import questions

_NAMES = tuple(Question.__annotations__)


def question(connection: Connection, user_id: UUID, question_id: UUID) -> Question | None:
    """Return the user's question, None if there is none."""
    values = {"id": question_id, "user_id": user_id}
    return next(_shown(connection, _by_id, values), None)


def those(
    connection: Connection, user_id: UUID, question_ids: Sequence[UUID]
) -> Iterator[Question]:
    """Yield those of the user's questions, in any order."""
    return _shown(connection, _by_ids, {"ids": question_ids, "user_id": user_id})


def between(
    connection: Connection, user_id: UUID, newest: UUID, oldest: UUID, conversation_id: UUID | None
) -> Iterator[Question]:
    """Yield the user's questions of these ids and between them, the newest first."""
    values: dict[str, Any] = {"user_id": user_id, "newest": newest, "oldest": oldest}
    if conversation_id is None:
        return _shown(connection, _between, values)
    values["conversation_id"] = conversation_id
    return _shown(connection, _of_conversation_between, values)


def _shown(connection: Connection, query: Any, values: dict[str, Any]) -> Iterator[Question]:
    """Yield the questions of a query; those that are running have their parts from another one.

    In a statement of its own: SQLite would read each long text twice to know which they are.
    """
    dialect = connection.dialect.name
    as_shown = _of_sqlite if dialect == "sqlite" else _of_postgresql
    for row in connection.execute(query(dialect), values).all():
        if row.status != "answering":
            yield as_shown(row)
            continue
        own = {"id": UUID(row.id), "user_id": values["user_id"]}
        running = connection.execute(_by_id(dialect, with_parts=True), own).first()
        if running is not None:  # not deleted meanwhile
            yield as_shown(running)


def _of_postgresql(row: Iterable[Any]) -> Question:
    return dict(zip(_NAMES, row, strict=True))  # type: ignore[return-value]


def _of_sqlite(row: Iterable[Any]) -> Question:
    (id_, user, conversation, *texts, created_at, answered_at) = row
    values = (_uuid(id_), _uuid(user), _uuid(conversation), *texts)
    times = _time(created_at), answered_at and _time(answered_at)
    return dict(zip(_NAMES, (*values, *times), strict=True))  # type: ignore[return-value]


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _time(stored: str) -> str:
    return f"{stored[:10]}T{stored[11:]}Z"


@cache
def _columns(dialect: str, *, with_parts: bool = False) -> Sequence[ColumnElement[Any]]:
    """Return the columns of a question with the contract's names, in its order."""
    stored: dict[str, ColumnElement[Any]] = {c.name: c for c in questions.c}
    if with_parts:
        stored["answer"] = answer_parts.text_so_far(dialect)
    return [_as_text(stored[name], dialect).label(name) for name in _NAMES]


def _as_text(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
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


@cache
def _by_id(dialect: str, *, with_parts: bool = False) -> Select[Any]:
    return _own(dialect, questions.c.id == bindparam("id"), with_parts=with_parts)


@cache
def _by_ids(dialect: str) -> Select[Any]:
    return _own(dialect, questions.c.id.in_(bindparam("ids", expanding=True)))


@cache
def _between(dialect: str, *conditions: ColumnElement[bool]) -> Select[Any]:
    newest, oldest = (bindparam(name, type_=Uuid()) for name in ("newest", "oldest"))
    query = _own(dialect, questions.c.id <= newest, questions.c.id >= oldest, *conditions)
    return query.order_by(questions.c.id.desc())


@cache
def _of_conversation_between(dialect: str) -> Select[Any]:
    return _between(dialect, questions.c.conversation_id == bindparam("conversation_id"))
