"""Queries on the text of running answers: parts that are added, and folded into the row at the end.

An answer's text so far is `questions.answer`, and its parts after that. Whoever ends an answer
locks its row first: until then its process may add parts, and afterwards none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    Select,
    String,
    TableValuedAlias,
    Uuid,
    bindparam,
    case,
    column,
    delete,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import aggregate_order_by

from askcli.store.prepared import Prepared, PreparedChange
from askcli.store.queries import batches, lists, upserts
from askcli.store.tables import answer_parts, is_answering, questions


def running(
    connection: Connection, question_ids: Collection[UUID], *, locked: bool = False
) -> set[UUID]:
    """Return the runs that answer these questions now.

    Where they are to be `locked`, so that none of them ends, those whose rows another transaction
    has locked are left out.
    """
    if not question_ids:
        return set()
    query = _LOCK_RUNNING if locked else _RUNNING
    return set(query.column(connection, {"ids": lists.of_ids(connection, question_ids)}))


def _running(dialect: str) -> Select[Any]:
    those = lists.among(dialect, questions.c.id)
    return select(questions.c.run_id).where(those, is_answering)


_RUNNING = Prepared(_running)
_LOCK_RUNNING = Prepared(
    lambda dialect: _running(dialect).with_for_update(read=True, skip_locked=True)
)


def add(connection: Connection, parts: Sequence[Mapping[str, Any]]) -> None:
    """Add parts (`question_id`, `position`, `text`); one at the same position is replaced.

    It is there where the reply to its commit was lost.
    """
    if parts:
        _ADD.run_each(connection, parts)


_ADD = PreparedChange(lambda dialect: upserts.upsert(dialect, answer_parts, "text"))


def remove(connection: Connection, question_id: UUID) -> None:
    """Delete the parts of an answer whose row has its whole text, or begins anew."""
    _REMOVE.run(connection, {"of_question": question_id})


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` parts of answers that ended before this time; return how many.

    An end replaces them: these are what a version left behind that overlooked some.
    """
    return _PRUNE.run(connection, {"before": before, "most": limit})


_KEY = answer_parts.c.question_id, answer_parts.c.position
_HAS_ENDED = ~is_answering & (questions.c.answered_at < batches.before(questions.c.answered_at))
_ENDED = select(*_KEY).join(questions).where(_HAS_ENDED).limit(bindparam("most", type_=Integer))
_PRUNE = PreparedChange(delete(answer_parts).where(tuple_(*_KEY).in_(_ENDED)))


_REMOVE = PreparedChange(
    delete(answer_parts).where(answer_parts.c.question_id == bindparam("of_question"))
)


def end(connection: Connection, question_ids: Collection[UUID], values: Mapping[str, Any]) -> None:
    """End answers, whose rows this transaction has locked, with the text that they have so far.

    In a statement of its own: PostgreSQL shows to it what was committed while it waited.
    """
    those = update(questions).where(questions.c.id.in_(question_ids))
    connection.execute(those.values(answer=text_so_far(connection.dialect.name), **values))
    connection.execute(delete(answer_parts).where(answer_parts.c.question_id.in_(question_ids)))


@cache  # making it takes longer than reading an answer
def text_so_far(dialect: str) -> ColumnElement[Any]:
    """Return the expression of a question's answer with its parts, in one snapshot with its row."""
    parts = answer_parts.c
    own = parts.question_id == questions.c.id
    if dialect == "sqlite":
        # By the order of its rows: its older versions know no order within an aggregate.
        ordered = select(parts.text).where(own).order_by(parts.position).correlate(questions)
        text = select(func.group_concat(ordered.subquery().c.text, "", type_=String))
    else:
        separator: Any = aggregate_order_by(literal_column("''"), parts.position)
        joined = func.string_agg(parts.text, separator, type_=String)
        text = select(joined).where(own).correlate(questions)
    whole = questions.c.answer.concat(func.coalesce(text.scalar_subquery(), ""))
    return case((is_answering, whole), else_=questions.c.answer).label("answer")


@cache
def columns_of(dialect: str) -> Sequence[ColumnElement[Any]]:
    """Return a question's columns, `answer` with its parts."""
    return [*(c for c in questions.c if c.name != "answer"), text_so_far(dialect)]


def news(connection: Connection, characters: Mapping[UUID, int]) -> Sequence[RowMapping]:
    """Return the state of questions, and their text after so many characters of each.

    A row a part in order, and one without a part where there is none: `question_id`, `status`,
    `run_id`, `process_id`, `is_queued`, `position`, `text`. No row where there is no question.
    """
    wanted = _wanted(connection.dialect.name)
    if connection.dialect.name == "sqlite":
        known: Any = json.dumps({id_.hex: number for id_, number in characters.items()})
        parameters = {"known": known}
    else:
        parameters = {"ids": list(characters), "numbers": list(characters.values())}
    return connection.execute(wanted, parameters).mappings().all()


@cache
def _wanted(dialect: str) -> Select[Any]:
    q, parts, earlier = questions.c, answer_parts.c, answer_parts.alias()
    known = _known(dialect)
    question_id, number = known.c
    # The last part that begins there or before may have become longer.
    last = select(func.max(earlier.c.position)).where(
        earlier.c.question_id == question_id, earlier.c.position <= number
    )
    begin = func.coalesce(last.correlate(known).scalar_subquery(), 0)
    is_new = (parts.question_id == q.id) & (parts.position >= begin)
    query = select(
        q.id.label("question_id"),
        q.status,
        q.run_id,
        q.process_id,
        q.is_queued,
        parts.position,
        parts.text,
    )
    joined = known.join(questions, q.id == question_id).outerjoin(answer_parts, is_new)
    return query.select_from(joined).order_by(q.id, parts.position)


def _known(dialect: str) -> TableValuedAlias:
    """Return the parameters as a table of two columns: a question's id, and its characters."""
    if dialect == "sqlite":
        return func.json_each(bindparam("known")).table_valued(
            column("key", Uuid), column("value", Integer), name="known"
        )
    ids = bindparam("ids", type_=postgresql.ARRAY(Uuid))
    numbers = bindparam("numbers", type_=postgresql.ARRAY(Integer))
    unnested = func.unnest(ids, numbers).table_valued(
        column("id", Uuid), column("number", Integer), name="known"
    )
    return unnested.render_derived()
