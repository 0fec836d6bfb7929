"""Queries on questions; those that add or end one also store its entry of the search index.

Every query that serves a user filters by that user; the runs' own bookkeeping (change and finish)
goes by the question's id, as that of orphans does. Text of a running answer is in its parts
(`store.queries.answer_parts`); queries that read or end one see to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from askcli.store import search
from askcli.store.prepared import Prepared, PreparedChange, Record
from askcli.store.queries import answer_parts, notifications, own_range, titles, usage
from askcli.store.tables import is_answering, questions

_MAY_START_AGAIN = and_(
    or_(questions.c.status == "failed", questions.c.status == "interrupted"),
    usage.is_unbilled(questions.c.id),
)
_ADD = PreparedChange(insert(questions))


class _Query:
    """A query of one question."""

    def __init__(self, *condition: ColumnElement[bool], more: Sequence[ColumnElement[Any]] = ()):
        self.of_ended = Prepared(lambda _: select(questions, *more).where(*condition))
        # The same with the text in parts.
        self.of_running = Prepared(
            lambda dialect: select(*answer_parts.columns_of(dialect), *more).where(*condition)
        )


_OWN = _Query(questions.c.id == bindparam("id"), questions.c.user_id == bindparam("user_id"))
_OF_KEY = _Query(
    questions.c.user_id == bindparam("user_id"),
    questions.c.idempotency_key == bindparam("key"),
    more=[_MAY_START_AGAIN.label("may_start_again")],
)
_CHANGE = PreparedChange(
    update(questions).where(
        questions.c.id == bindparam("which"),
        questions.c.run_id == bindparam("of_run"),
        is_answering,
    )
)


def add(connection: Connection, values: Mapping[str, Any], entry: search.Entry) -> None:
    """Insert and index a question. Raises IntegrityError for a user's duplicate idempotency key."""
    _ADD.run_later(connection, values)
    search.put(connection, values["id"], entry)


def by_id(connection: Connection, user_id: UUID, question_id: UUID) -> Record | None:
    """Return the user's question, None if there is none."""
    return _one(connection, _OWN, {"id": question_id, "user_id": user_id})


def status(connection: Connection, user_id: UUID, question_id: UUID) -> str | None:
    """Return the status of the user's question, None if there is none."""
    query = select(questions.c.status).where(
        questions.c.id == question_id, questions.c.user_id == user_id
    )
    return cast("str | None", connection.execute(query).scalar())


def by_key(connection: Connection, user_id: UUID, key: str) -> Record | None:
    """Return the user's question with this idempotency key, None if there is none.

    `may_start_again` is whether it has failed without being billed.
    """
    return _one(connection, _OF_KEY, {"user_id": user_id, "key": key})


def _one(connection: Connection, query: _Query, values: Mapping[str, Any]) -> Record | None:
    """Return a question; only a running one is read with its parts."""
    row = query.of_ended.first_by_name(connection, values)
    if row is None or row["status"] != "answering":
        return row
    return query.of_running.first_by_name(connection, values)


def start_again(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Start a failed question of a user again; False if it has not failed, or was billed."""
    statement = update(questions).where(
        questions.c.id == values["id"], questions.c.user_id == values["user_id"], _MAY_START_AGAIN
    )
    is_started = connection.execute(statement.values(**values)).rowcount == 1
    if is_started:
        answer_parts.remove(connection, values["id"])
    return is_started


def latest(
    connection: Connection, user_id: UUID, conversation_id: UUID, last_id: UUID
) -> RowMapping | None:
    """Return what the last question of a user's conversation passes on, None where there is none.

    `id`, `system`, `requested_model` and `max_tokens`, without its texts. Questions after `last_id`
    are left out.
    """
    c = questions.c
    query = select(c.id, c.system, c.requested_model, c.max_tokens)
    newest_first = _newest_of_conversation(connection, query).limit(1)
    own = {"user_id": user_id, "conversation_id": conversation_id, "last_id": last_id}
    return connection.execute(newest_first, own).mappings().first()


def _newest_of_conversation(connection: Connection, query: Select[Any]) -> Select[Any]:
    key, own = own_range.of(connection.dialect.name, {"conversation_id", "last_id"})
    return query.where(*own).order_by(*(column.desc() for column in key))


def turns(
    connection: Connection,
    user_id: UUID,
    conversation_id: UUID,
    last_id: UUID,
    limit: int,
    characters: int,
) -> Sequence[RowMapping]:
    """Return the last questions of a user's conversation with a whole answer, oldest first.

    None after `last_id`, and only the first `characters` of each text: what is longer need not be
    read.
    """
    texts = (
        func.substr(column, 1, characters).label(column.name)
        for column in (questions.c.question, questions.c.answer)
    )
    query = select(*texts).where(questions.c.status == "answered", questions.c.answer != "")
    newest_first = _newest_of_conversation(connection, query).limit(limit)
    own = {"user_id": user_id, "conversation_id": conversation_id, "last_id": last_id}
    return connection.execute(newest_first, own).mappings().all()[::-1]


def change(
    connection: Connection, question_id: UUID, run_id: UUID, values: Mapping[str, Any]
) -> bool:
    """Change a question that this run is answering; False when it has ended, or was deleted."""
    which = {"which": question_id, "of_run": run_id}
    return _CHANGE.run(connection, {**which, **values}) == 1


def finish(
    connection: Connection,
    question_id: UUID,
    run_id: UUID,
    values: Mapping[str, Any],
    entry: search.Entry,
    *,
    has_parts: Callable[[], bool] = lambda: True,
) -> bool:
    """Store and index the end of a run's answer, its parts replaced; False if that is too late.

    Whether it has parts is asked once its row is locked: until then some may be added.
    """
    is_changed = change(connection, question_id, run_id, values)
    if is_changed and has_parts():
        answer_parts.remove(connection, question_id)
    if is_changed:
        search.put(connection, question_id, entry)
    return is_changed


def cancel(connection: Connection, user_id: UUID, question_id: UUID, timestamp: datetime) -> bool:
    """Mark the user's question as cancelled if it is being answered; its process then stops."""
    return _cancel(connection, user_id, questions.c.id == question_id, timestamp) == 1


def cancel_all(connection: Connection, user_id: UUID, timestamp: datetime) -> None:
    """Mark all of a user's questions that are being answered as cancelled."""
    _cancel(connection, user_id, true(), timestamp)


def _cancel(
    connection: Connection, user_id: UUID, condition: ColumnElement[bool], timestamp: datetime
) -> int:
    running = select(questions.c.id).where(questions.c.user_id == user_id, condition, is_answering)
    ids = connection.scalars(running.with_for_update()).all()
    end = {"status": "cancelled", "error": "cancelled", "answered_at": timestamp}
    answer_parts.end(connection, ids, end)
    notifications.changed(connection, ids)
    return len(ids)


def remove(connection: Connection, user_id: UUID, question_id: UUID) -> bool:
    """Delete the user's question; return False if there is none.

    With the title of its conversation if it was the last one: `titles.remove_of_gone` says that the
    user must be locked.
    """
    own = questions.c.id == question_id, questions.c.user_id == user_id
    statement = delete(questions).where(*own).returning(questions.c.conversation_id)
    conversation_ids = connection.scalars(statement).all()
    titles.remove_of_gone(connection, user_id, conversation_ids)
    return bool(conversation_ids)
