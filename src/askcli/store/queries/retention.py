"""Queries on questions that are kept no longer: a number of days after their end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    bindparam,
    func,
    literal,
    select,
    tuple_,
)

from askcli.store.prepared import Prepared
from askcli.store.queries import id_times, older
from askcli.store.queries.own_range import GREATEST_ID, LEAST_ID
from askcli.store.tables import questions, users

FOR_EVER = -1  # what the users table has for it

_ended_at = func.coalesce(questions.c.answered_at, questions.c.created_at)


class Keeping(NamedTuple):
    """The days for which a user's questions are kept, and their oldest question."""

    user_id: UUID
    days: int
    oldest_id: UUID

    def is_due(self, now: datetime) -> bool:
        """Whether the oldest question may have ended so many days ago."""
        return now - id_times.time_of(self.oldest_id) >= timedelta(days=self.days)


def keepings(
    connection: Connection, server_days: int | None, after: UUID | None, limit: int
) -> tuple[list[Keeping], UUID | None]:
    """Return what holds for the next users, and the last of these; None after the last user.

    Users whose questions are kept for ever, or who have none, are left out.
    """
    values = {"server_days": server_days, "after": after or LEAST_ID, "limit": limit}
    rows = _KEEPINGS.rows(connection, values)
    kept = [
        Keeping(user_id, days, oldest_id)
        for user_id, days, oldest_id in rows
        if days not in (None, FOR_EVER) and oldest_id
    ]
    return kept, rows[-1][0] if len(rows) == limit else None


def _keepings(dialect: str) -> Select[tuple[UUID, int, UUID]]:
    c = questions.c
    key = tuple_(c.user_id, c.id)
    own = [c.user_id == users.c.id]
    if dialect == "postgresql":  # see `own_range`
        ends = (tuple_(users.c.id, literal(end, c.id.type)) for end in (LEAST_ID, GREATEST_ID))
        least, greatest = ends
        own = [key >= least, key <= greatest]
    first = select(c.id).where(*own).order_by(c.user_id, c.id).limit(1).correlate(users)
    days = func.coalesce(users.c.retention_days, bindparam("server_days", type_=Integer))
    query = select(users.c.id, days.label("days"), first.scalar_subquery().label("oldest_id"))
    page = query.where(users.c.id > bindparam("after")).order_by(users.c.id)
    return page.limit(bindparam("limit", type_=Integer))


_KEEPINGS = Prepared(_keepings)


def ended(connection: Connection, user_id: UUID, before: datetime, limit: int) -> Sequence[UUID]:
    """Return the first of the user's questions that ended before.

    At most `limit`; fewer where they are long, whose deletion takes time.
    """
    # One that was asked later has not ended before.
    values = {"user_id": user_id, "last_id": id_times.last_before(before)}
    return older.first(connection, values, _ended_at < before, limit, {"last_id"})


def remove(connection: Connection, user_id: UUID, those: Sequence[UUID], before: datetime) -> int:
    """Delete those of these questions that ended before, as `older.remove`; return how many."""
    return older.remove(connection, user_id, those, _ended_at < before)
