"""The deadline of a command, and deadlines within it."""

from __future__ import annotations

import signal

import pytest

from askcli.client.http.deadline import within
from askcli.errors import TimedOut

OUTER, INNER = TimedOut("outer"), TimedOut("inner")


def seconds_left() -> float:
    return signal.getitimer(signal.ITIMER_REAL)[0]


@pytest.mark.parametrize("inner_seconds", [None, 900, 300])
def test_the_earlier_of_two_deadlines_ends_the_inner_block_with_its_error(
    inner_seconds: float | None,
) -> None:
    with pytest.raises(TimedOut, match="inner"), within(600, OUTER), within(inner_seconds, INNER):
        assert 0 < seconds_left() <= min(600, inner_seconds or 600)
        signal.raise_signal(signal.SIGALRM)
    assert seconds_left() == 0


def test_the_outer_deadline_stays_after_an_inner_one() -> None:
    with pytest.raises(TimedOut, match="outer"), within(600, OUTER):
        with within(300, INNER):
            pass
        assert 300 < seconds_left() <= 600
        signal.raise_signal(signal.SIGALRM)


def test_no_limit_is_none() -> None:
    with within(None, OUTER):
        assert seconds_left() == 0
