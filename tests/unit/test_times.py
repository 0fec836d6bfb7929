"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from askcli.cli.input import times
from askcli.errors import Misused


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("30min", timedelta(minutes=30)),
        ("36h", timedelta(hours=36)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_a_time_ago(text: str, ago: timedelta) -> None:
    parsed = datetime.fromisoformat(times.parse(text, "--since"))
    assert timedelta(0) <= datetime.now(UTC) - ago - parsed < timedelta(seconds=30)


def test_a_time_by_name_is_local_unless_it_has_a_zone() -> None:
    assert times.parse("2020-01-31T10:00:00Z", "--since") == "2020-01-31T10:00:00Z"
    assert times.parse("2020-01-31T10:00:00+02:00", "--since") == "2020-01-31T08:00:00Z"
    local = datetime(2020, 1, 31).astimezone(UTC)
    assert datetime.fromisoformat(times.parse("2020-01-31", "--since")) == local


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2x", "-1d", "2020-13-01", "99999999999d", "999999w", "٣d"]
)
def test_what_is_no_time_is_refused_with_the_flag(text: str) -> None:
    with pytest.raises(Misused, match="--since"):
        times.parse(text, "--since")
