"""Queries on a user's questions before a time, which are found by a reader and then deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, and_, delete, select

from askcli.store.queries import own_range, sizes, usage
from askcli.store.tables import questions

# Those that are being answered stay, and those whose cost is not settled yet.
HAS_ENDED = and_(questions.c.status != "answering", ~usage.is_reserved(questions.c.id))


def ids(connection: Connection, user_id: UUID, until: datetime, limit: int) -> list[UUID]:
    """Return the first of the user's questions that were asked before `until` and have ended.

    At most `limit`; fewer where they are long, whose deletion takes time.
    """
    c = questions.c
    key, own = own_range.of(connection.dialect.name, frozenset())
    query = select(c.id, sizes.of_texts(connection.dialect.name)).where(*own, c.created_at < until)
    oldest = query.where(HAS_ENDED).order_by(*key).limit(limit)
    # Not all at once: where SQLite reads a row's time it reads through the texts before it.
    with connection.execute(oldest, {"user_id": user_id}) as candidates:
        return sizes.fitting(candidates, sizes.MAX_DELETED_BYTES)


def remove(connection: Connection, user_id: UUID, those: Sequence[UUID]) -> int:
    """Delete these questions of the user; return how many.

    Not those that were started again meanwhile.
    """
    c = questions.c
    statement = delete(questions).where(c.user_id == user_id, c.id.in_(those), HAS_ENDED)
    return connection.execute(statement).rowcount
