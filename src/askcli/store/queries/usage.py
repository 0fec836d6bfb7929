"""Queries on usage: the tokens and costs of questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    RowMapping,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    select,
    true,
    update,
)

from askcli.store.columns import UtcDateTime
from askcli.store.prepared import Prepared, PreparedChange, Record
from askcli.store.tables import questions, usage, users

# Its start, and the start of the next.
Period = tuple[datetime, datetime]


_RESERVE = PreparedChange(insert(usage))
_OF = usage.c.question_id == bindparam("question"), usage.c.settled == bindparam("is_settled")
_CHANGE = PreparedChange(update(usage).where(*_OF))
_COST = select(usage).where(*_OF)


def reserve(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a reservation: the most that a question may cost."""
    _RESERVE.run_later(connection, {**values, "settled": False})


def settle(connection: Connection, question_id: UUID, values: Mapping[str, Any]) -> bool:
    """Replace a question's reservation by its cost; False where it has none."""
    return change(connection, question_id, {**values, "settled": True}, is_settled=False)


def settle_later(connection: Connection, question_id: UUID, values: Mapping[str, Any]) -> None:
    """Do the same, with the next statement or COMMIT."""
    which = {"question": question_id, "is_settled": False}
    _CHANGE.run_later(connection, {**which, **values, "settled": True})


def change(
    connection: Connection, question_id: UUID, values: Mapping[str, Any], *, is_settled: bool
) -> bool:
    """Change a question's cost, or its reservation; False where it has only the other, or none."""
    which = {"question": question_id, "is_settled": is_settled}
    return _CHANGE.run(connection, {**which, **values}) == 1


def cost(connection: Connection, question_id: UUID, *, is_settled: bool) -> RowMapping | None:
    """Return a question's cost, or its reservation; None where it has only the other, or none."""
    which = {"question": question_id, "is_settled": is_settled}
    return connection.execute(_COST, which).mappings().first()


def is_of(connection: Connection, question_id: UUID, reserved_at: datetime) -> bool:
    """Whether a question's cost, or its reservation, is what was reserved at that time.

    Not where a later run has reserved it anew, or the deletion of the question has released it.
    """
    is_kept = usage.c.settled.is_(True) | (usage.c.input_tokens > 0)
    query = select(usage.c.question_id).where(usage.c.question_id == question_id, is_kept)
    return connection.scalar(query.where(usage.c.created_at == reserved_at)) is not None


def is_unbilled(question_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Return the condition that a question's answer has ended and has cost nothing."""
    return exists().where(
        usage.c.question_id == question_id,
        usage.c.settled.is_(True),
        usage.c.input_tokens == 0,
        usage.c.output_tokens == 0,
    )


def is_reserved(question_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Return the condition that a question's cost is not settled."""
    return exists().where(usage.c.question_id == question_id, usage.c.settled.is_(False))


def release(connection: Connection, question_id: UUID) -> None:
    """Delete a question's cost, before it is reserved anew."""
    connection.execute(delete(usage).where(usage.c.question_id == question_id))


def spent(connection: Connection, user_id: UUID, day: Period, month: Period) -> Record:
    """Return what the user has spent or reserved in the day and in the month.

    `tokens_day`, `tokens_month`, `usd_day`, `usd_month`; `rows` is how many were added up.
    """
    values = {"user_id": user_id, "day_start": day[0], "day_end": day[1]}
    values |= {"month_start": month[0], "month_end": month[1]}
    row = _SPENT.first_by_name(connection, values)
    assert row is not None, "sums are one row"
    return row


def reserved(connection: Connection, user_id: UUID, period: Period) -> RowMapping:
    """Return what answers under way have reserved in the period: `tokens_now` and `usd_now`."""
    query = select(*_sums("now")).where(usage.c.user_id == user_id, usage.c.settled.is_(False))
    return connection.execute(query.where(_within(period))).mappings().one()


def _spent() -> Select[Any]:
    # Each period by itself: to look at each row of the month for both takes twice the time.
    of_day, of_month = (
        select(*_sums(name), func.count().label(f"rows_{name}"))
        .where(usage.c.user_id == bindparam("user_id"), _within(_period(name)))
        .subquery()
        for name in ("day", "month")
    )
    rows = (of_day.c.rows_day + of_month.c.rows_month).label("rows")
    return select(of_day, of_month, rows).join_from(of_day, of_month, true())


_SPENT = Prepared(lambda _: _spent())


def _period(name: str) -> tuple[Any, Any]:
    """Return the parameters of a period."""
    start, end = (bindparam(f"{name}_{end}", type_=UtcDateTime) for end in ("start", "end"))
    return start, end


def spent_by_user(connection: Connection, day: Period, month: Period) -> dict[UUID, RowMapping]:
    """Return what `spent` does, for all users by their ids."""
    this_month = and_(usage.c.user_id == users.c.id, _within(month))
    sums = [*_sums("day", _within(day)), *_sums("month")]
    joined = select(users.c.id, *sums).outerjoin(usage, this_month).group_by(users.c.id)
    return {row["id"]: row for row in connection.execute(joined).mappings()}


def _within(period: tuple[Any, Any]) -> ColumnElement[bool]:
    """Return the condition that a question was asked in the period.

    Not what is dated after it, while the clock was ahead: that would count each day until then.
    """
    start, end = period
    return and_(usage.c.created_at >= start, usage.c.created_at < end)


def _sums(name: str, condition: ColumnElement[bool] | None = None) -> list[ColumnElement[Any]]:
    """Return the sums of what meets the condition, under the name of their period."""
    tokens, cost = usage.c.input_tokens + usage.c.output_tokens, usage.c.cost_usd
    return [
        # PostgreSQL's sum of integers is a decimal.
        cast(
            func.coalesce(
                func.sum(amount if condition is None else case((condition, amount), else_=0)), 0
            ),
            kind,
        ).label(f"{unit}_{name}")
        for unit, amount, kind in (("tokens", tokens, BigInteger), ("usd", cost, Float))
    ]


def is_queued(connection: Connection, question_id: UUID) -> bool:
    """Return whether a question was never sent; False for one that is gone.

    Until the transaction ends it is neither sent nor started again.
    """
    query = select(questions.c.is_queued).where(questions.c.id == question_id)
    return connection.execute(query.with_for_update()).scalar() or False


def by_day(
    connection: Connection,
    user_id: UUID,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Return the user's usage: `day` (2026-01-31, UTC), `model`, `questions`, tokens and cost.

    Newest day first, at most `limit`; without reservations of unfinished questions.
    """
    day = _day(connection).label("day")
    query = select(
        day,
        usage.c.model,
        func.count().label("questions"),
        cast(func.sum(usage.c.input_tokens), BigInteger).label("input_tokens"),
        cast(func.sum(usage.c.output_tokens), BigInteger).label("output_tokens"),
        func.sum(usage.c.cost_usd).label("cost_usd"),
    ).where(usage.c.user_id == user_id, usage.c.settled.is_(True))
    if since:
        query = query.where(usage.c.created_at >= since)
    if until:
        query = query.where(usage.c.created_at < until)
    grouped = query.group_by(day, usage.c.model).order_by(day.desc(), usage.c.model)
    return connection.execute(grouped.limit(limit)).mappings().all()


def _day(connection: Connection) -> ColumnElement[str]:
    """Return the expression of a row's day in UTC as text, which differs between databases."""
    if connection.dialect.name == "sqlite":
        return func.strftime("%Y-%m-%d", usage.c.created_at, type_=String)
    utc = func.timezone("UTC", usage.c.created_at)
    return func.to_char(utc, "YYYY-MM-DD", type_=String)
