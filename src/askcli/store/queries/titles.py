"""Queries on the titles of conversations."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, exists

from askcli.store.queries import upserts
from askcli.store.tables import conversation_titles, questions

_c = conversation_titles.c


def give(connection: Connection, user_id: UUID, conversation_id: UUID, title: str) -> None:
    """Give a user's conversation this title, in place of any other."""
    statement = upserts.upsert(connection.dialect.name, conversation_titles, "title")
    row = {"user_id": user_id, "conversation_id": conversation_id, "title": title}
    connection.execute(statement, row)


def suggest(connection: Connection, user_id: UUID, conversation_id: UUID, title: str) -> None:
    """Give a user's conversation this title if it has none."""
    statement = upserts.insert(connection.dialect.name, conversation_titles)
    row = {"user_id": user_id, "conversation_id": conversation_id, "title": title}
    connection.execute(statement.on_conflict_do_nothing(), row)


def take_away(connection: Connection, user_id: UUID, conversation_id: UUID) -> None:
    """Take the title of a user's conversation away."""
    own = _own(user_id, [conversation_id])
    connection.execute(delete(conversation_titles).where(*own))


def remove_of_gone(connection: Connection, user_id: UUID, conversation_ids: Sequence[UUID]) -> None:
    """Delete the titles of those conversations that have no question left.

    The user must be locked since before the questions were deleted: of two transactions that
    delete the last two, neither would see that the other's is gone.
    """
    if not conversation_ids:
        return
    is_left = exists().where(
        questions.c.user_id == _c.user_id, questions.c.conversation_id == _c.conversation_id
    )
    own = _own(user_id, conversation_ids)
    connection.execute(delete(conversation_titles).where(*own, ~is_left))


def _own(user_id: UUID, conversation_ids: Sequence[UUID]) -> list[ColumnElement[bool]]:
    return [_c.user_id == user_id, _c.conversation_id.in_(conversation_ids)]
