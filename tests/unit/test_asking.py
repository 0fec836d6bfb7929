"""A question that waits for a place among the user's event streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest

from askcli.client import resume
from askcli.client.http.events import Event
from askcli.client.resume import LONGEST_PAUSE_SECONDS, UNACKNOWLEDGED_ATTEMPTS, Asking
from askcli.errors import AskcliError, BadResponse, TooManyStreams, Unreachable

FULL = TooManyStreams("All are open.", retry_after=2)


def test_waiting_for_a_stream_has_no_limit_of_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it end at a server that cannot be reached for once."""
    failures: list[AskcliError] = [FULL] * UNACKNOWLEDGED_ATTEMPTS * 2 + [Unreachable()]
    pauses: list[float] = []
    monkeypatch.setattr(resume, "time", Mock(sleep=pauses.append))
    events = [Event("question", {"id": "one"}, 0), Event("done", {"id": "one", "answer": ""}, 0)]

    @contextmanager
    def ask(*_: Any) -> Iterator[list[Event]]:
        if failures:
            raise failures.pop(0)
        yield events

    assert list(Asking(Mock(ask=ask)).ask({}, "key")) == events
    assert len(pauses) == UNACKNOWLEDGED_ATTEMPTS * 2 + 1
    assert pauses[0] == 2  # as the server asks
    assert all(2 < pause <= LONGEST_PAUSE_SECONDS for pause in pauses[6:])


@pytest.mark.parametrize("error", [Unreachable(), TooManyStreams(retry_after=301)])
def test_a_wrong_address_or_a_long_wait_is_told(
    monkeypatch: pytest.MonkeyPatch, error: AskcliError
) -> None:
    monkeypatch.setattr(resume, "time", Mock())
    with pytest.raises(type(error)):
        list(Asking(Mock(ask=Mock(side_effect=error))).ask({}, "key"))


@pytest.mark.parametrize("end", [{"answer": "half and half"}, {"id": "another"}])
def test_an_end_with_more_text_or_of_another_question_is_none(end: dict[str, str]) -> None:
    events = [
        Event("question", {"id": "one"}, 0),
        Event("delta", {"text": "half"}, 4),
        Event("done", {"id": "one", "answer": "half"} | end, 0),
    ]

    @contextmanager
    def ask(*_: Any) -> Iterator[list[Event]]:
        yield events

    with pytest.raises(BadResponse):
        list(Asking(Mock(ask=ask)).ask({}, "key"))
