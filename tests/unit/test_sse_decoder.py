"""Server-sent events, whose bytes may be cut anywhere and whose lines may end in any way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from askcli.event_decoder import EventDecoder, EventTooLarge

MOST = 4 * 1024 * 1024
BOM = "\ufeff".encode()
PARTS = [b"data", b"event", b"id", b":", b": ", b"\r", b"\n", b"\r\n", b"x", "é葛".encode(), BOM]
STREAMS = st.lists(
    st.sampled_from([*PARTS, b"\xff", b"event: a\ndata: b\n\n", b"data: c\r\rdata:d\r\n\r\n"])
).map(b"".join)
CUTS = st.lists(st.integers(0, 200))


def as_specified(stream: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """The events of a whole stream, step by step as the HTML standard has them.

    But for the id, which is that of the event alone.
    """
    name, data, id_ = b"", b"", b""
    *lines, _ = re.split(rb"\r\n|\n|\r", stream.removeprefix(BOM))
    for line in lines:
        if not line:
            if data:
                yield name, data.removesuffix(b"\n"), id_
            name, data, id_ = b"", b"", b""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value
        elif field == b"data":
            data += value + b"\n"
        elif field == b"id":
            id_ = value


@given(STREAMS, CUTS)
@example(BOM + b"data: a\n\n", [1, 2])
@example(b"data: a\n\n" + BOM + b"data: b\n\n", [9])
@example(b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", list(range(40)))
@example(b"data: a\n\n\n\ndata:  b\ndata\ndata:c\n\n: comment\n\nevent: none\n\n", [9, 10])
def test_wherever_the_bytes_are_cut_the_events_are_those_of_the_standard(
    stream: bytes, cuts: list[int]
) -> None:
    decoder = EventDecoder(MOST)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = (stream[start:end] for start, end in pairwise(places))
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    assert events == list(as_specified(stream))


def test_an_event_comes_with_the_last_byte_of_its_end() -> None:
    for end in (b"\n\n", b"\r\r", b"\n\r"):  # after CR LF CR, too, LF would belong to the CR
        decoder = EventDecoder(MOST)
        assert not list(decoder.feed(b"data: a" + end[:1]))
        assert list(decoder.feed(end[1:])) == [(b"", b"a", b"")]


@pytest.mark.parametrize("part", [b"x", b"data: x\n", b": comment\r", b"\xff" * 50_000])
def test_an_event_without_an_end_is_kept_up_to_a_bound(part: bytes) -> None:
    decoder, chunk = EventDecoder(MOST), part * (50_000 // len(part))
    assert list(decoder.feed(b"data: whole\n\n" + chunk)) == [(b"", b"whole", b"")]
    for fed in range(len(chunk), MOST - 2 * len(chunk), len(chunk)):
        assert not list(decoder.feed(chunk)), fed
    with pytest.raises(EventTooLarge):
        for _ in range(3):
            list(decoder.feed(chunk))


def test_the_events_before_one_that_is_too_large_come_first() -> None:
    events = EventDecoder(MOST).feed(b"data: whole\n\n" + b"x" * (MOST + 1))
    assert next(events) == (b"", b"whole", b"")
    with pytest.raises(EventTooLarge):
        next(events)


def test_an_event_of_very_many_lines_is_no_event() -> None:
    """A line of one byte would cost as much as one of a hundred."""
    list(EventDecoder(MOST).feed(b"data: x\n" * 4_000 + b"\n"))
    for lines in (b"data\n" * 5_000, b"\na" * 5_000 + b"\n"):
        with pytest.raises(EventTooLarge):
            list(EventDecoder(MOST).feed(lines + b"\n"))
