"""Quotas: the tokens and dollars that a user may spend in a day and in a month (UTC)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import QuotaExceeded, Unpriced
from askcli.metrics import names
from askcli.problems import QuotaLeft
from askcli.services.clock import now, rfc3339
from askcli.services.shapes import DOLLAR_DECIMALS
from askcli.settings import Settings
from askcli.store.queries import usage
from askcli.store.queries.usage import Period

# Where answers under way have reserved what is left: some of them may have ended by then.
UNDER_WAY_SECONDS = 10

# A user's own quota that lifts the server's; the users table stores it as -1.
UNLIMITED = math.inf
_STORED_UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits on tokens and US dollars; None where there is no limit."""

    tokens_day: float | None = None
    tokens_month: float | None = None
    usd_day: float | None = None
    usd_month: float | None = None

    def limits(self) -> dict[str, float]:
        """Return the limits that there are, by name."""
        return {name: limit for name in _NAMES if (limit := getattr(self, name)) is not None}

    def of(self, user: Mapping[Any, Any]) -> Quota:
        """Return this quota, the server's, with the limits of the user's row in its place."""
        own = {name: limit for name in _NAMES if (limit := user[f"quota_{name}"]) is not None}
        if not own:
            return self
        return replace(self, **{k: None if v == _STORED_UNLIMITED else v for k, v in own.items()})


_NAMES = tuple(field.name for field in fields(Quota))


def columns(limits: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the values of the users table for limits by name: None is the server's own limit."""
    return {
        f"quota_{name}": _STORED_UNLIMITED if limit == UNLIMITED else limit
        for name, limit in limits.items()
    }


def from_settings(settings: Settings) -> Quota:
    """Return the quota of every user for whom the host has set no other."""
    return Quota(
        settings.quota_tokens_day,
        settings.quota_tokens_month,
        settings.quota_usd_day,
        settings.quota_usd_month,
    )


class Unchecked(Exception):
    """The user has a quota, which is to be checked by a read first."""


def check(connection: Connection, user_id: UUID, quota: Quota, *, is_priced: bool) -> int:
    """Raise QuotaExceeded when the user has spent the quota; return how many rows that has read.

    Raises Unpriced for a model without a price where the quota is in dollars.
    """
    limits = quota.limits()
    if not limits:
        return 0
    if not is_priced and any(name.startswith("usd") for name in limits):
        raise Unpriced("Your quota is in dollars and this model's price is unknown; ask another.")
    spent = usage.spent(connection, user_id, *periods(now()))
    for name, limit in limits.items():
        if spent[name] >= limit:
            raise _exceeded(connection, user_id, name, limit, spent[name])
    return int(spent["rows"])


def _exceeded(
    connection: Connection, user_id: UUID, name: str, limit: float, used: float
) -> QuotaExceeded:
    names.LIMITS.add(f"quota_{name}")
    unit, _, period = name.partition("_")
    timestamp = now()
    current = periods(timestamp)[0 if period == "day" else 1]
    until = f"nothing is left until {current[1]:%Y-%m-%d %H:%M} UTC"
    seconds = int((current[1] - timestamp).total_seconds()) + 1
    if used - usage.reserved(connection, user_id, current)[f"{unit}_now"] < limit:
        until, seconds = "ask again when one of these has ended", min(seconds, UNDER_WAY_SECONDS)
    amount = dollars(limit) if unit == "usd" else f"{limit:,} tokens"
    quota = QuotaLeft(
        unit="usd" if unit == "usd" else "tokens",
        period="day" if period == "day" else "month",
        limit=limit,
        used=round(used, DOLLAR_DECIMALS),
        left=0,
        resets_at=rfc3339(current[1]),
    )
    return QuotaExceeded(
        f"Your quota of {amount} a {period} is used up, answers under way included; {until}.",
        retry_after=seconds,
        quota=dict(quota),
    )


def dollars(amount: float) -> str:
    """Return the amount of a quota with its cents, and as much below them as it has: $0.005."""
    exact = Decimal(str(amount))
    return f"${exact:,.{max(2, -int(exact.as_tuple().exponent))}f}"


def periods(timestamp: datetime) -> tuple[Period, Period]:
    """Return the day and the month in UTC, each as its start and the start of the next."""
    day = timestamp.replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    return (day, day + timedelta(days=1)), (month, (month + timedelta(days=32)).replace(day=1))
