"""The Accept header: who gets an event stream."""

from __future__ import annotations

import pytest

from askcli.server.sse import wants_stream


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/*", False),
        ("text/event-stream", True),
        ("Text/Event-Stream", True),
        ("text/event-stream; charset=utf-8", True),
        ("application/json;q=0.5, text/event-stream", True),
        ("text/event-streaming", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=0.001", True),
        ("text/event-stream; q=0.5, application/json", False),
        ("text/event-stream;q=0.5, application/json;q=0.4", True),
        ("text/event-stream;q=0.5, */*", False),
        ("text/event-stream;q=0.5, */*, application/json;q=0.1", True),
        ("application/json, text/event-stream", True),
        ("text/event-stream;q=many", False),
        ("text/html, " * 19 + "text/event-stream", True),
        ("text/html, " * 20 + "text/event-stream", False),  # 20 are looked at
        ("text/event-stream" + ";a=b" * 9 + ";q=0", False),
        ("text/event-stream" + ";a=b" * 10 + ";q=0", True),
    ],
)
def test_a_stream_is_for_those_who_name_it(accept: str | None, streams: bool) -> None:
    assert wants_stream(accept) == streams
