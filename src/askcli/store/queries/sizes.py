"""Sizes of questions in the database, so that a transaction handles no more text than is meant."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Row,
    Uuid,
    cast,
    column,
    func,
    select,
    table,
)

from askcli.store.tables import answer_parts, questions

Id = TypeVar("Id")

# Texts of one page, and those deleted in one transaction, in bytes as UTF-8.
MAX_BYTES = 4_194_304
MAX_DELETED_BYTES = 1_048_576  # their words are deleted too, which takes a tenth of a second

# PostgreSQL knows the size of a text without reading it, SQLite only from version 3.43 on, which
# most Pythons do not have. There the sizes have a table of their own: a column after the texts
# would be found only by reading through them.
SQLITE_FILL = """INSERT OR REPLACE INTO question_sizes SELECT id, length(CAST(question AS BLOB))
    + length(CAST(answer AS BLOB)) + length(CAST(coalesce(system, '') AS BLOB)) FROM questions"""
SQLITE_CREATE = (
    """CREATE TABLE question_sizes (
        question_id CHAR(32) PRIMARY KEY REFERENCES questions (id) ON DELETE CASCADE,
        bytes INTEGER NOT NULL) WITHOUT ROWID""",
    f"""CREATE TRIGGER question_sizes_added AFTER INSERT ON questions
        BEGIN {SQLITE_FILL} WHERE id = new.id; END""",
    f"""CREATE TRIGGER question_sizes_changed AFTER UPDATE OF question, answer, system ON questions
        BEGIN {SQLITE_FILL} WHERE id = new.id; END""",
)
SQLITE_DROP = (
    "DROP TRIGGER question_sizes_added",
    "DROP TRIGGER question_sizes_changed",
    "DROP TABLE question_sizes",
)

_sizes = table("question_sizes", column("question_id", Uuid), column("bytes", Integer))


@cache  # made once: it is part of every page
def of_texts(dialect: str) -> ColumnElement[int]:
    """Return the expression of the size of a question's texts, as UTF-8."""
    c = questions.c
    if dialect == "sqlite":
        size = select(_sizes.c.bytes).where(_sizes.c.question_id == c.id)
        in_row = size.correlate(questions).scalar_subquery()
        return in_row + _of_parts(func.length(cast(answer_parts.c.text, LargeBinary)))
    one, two, three = (
        func.octet_length(text) for text in (c.question, c.answer, func.coalesce(c.system, ""))
    )
    return one + two + three + _of_parts(func.octet_length(answer_parts.c.text))


def of_own(connection: Connection, user_id: UUID, question_id: UUID) -> int | None:
    """Return the size of the texts of the user's question, None if there is none."""
    own = questions.c.id == question_id, questions.c.user_id == user_id
    size: int | None = connection.scalar(select(of_texts(connection.dialect.name)).where(*own))
    return size


def _of_parts(size: ColumnElement[int]) -> ColumnElement[int]:
    """Return the expression of the size of a running answer's parts; no other has any."""
    total = select(func.sum(size))
    own = total.where(answer_parts.c.question_id == questions.c.id).correlate(questions)
    return func.coalesce(own.scalar_subquery(), 0)


def fitting(
    candidates: Iterable[Row[Id, int] | tuple[Id, int]], limit: int = MAX_BYTES
) -> list[Id]:
    """Return the ids of the first of these (id, bytes) that fit; the very first in any case."""
    ids: list[Id] = []
    remaining = limit
    for question_id, size in candidates:
        remaining -= size
        if ids and remaining < 0:
            break
        ids.append(question_id)
    return ids
