"""An answer from the bytes of a response: the same however they arrive, and never anything else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askcli.answerers.base import Begin, Finish, Piece, Spent
from askcli.answerers.messages_api import failures
from askcli.answerers.messages_api.answer_reader import AnswerReader
from askcli.answerers.messages_api.message_events import MAX_BLOCKS
from askcli.contract import bounded_json
from askcli.errors import AskcliError, Interrupted, ProviderFailed, ProviderOverloaded
from tests.support.responses import response


def event(type_: str, **fields: Any) -> bytes:
    """An event as the provider sends it."""
    data = json.dumps({"type": type_} | fields, ensure_ascii=False)
    return f"event: {type_}\ndata: {data}\n\n".encode()


def delta(text: str) -> bytes:
    """An event of text."""
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def thinking(text: str, index: int = 0) -> bytes:
    """An event of thinking."""
    thought = {"type": "thinking_delta", "thinking": text}
    return event("content_block_delta", index=index, delta=thought)


def block(kind: Any = "text", index: Any = 0) -> bytes:
    """The start of a block."""
    return event("content_block_start", index=index, content_block={"type": kind, "text": ""})


START = event("message_start", message={"model": "m", "usage": {"input_tokens": 3}})
PING = event("ping")
STOP = event("content_block_stop", index=0)
USAGE = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7})
END = event("message_stop")
ANSWER = [START, block(), PING, delta("a\n"), delta("é葛"), delta("\U0001f600"), STOP, USAGE, END]
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "SECRET"})


def new_reader() -> AnswerReader:
    """A reader of a stream of events."""
    return AnswerReader("asked", response(200, content_type="text/event-stream"))


def answer(chunks: Iterable[bytes]) -> tuple[str, Finish]:
    """The text and the finish of the answer in these chunks."""
    reader = new_reader()
    pieces = [piece for chunk in chunks for piece in reader.read(chunk)]
    return "".join(piece for piece in pieces if isinstance(piece, str)), reader.finish()


@given(st.lists(st.integers(0, len(b"".join(ANSWER)))), st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_an_answer_is_the_same_wherever_its_bytes_are_cut(cuts: list[int], end: bytes) -> None:
    data = b"".join(ANSWER).replace(b"\n", end)
    places = [0, *sorted(cuts), len(data)]
    text, finish = answer(data[start:stop] for start, stop in pairwise(places))
    assert (text, finish) == ("a\né葛\U0001f600", Finish("end_turn", "m", 3, 7))


def test_half_a_character_is_a_piece() -> None:
    """As JSON has it in an escape, whose other half the next event may have."""
    reader = new_reader()
    assert [*reader.read(START + block())]
    for half in ("\ud83d", "\ude00"):
        data = {"index": 0, "delta": {"type": "text_delta", "text": half}}
        text = json.dumps({"type": "content_block_delta"} | data)
        assert [*reader.read(f"event: content_block_delta\ndata: {text}\n\n".encode())] == [half]


def test_a_chunk_has_three_pieces_at_most_whatever_its_events() -> None:
    chunk = b"".join([START, block("thinking"), thinking("ab"), thinking("c")])
    assert list(new_reader().read(chunk)) == [Begin("m", 3), Spent(True, None)]
    chunk = b"".join([START, block(), delta("a"), PING, delta("b"), STOP, USAGE, END])
    assert list(new_reader().read(chunk)) == [Begin("m", 3), Spent(False, 7), "ab"]
    thoughts = block("thinking", 1) + (thinking("x", 1) + delta("") + delta("y")) * 50
    chunk = b"".join([START, block(), thoughts])
    assert list(new_reader().read(chunk)) == [Begin("m", 3), Spent(True, None), "y" * 50]


def test_pings_and_events_without_a_name_are_no_pieces() -> None:
    """They would restart a deadline."""
    reader = new_reader()
    unnamed = delta("a").partition(b"\n")[2]
    nothing = b"event: content_block_delta\ndata:\n\n"
    assert not list(reader.read(PING + b"event: ping\ndata: {no json\n\n" + unnamed + nothing))


def test_an_unknown_event_is_a_piece_without_text() -> None:
    reader = new_reader()
    list(reader.read(START))
    assert list(reader.read(event("weather_report") * 2)) == [""]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (OVERLOADED, ProviderOverloaded),
        (b"event: error\ndata: SECRET\n\n", ProviderFailed),
        (b"event: error\ndata: " + b"[" * 100_000 + b"\n\n", ProviderFailed),
        (b"event: content_block_delta\ndata: {no json\n\n", ProviderFailed),
        (b"event: content_block_delta\ndata: " + b"[" * 100_000 + b"\n\n", ProviderFailed),
        (b"event: content_block_delta\ndata: 7\n\n", ProviderFailed),
        (b"event: content_block_delta\ndata: {}\n\n", ProviderFailed),
        (event("content_block_delta", index=0, delta={"type": "text_delta"}), ProviderFailed),
        (event("content_block_delta", index=[], delta={"type": "text_delta"}), ProviderFailed),
        (delta("x").replace(b"x", b"\xff"), ProviderFailed),
        (block("long" * 100, 1), ProviderFailed),
        (block(["list"], 1), ProviderFailed),
        *[
            (block(index=index), ProviderFailed)
            for index in ("1" * 4_000_000, 1.5, True, -1, 2**31)
        ],
        (block(index=1) + event("content_block_start", index=2, content_block={}), ProviderFailed),
    ],
)
def test_what_is_wrong_is_raised_after_the_text_before_it(
    wrong: bytes, expected: type[AskcliError]
) -> None:
    reader = new_reader()
    chunk = b"".join([START, block(), delta("so "), delta("far"), wrong, delta("lost")])
    pieces: list[Piece] = []
    with pytest.raises(Exception) as raised:  # of which kind is below
        pieces.extend(reader.read(chunk))
    assert pieces == [Begin("m", 3), "so far"]
    assert type(as_ours(raised.value)) is expected


def test_an_event_of_too_many_values_is_not_parsed() -> None:
    with pytest.raises(bounded_json.TooManyValues):
        list(new_reader().read(b"event: x\ndata: [" + b"[]," * 11_000 + b"[]]\n\n"))


def as_ours(error: Exception) -> AskcliError:
    """The error that its asker gets."""
    return error if isinstance(error, AskcliError) else failures.translate(error)


PARTS = st.sampled_from(
    [*ANSWER, OVERLOADED, thinking("x"), block("tool_use", 1), b"data: [7]\n\n"]
)


@given(st.lists(st.one_of(PARTS, st.binary(max_size=9)), max_size=20), st.data())
def test_whatever_arrives_is_an_answer_or_fails_as_documented(
    parts: list[bytes], data: st.DataObject
) -> None:
    # Late: it takes a second and a half in each of the test processes.
    from anthropic import APIStatusError

    stream = bytearray(b"".join(parts))
    for place in data.draw(st.lists(st.integers(0, max(0, len(stream) - 1)), max_size=3)):
        stream[place : place + 1] = data.draw(st.binary(max_size=3))
    try:
        answer(bytes(stream[start : start + 50]) for start in range(0, len(stream), 50))
    except (AskcliError, APIStatusError, *failures.OF_WRONG_EVENTS) as error:
        assert isinstance(as_ours(error), ProviderFailed | Interrupted)


def test_blocks_without_text_fill_no_memory() -> None:
    reader = new_reader()
    list(reader.read(START))
    for index in range(MAX_BLOCKS):
        list(reader.read(block(index=index)))
    with pytest.raises(ProviderFailed):
        list(reader.read(block(index=MAX_BLOCKS)))


@pytest.mark.parametrize(
    "after", [OVERLOADED, b"event: x\ndata: {no json\n\n", b"event: x\ndata: 7\n\n"]
)
def test_what_is_wrong_after_the_end_is_raised_and_takes_nothing_from_it(after: bytes) -> None:
    reader = new_reader()
    with pytest.raises(Exception):  # noqa: B017 - any of them
        list(reader.read(b"".join(ANSWER) + after))
    assert reader.is_complete
    assert reader.finish() == Finish("end_turn", "m", 3, 7)
