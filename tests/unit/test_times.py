"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from askcli.cli.input import times
from askcli.errors import Misused
from tests.support.local_zones import local_zone

# A Thursday, in Berlin 18:46.
NOW = datetime(2026, 11, 26, 17, 46, 52, tzinfo=UTC)


def local(text: str, zone: str = "Europe/Berlin", now: datetime = NOW) -> str:
    """The time in the zone, as its clocks show it, with their distance to UTC."""
    with local_zone(zone):
        return datetime.fromisoformat(times.parse(text, "--since", now)).astimezone().isoformat()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-26T18:46:52+01:00"),
        ("90s", "2026-11-26T18:45:22+01:00"),
        ("30min", "2026-11-26T18:16:52+01:00"),
        ("36h", "2026-11-25T06:46:52+01:00"),
        ("2 h ago", "2026-11-26T16:46:52+01:00"),
        ("2 hours", "2026-11-26T16:46:52+01:00"),
        ("an hour ago", "2026-11-26T17:46:52+01:00"),
        ("1 minute ago", "2026-11-26T18:45:52+01:00"),
        ("2d", "2026-11-24T18:46:52+01:00"),
        ("  2  Days  AGO ", "2026-11-24T18:46:52+01:00"),
        ("1w", "2026-11-19T18:46:52+01:00"),
        ("a month ago", "2026-10-26T18:46:52+01:00"),
        ("9 months ago", "2026-02-26T18:46:52+01:00"),
        ("2 years ago", "2024-11-26T18:46:52+01:00"),
        ("today", "2026-11-26T00:00:00+01:00"),
        ("yesterday", "2026-11-25T00:00:00+01:00"),
        ("yesterday 9:05", "2026-11-25T09:05:00+01:00"),
        ("Thursday", "2026-11-26T00:00:00+01:00"),
        ("last thursday", "2026-11-19T00:00:00+01:00"),
        ("friday", "2026-11-20T00:00:00+01:00"),
        ("last monday", "2026-11-23T00:00:00+01:00"),
        ("monday 14:30", "2026-11-23T14:30:00+01:00"),
        ("this week", "2026-11-23T00:00:00+01:00"),
        ("last week", "2026-11-16T00:00:00+01:00"),
        ("this month", "2026-11-01T00:00:00+01:00"),
        ("last month", "2026-10-01T00:00:00+02:00"),
        ("this year", "2026-01-01T00:00:00+01:00"),
        ("last year", "2025-01-01T00:00:00+01:00"),
        ("2026-11-01", "2026-11-01T00:00:00+01:00"),
        ("2026-11-01 12:00", "2026-11-01T12:00:00+01:00"),
        ("2026-07-01T12:00:00Z", "2026-07-01T14:00:00+02:00"),
        ("2026-11-01T12:00:00+05:30", "2026-11-01T07:30:00+01:00"),
    ],
)
def test_a_time_is_said_as_people_say_it(text: str, expected: str) -> None:
    assert local(text) == expected


@pytest.mark.parametrize(
    ("zone", "now", "text", "expected"),
    [
        # Forward at 2:00 on 29 March, back at 3:00 on 25 October.
        ("Europe/Berlin", "2026-03-29T10:00Z", "1d", "2026-03-28T12:00:00+01:00"),
        ("Europe/Berlin", "2026-03-29T10:00Z", "24h", "2026-03-28T11:00:00+01:00"),
        ("Europe/Berlin", "2026-10-25T10:00Z", "1 day ago", "2026-10-24T11:00:00+02:00"),
        ("Europe/Berlin", "2026-10-25T10:00Z", "24 h ago", "2026-10-24T12:00:00+02:00"),
        ("Europe/Berlin", "2026-10-26T10:00Z", "yesterday", "2026-10-25T00:00:00+02:00"),
        # There is no 2:30, and there are two.
        ("Europe/Berlin", "2026-03-30T10:00Z", "yesterday 2:30", "2026-03-29T03:30:00+02:00"),
        ("Europe/Berlin", "2026-10-26T10:00Z", "yesterday 2:30", "2026-10-25T02:30:00+02:00"),
        # Days that begin at 1:00, or twice, and one that was left out.
        ("America/Santiago", "2026-09-07T10:00Z", "yesterday", "2026-09-06T01:00:00-03:00"),
        ("America/Havana", "2026-11-02T12:00Z", "yesterday", "2026-11-01T00:00:00-04:00"),
        ("Pacific/Apia", "2011-12-31T10:00Z", "yesterday", "2011-12-31T00:00:00+14:00"),
        # Another day than in UTC.
        ("Pacific/Kiritimati", "2026-01-31T11:00Z", "today", "2026-02-01T00:00:00+14:00"),
        ("America/St_Johns", "2026-02-01T02:00Z", "this month", "2026-01-01T00:00:00-03:30"),
        # Months and years without that day.
        ("UTC", "2026-03-31T12:00Z", "1 month ago", "2026-02-28T12:00:00+00:00"),
        ("UTC", "2024-02-29T12:00Z", "1 year ago", "2023-02-28T12:00:00+00:00"),
        ("UTC", "2026-01-15T12:00Z", "last month", "2025-12-01T00:00:00+00:00"),
        ("UTC", "2026-01-01T00:00Z", "last week", "2025-12-22T00:00:00+00:00"),
    ],
)
def test_a_day_is_one_of_the_local_calendar(zone: str, now: str, text: str, expected: str) -> None:
    assert local(text, zone, datetime.fromisoformat(now)) == expected


def test_it_is_now_when_nothing_else_is_said() -> None:
    parsed = datetime.fromisoformat(times.parse("90s", "--since"))
    assert timedelta(seconds=90) <= datetime.now(UTC) - parsed < timedelta(seconds=120)
    assert times.parse("2020-01-31T10:00:00Z", "--since") == "2020-01-31T10:00:00Z"


NO_TIMES = [
    *("", "2x", "-1d", "2020-13-01", "99999999999d", "999999w", "٣d", "2m", "2 m ago", "mon"),
    *("last", "week", "next week", "tomorrow", "yesterday 25:00", "today 9", "2 h before"),
    *("h ago", "-2 h ago", "2.5 h ago", "9999 years ago", "999999 months", "1d 2h", "last 2d"),
    *("last yesterday", "today ago"),
]


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_refused_with_the_flag(text: str) -> None:
    with pytest.raises(Misused, match="--since"):
        times.parse(text, "--since", NOW)
