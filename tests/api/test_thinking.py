"""What a model thinks is billed like its text, and counted where the provider has not told."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from askcli.services.usage.metering import MESSAGE_TOKENS
from tests.support.fake_anthropic import FAULT, HOLD, FakeAnthropic
from tests.support.people import Person
from tests.support.processes import ServerProcess
from tests.support.streams import STREAM
from tests.support.usage import settled

Events = list[dict[str, Any]]

THINKING = {"type": "thinking", "thinking": "", "signature": ""}
TOOL = {"type": "tool_use", "id": "t", "name": "search", "input": {}}
DELTAS = [
    (THINKING, {"type": "thinking_delta", "thinking": "well, well " * 1000}),
    (THINKING, {"type": "signature_delta", "signature": "EqQB" * 3000}),
    (TOOL, {"type": "input_json_delta", "partial_json": "[1," * 4000}),
]


def block(kind: dict[str, Any], *deltas: dict[str, Any], index: int = 0) -> Events:
    """A block that has not stopped."""
    parts = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [{"type": "content_block_start", "index": index, "content_block": kind}, *parts]


@pytest.mark.parametrize(("kind", "delta"), DELTAS)
def test_what_is_not_text_counts_when_an_answer_is_cancelled(
    server: ServerProcess,
    alice: Person,
    fake: FakeAnthropic,
    kind: dict[str, Any],
    delta: dict[str, Any],
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "x", edit=lambda events: _held_after(events, block(kind, delta)))
    _cancelled_at_the_hold(alice, marker, max_tokens=500)
    (row,) = settled(server, alice)
    reply.release()
    assert row["output_tokens"] == 500
    assert row["cost_usd"] > 0


def test_no_answer_costs_more_than_was_reserved_where_nothing_is_reported(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    """Its text has 600 bytes, and each is a token at most; but so is `max_tokens`."""
    fake.on(marker := uuid4().hex, "long " * 120, " more", fault="end", fault_after=1)
    assert alice.ask(marker, max_tokens=50).json()["code"] == "interrupted"
    fake.on(marker, "short", " more", fault="end", fault_after=1)
    assert alice.ask(f"{marker} again", max_tokens=50).json()["code"] == "interrupted"
    counts = {row["output_tokens"] for row in settled(server, alice)}
    assert counts == {50, len("short") + MESSAGE_TOKENS}


def test_thinking_that_is_not_shown_counts_as_what_was_reserved(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "x", edit=lambda events: _held_after(events, block(THINKING)))
    _cancelled_at_the_hold(alice, marker, max_tokens=3000)
    (row,) = settled(server, alice)
    reply.release()
    assert row["output_tokens"] == 3000


@pytest.mark.parametrize(("reported", "counted"), [(2500, 2500), (1, 9)])
def test_a_report_before_a_missing_end_counts(
    server: ServerProcess, alice: Person, fake: FakeAnthropic, reported: int, counted: int
) -> None:
    """At least what the text is estimated at: the report may have come before more of it."""
    marker = uuid4().hex

    def without_end(events: Events) -> Events:
        *events, delta, _stop = _after(events, block(THINKING))
        return [*events, delta | {"usage": {"output_tokens": reported}}, FAULT]

    fake.on(marker, "x", fault="end", fault_after=1, edit=without_end)
    assert alice.ask(marker).json()["code"] == "interrupted"
    (row,) = settled(server, alice)
    assert row["output_tokens"] == counted


def _after(events: Events, hidden: Events) -> Events:
    """The events of an answer whose text comes after another block."""
    begin, *text = events
    moved = [event | {"index": 1} if "index" in event else event for event in text]
    return [begin, *hidden, {"type": "content_block_stop", "index": 0}, *moved]


def _held_after(events: Events, hidden: Events) -> Events:
    """The same, held after its text."""
    *events, _block_stop, _delta, _stop = _after(events, hidden)
    return [*events, HOLD]


def _cancelled_at_the_hold(person: Person, marker: str, max_tokens: int) -> None:
    body = {"question": marker, "max_tokens": max_tokens}
    with person.http.stream("POST", "/api/questions", json=body, headers=STREAM) as response:
        events = iter(httpx2.EventSource(response))
        question = json.loads(next(events).data)["id"]
        next(events)  # its text, and what came before it
        assert person.http.post(f"/api/questions/{question}/cancel").status_code == 200
