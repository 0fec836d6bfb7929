"""Queries on usage: what questions cost their users."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    RowMapping,
    case,
    cast,
    func,
    insert,
    select,
    update,
)

from askcli.store.tables import questions, usage


def reserve(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert what a question may cost."""
    connection.execute(insert(usage).values(**values, settled=False))


def settle(connection: Connection, question_id: UUID, values: Mapping[str, Any]) -> None:
    """Put what a question has cost in the place of what it might have."""
    open_ = update(usage).where(usage.c.question_id == question_id, usage.c.settled.is_(False))
    connection.execute(open_.values(**values, settled=True))


def spent(connection: Connection, user_id: UUID, day: datetime, month: datetime) -> RowMapping:
    """What the user has spent or reserved since the day and since the month began.

    `tokens_day`, `tokens_month`, `usd_day`, `usd_month`.
    """
    tokens, cost = usage.c.input_tokens + usage.c.output_tokens, usage.c.cost_usd
    today = usage.c.created_at >= day
    sums = select(
        *(
            # PostgreSQL's sum of whole numbers is a decimal one.
            cast(func.coalesce(func.sum(amount), 0), kind).label(name)
            for name, amount, kind in (
                ("tokens_day", case((today, tokens), else_=0), BigInteger),
                ("tokens_month", tokens, BigInteger),
                ("usd_day", case((today, cost), else_=0), Float),
                ("usd_month", cost, Float),
            )
        )
    )
    own = sums.where(usage.c.user_id == user_id, usage.c.created_at >= month)
    return connection.execute(own).mappings().one()


def reserved(connection: Connection, question_id: UUID) -> RowMapping | None:
    """What a question reserved, None when that is settled."""
    found = select(usage).where(usage.c.question_id == question_id, usage.c.settled.is_(False))
    return connection.execute(found).mappings().first()


def unfinished(connection: Connection, question_id: UUID) -> RowMapping | None:
    """What an unsettled question reserved, and the text of its answer so far."""
    joined = select(usage, questions.c.answer).join(
        questions, questions.c.id == usage.c.question_id
    )
    found = joined.where(usage.c.question_id == question_id, usage.c.settled.is_(False))
    return connection.execute(found).mappings().first()
