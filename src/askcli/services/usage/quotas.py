"""Quotas: how many tokens and dollars a user may spend in a day and a month (UTC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract import QuotaLeft
from askcli.errors import QuotaExceeded, Unpriced
from askcli.services.clock import now, rfc3339
from askcli.settings import Settings
from askcli.store import usage

NONE = -1  # how a user's row says that there is no quota, where the server has one


@dataclass(frozen=True, slots=True)
class Quota:
    """How much may be spent; None is without end."""

    tokens_day: int | None = None
    tokens_month: int | None = None
    usd_day: float | None = None
    usd_month: float | None = None

    def of(self, user: Mapping[Any, Any]) -> Quota:
        """This quota, the server's, with what the user's row says instead."""
        own = {name: user[f"quota_{name}"] for name in asdict(self)}
        said = {name: value for name, value in own.items() if value is not None}
        merged = asdict(self) | said
        return Quota(**{k: None if v == NONE else v for k, v in merged.items()})


def from_settings(settings: Settings) -> Quota:
    """The quota of every user for whom the host has set no other."""
    return Quota(
        settings.quota_tokens_day,
        settings.quota_tokens_month,
        settings.quota_usd_day,
        settings.quota_usd_month,
    )


def check(connection: Connection, user_id: UUID, quota: Quota, *, is_priced: bool) -> None:
    """Raises QuotaExceeded when the user has no more, or Unpriced."""
    limits = {name: limit for name, limit in asdict(quota).items() if limit is not None}
    if not limits:
        return
    if not is_priced and any(name.startswith("usd") for name in limits):
        raise Unpriced("Your quota is in dollars and this model's price is unknown; ask another.")
    day, month = beginnings(now())
    spent = usage.spent(connection, user_id, day, month)
    for name, limit in limits.items():
        if spent[name] >= limit:
            raise _exceeded(name, limit, spent[name])


def _exceeded(name: str, limit: float, used: float) -> QuotaExceeded:
    unit, _, period = name.partition("_")
    moment = now()
    resets_at = _next(moment, period)
    quota = QuotaLeft(
        unit="usd" if unit == "usd" else "tokens",
        period="day" if period == "day" else "month",
        limit=limit,
        used=used,
        left=0,
        resets_at=rfc3339(resets_at),
    )
    shown = f"${limit:,.2f}" if unit == "usd" else f"{limit:,} tokens"
    return QuotaExceeded(
        f"Your quota of {shown} a {period} is used up, answers under way included; "
        f"nothing is left until {resets_at:%Y-%m-%d %H:%M} UTC.",
        retry_after=int((resets_at - moment).total_seconds()) + 1,
        quota=dict(quota),
    )


def beginnings(moment: datetime) -> tuple[datetime, datetime]:
    """When the moment's day and its month began, in UTC."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day, day.replace(day=1)


def _next(moment: datetime, period: str) -> datetime:
    day, month = beginnings(moment)
    if period == "day":
        return day + timedelta(days=1)
    return (month + timedelta(days=32)).replace(day=1)
