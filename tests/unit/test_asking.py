"""A question that is sent again: how often, after which pauses, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import ge
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest

from askcli.client import resume
from askcli.client.http.events import Event
from askcli.client.resume import (
    FRUITLESS_ATTEMPTS,
    LONGEST_PAUSE_SECONDS,
    LONGEST_WAIT_SECONDS,
    UNACKNOWLEDGED_ATTEMPTS,
    Asking,
)
from askcli.errors import (
    AskcliError,
    BadResponse,
    Interrupted,
    TooManyStreams,
    Unavailable,
    Unreachable,
)

FULL = TooManyStreams("All are open.", retry_after=2)
ONE, OTHER = (str(UUID(int=number)) for number in (1, 2))
QUESTION = Event("question", {"id": ONE}, 0)
# The least that the pauses may be, which double, and are random in their upper half.
PAUSES = [0.125, 0.25, 0.5, 1, 2, 4, 5, 5, 5, 5]


def problem(**fields: Any) -> Event:
    return Event("error", {"status": 503, "code": "unavailable"} | fields, 0)


class Server:
    """A server that sends these streams, or fails so, in turn; the last one for ever."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *streams: list[Event] | AskcliError
    ) -> None:
        self.pauses: list[float] = []
        self._streams = list(streams)
        monkeypatch.setattr(resume, "time", Mock(sleep=self._sleep))

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == len(PAUSES):
            raise TimeoutError

    @contextmanager
    def _stream(self, *_: Any) -> Iterator[Iterator[Event]]:
        stream = self._streams.pop(0) if len(self._streams) > 1 else self._streams[0]
        if isinstance(stream, AskcliError):
            raise stream
        yield iter(stream)

    def ask(self) -> list[Event]:
        return list(Asking(Mock(ask=self._stream, events=self._stream)).ask({}, "key"))


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


def test_a_long_wait_that_a_gateway_asks_for_is_left_to_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(monkeypatch, [QUESTION], Unreachable(retry_after=LONGEST_WAIT_SECONDS + 1))
    with pytest.raises(Unreachable):
        server.ask()
    assert len(server.pauses) == 1  # of the lost connection


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


@pytest.mark.parametrize("before", [[], [QUESTION]], ids=["", "after its question"])
def test_streams_that_bring_an_error_and_nothing_new_have_an_end(
    monkeypatch: pytest.MonkeyPatch, before: list[Event]
) -> None:
    server = Server(monkeypatch, [*before, problem()])
    with pytest.raises(Unavailable):
        server.ask()
    assert len(server.pauses) == FRUITLESS_ATTEMPTS - 1
    assert all(map(ge, server.pauses, PAUSES)), server.pauses


def test_a_question_told_again_is_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost connections have no limit once it is stored, but no more of them than of others."""
    server = Server(monkeypatch, [QUESTION])
    with pytest.raises(TimeoutError):
        server.ask()
    assert all(map(ge, server.pauses, PAUSES)), server.pauses


def test_an_outage_of_hours_has_as_many_tries_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More than a power of two has room for in a float."""
    done = Event("done", {"id": ONE, "answer": ""}, 0)
    server = Server(monkeypatch, [QUESTION], *[Unreachable()] * 1_100, [done])
    monkeypatch.setattr(resume, "time", Mock(sleep=server.pauses.append))
    assert server.ask() == [QUESTION, done]
    assert max(server.pauses) <= LONGEST_PAUSE_SECONDS


def test_text_is_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "four"
    pieces = [Event("delta", {"text": text[n]}, n + 1) for n in range(len(text))]
    streams = [
        stream
        for piece in pieces
        for stream in ([QUESTION, problem()], [QUESTION, piece, problem()])
    ]
    done = Event("done", {"id": ONE, "answer": text}, 4)
    server = Server(monkeypatch, *streams, [QUESTION, done])
    assert server.ask() == [QUESTION, *pieces, done]
    assert max(server.pauses) < 1


@pytest.mark.parametrize("has_begun", [True, False], ids=["in its stream", "in its place"])
def test_an_error_of_another_question_is_none_of_this_one(
    monkeypatch: pytest.MonkeyPatch, has_begun: bool
) -> None:
    own, other = (problem(code="interrupted", question_id=id_) for id_ in (ONE, OTHER))
    assert Server(monkeypatch, [QUESTION, own]).ask() == [QUESTION, own]
    streams = [[QUESTION, other]] if has_begun else [[QUESTION], Interrupted(question_id=OTHER)]
    with pytest.raises(BadResponse) as raised:
        Server(monkeypatch, *streams).ask()
    assert raised.value.question_id is None
