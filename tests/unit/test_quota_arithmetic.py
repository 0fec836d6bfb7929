"""Quotas: the user's own limits over the server's, and the periods in which they count."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from askcli.services.usage.quotas import (
    UNLIMITED,
    Quota,
    columns,
    dollars,
    from_settings,
    periods,
)
from askcli.settings import Settings

NAMES = ("tokens_day", "tokens_month", "usd_day", "usd_month")


def user(**own: float | None) -> dict[str, float | None]:
    """A user's row as the database has it."""
    return dict.fromkeys(map("quota_{}".format, NAMES)) | columns(own)


def test_a_users_own_limit_replaces_the_servers() -> None:
    servers = Quota(tokens_day=100, usd_month=5)
    assert servers.of(user()) == servers
    assert servers.of(user(tokens_day=7)) == Quota(tokens_day=7, usd_month=5)
    assert servers.of(user(usd_day=0)) == Quota(tokens_day=100, usd_day=0, usd_month=5)


def test_unlimited_lifts_the_servers_limit_and_none_restores_it() -> None:
    servers = Quota(tokens_day=100)
    assert servers.of(user(tokens_day=UNLIMITED)) == Quota()
    assert servers.of(user(tokens_day=None)) == servers


def test_the_servers_quota_is_in_its_settings() -> None:
    settings = Settings(
        quota_tokens_day=1, quota_tokens_month=2, quota_usd_day=3, quota_usd_month=4
    )
    assert from_settings(settings) == Quota(1, 2, 3, 4)
    assert from_settings(Settings()) == Quota()


@pytest.mark.parametrize(
    ("timestamp", "day", "month"),
    [
        ((2026, 3, 31, 23, 59, 59, 5), (2026, 3, 31), (2026, 3, 1)),
        ((2026, 1, 1, 0, 0, 0, 0), (2026, 1, 1), (2026, 1, 1)),
        ((2028, 2, 29, 12, 0, 0, 0), (2028, 2, 29), (2028, 2, 1)),
    ],
)
def test_a_day_and_a_month_begin_at_midnight_in_utc(
    timestamp: tuple[int, int, int, int, int, int, int],
    day: tuple[int, int, int],
    month: tuple[int, int, int],
) -> None:
    starts = tuple(start for start, _ in periods(datetime(*timestamp, tzinfo=UTC)))
    assert starts == (datetime(*day, tzinfo=UTC), datetime(*month, tzinfo=UTC))


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "$0.00"),
        (2.5, "$2.50"),
        (1234567.0, "$1,234,567.00"),
        (0.005, "$0.005"),
        (1e-7, "$0.0000001"),
        (12.3456, "$12.3456"),
    ],
)
def test_a_quota_below_a_cent_is_told_whole(amount: float, shown: str) -> None:
    assert dollars(amount) == shown
