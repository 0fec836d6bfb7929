"""Times, counts and ids as tables show them to people."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest

from askcli.cli.input import question_ids
from askcli.cli.input import times as typed
from askcli.cli.output import times
from askcli.cli.output.numbers import counted, rounded
from tests.support.local_zones import local_zone
from tests.support.screen import Output, Terminal

# A Thursday, in Berlin 18:46.
NOW = datetime(2026, 11, 26, 17, 46, 52, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        ("2026-11-26T17:46:00Z", "just now"),
        ("2026-11-26T17:45:52Z", "1 min ago"),
        ("2026-11-26T16:46:53Z", "59 min ago"),
        ("2026-11-26T16:46:52Z", "1 h ago"),
        ("2026-11-25T23:01:00Z", "18 h ago"),  # since 0:01
        ("2026-11-25T22:59:00Z", "yesterday"),  # at 23:59
        ("2026-11-24T23:00:00Z", "yesterday"),
        ("2026-11-24T22:59:59Z", "2 days ago"),
        ("2026-11-20T12:00:00Z", "6 days ago"),
        ("2026-11-19T12:00:00Z", "2026-11-19"),
        ("0999-12-31T12:00:00Z", "0999-12-31"),
        ("2026-11-26T17:47:30Z", "just now"),  # by a clock that is a little ahead
        ("2026-12-31T23:30:00Z", "2027-01-01"),
    ],
)
def test_a_table_says_how_long_ago_it_was(
    monkeypatch: pytest.MonkeyPatch, timestamp: str, shown: str
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    with local_zone("Europe/Berlin"):
        assert times.ago(timestamp, NOW) == shown
    assert len(shown) <= times.WIDTH


def test_hours_are_counted_across_midnight_and_changes_of_the_clocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    with local_zone("Europe/Berlin"):
        at_night = datetime(2026, 11, 25, 23, 10, tzinfo=UTC)  # 0:10
        assert times.ago("2026-11-25T22:55:00Z", at_night) == "15 min ago"
        assert times.ago("2026-11-25T18:00:00Z", at_night) == "5 h ago"
        # A day of 25 hours.
        assert times.ago("2026-10-24T22:30:00Z", datetime(2026, 10, 25, 22, 45, tzinfo=UTC)) == (
            "24 h ago"
        )
        assert times.in_full("2026-10-25T00:30:00.123456Z") == "2026-10-25 02:30:00+02:00"
        assert times.in_full("2026-10-25T01:30:00Z") == "2026-10-25 02:30:00+01:00"


def test_what_a_table_says_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    for minutes in (1, 59, 60, 700, 2000, 4000, 9000, 99_999):
        shown = times.ago((NOW - timedelta(minutes=minutes)).isoformat(), NOW)
        assert typed.parse(shown, "--since", NOW) < NOW.isoformat(), shown
    in_full = times.in_full("2026-10-25T00:30:00Z")
    assert typed.parse(in_full, "--since", NOW) == "2026-10-25T00:30:00Z"


def test_times_stay_as_they_are_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Output())
    for show in (times.ago, times.in_full):
        assert show("2026-10-25T00:30:00.123456Z") == "2026-10-25T00:30:00.123456Z"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (1, "1 token"),
        (12_345, "12,345 tokens"),
        (999_999, "999,999 tokens"),
        (1_000_000, "1.0 M tokens"),
        (1_249_999, "1.2 M tokens"),
        (999_949_999, "999.9 M tokens"),
        (999_950_000, "1.0 B tokens"),
        (-(2**53), "-9,007.2 T tokens"),
        (10**400, f"{10**388:,}.0 T tokens"),
    ],
)
def test_a_table_rounds_long_figures(count: int, shown: str) -> None:
    assert rounded(count, "token") == shown
    assert counted(count, "token").replace(",", "") in (f"{count} token", f"{count} tokens")


def test_ids_are_as_short_as_they_are_unique_and_end_with_a_digit() -> None:
    ids = [
        "01a21902-41f3-723e-882d-d62f91249ebb",
        "01a21902-51f3-723e-882d-d62f91249ebb",
        "01a21903-41f3-723e-882d-d62f91249ebb",
        "01a21904-41f3-723e-882d-d62f91249ebb",
        "01a21904-41f3-823e-882d-d62f91249ebb",
        "01a21904-41f3-824e-882d-d62f91249ebb",
    ]
    shortened = question_ids.shortened(ids, question_ids.MINUTE_DIGITS)
    assert [shortened[id_] for id_ in ids] == [
        "01a21902-4",
        "01a21902-5",
        "01a21903",
        "01a21904-41f3-7",
        "01a21904-41f3-823",
        "01a21904-41f3-824",
    ]
    assert set(map(len, question_ids.shortened(ids[:3]).values())) == {13}
    assert question_ids.shortened(ids[:1] * 2) == {ids[0]: ids[0]}  # by a server that is wrong
