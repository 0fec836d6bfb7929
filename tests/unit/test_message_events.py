"""A provider's events in any order: the answer is right, or it is not taken for whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies

from askcli.answerers.base import Begin, Finish
from askcli.answerers.messages_api.message_events import MessageEvents
from askcli.errors import Interrupted, ProviderFailed


def event(**fields: Any) -> dict[str, Any]:
    """An event as it comes."""
    return fields


def block(index: int, *pieces: str) -> list[Any]:
    """A block of text."""
    text = {"type": "text", "text": ""}
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return [
        event(type="content_block_start", index=index, content_block=text),
        *(event(type="content_block_delta", index=index, delta=delta) for delta in deltas),
        event(type="content_block_stop", index=index),
    ]


MESSAGE = {"model": "m", "usage": {"input_tokens": 3}}
EVENTS = [
    event(type="message_start", message=MESSAGE),
    *block(0, "a", "b"),
    *block(1, "c"),
    event(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7}),
    event(type="message_stop"),
]


def answer(events: list[Any]) -> tuple[str, Finish]:
    """The text and the finish of an answer with these events."""
    reader = MessageEvents("asked")
    pieces = [reader.read(event) for event in events]
    return "".join(piece for piece in pieces if isinstance(piece, str)), reader.finish()


def test_events_in_their_order_are_an_answer() -> None:
    assert answer(EVENTS) == ("abc", Finish("end_turn", "m", 3, 7))


def test_an_unknown_event_is_skipped_and_an_open_block_may_be_started_again() -> None:
    unknown = event(type="weather_report")
    assert answer([*EVENTS[:2], unknown, EVENTS[1], *EVENTS[2:]])[0] == "abc"


@pytest.mark.parametrize(
    ("begin", "end", "reported"), [(0, 250, 250), (None, 250, 250), (250, 0, 250), (250, None, 250)]
)
def test_the_input_is_what_the_end_reports_where_that_is_more(
    begin: Any, end: Any, reported: int
) -> None:
    """Counts are cumulative. Gateways to other APIs know the input's only at the end."""
    message = MESSAGE | {"usage": {"input_tokens": begin}}
    usage = {"input_tokens": end, "output_tokens": 7}
    last = event(type="message_delta", delta={"stop_reason": "end_turn"}, usage=usage)
    events = [event(type="message_start", message=message), *EVENTS[1:-2], last, EVENTS[-1]]
    assert answer(events)[1].input_tokens == reported


PLACES = strategies.integers(0, len(EVENTS) - 1)


@given(kind=strategies.sampled_from(["drop", "repeat", "move"]), one=PLACES, other=PLACES)
def test_events_that_are_lost_repeated_or_moved(kind: str, one: int, other: int) -> None:
    events = list(EVENTS)
    moved = events[one] if kind == "repeat" else events.pop(one)
    if kind != "drop":
        events.insert(other, moved)
    # Within its block, a delta that is lost, repeated or moved cannot be told from a right one.
    if moved["type"] == "content_block_delta":
        return
    try:
        text, _ = answer(events)
    except (ProviderFailed, Interrupted):
        return
    assert text == "abc"


@pytest.mark.parametrize("count", [True, -1, 2**31, 10**400, 1.5, float("nan"), "7", None, [7]])
def test_what_is_no_count_is_none_that_was_reported(count: Any) -> None:
    message = {"model": "m", "usage": {"input_tokens": count}}
    assert MessageEvents("m").read(event(type="message_start", message=message)) == Begin("m", None)


@pytest.mark.parametrize(
    "wrong",
    [
        event(type="content_block_delta", index=1, delta={"type": "text_delta", "text": "x"}),
        event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": 7}),
        event(type="content_block_start", index=0, content_block={"type": "text", "text": "x"}),
        event(type="content_block_start", index=0, content_block={"type": "thinking"}),
        event(type="content_block_start", index=1, content_block={"type": "text", "text": None}),
        event(type="content_block_stop", index=1),
        event(type="message_start", message=MESSAGE),
    ],
)
def test_an_event_that_may_not_come_now_is_no_answer(wrong: Any) -> None:
    with pytest.raises(ProviderFailed):
        answer([*EVENTS[:2], wrong])
