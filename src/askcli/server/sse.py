"""Server-sent events of an answer: one JSON object in each `data:`."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from askcli.contract.protocol import (
    EVENT_DELTA,
    EVENT_DONE,
    EVENT_ERROR,
    EVENT_QUESTION,
    EVENT_STREAM,
)
from askcli.contract.shapes import Delta
from askcli.errors import AskcliError
from askcli.problems import to_problem
from askcli.services.auth.watches import Watch
from askcli.services.runs.stream import AnswerStream

PING_SECONDS = 15.0

_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def wants_stream(accept: str | None) -> bool:
    """Whether the Accept header names event streams, and prefers JSON to them by no q-value."""
    ranges = _media_ranges(accept or "")
    stream = ranges.get(EVENT_STREAM, 0.0)
    json_ranges = ("application/json", "application/*", "*/*")  # the nearest one counts
    other = next((ranges[name] for name in json_ranges if name in ranges), 0.0)
    return stream > 0 and stream >= other


def _media_ranges(accept: str) -> dict[str, float]:
    """Parse the media ranges with their q-values (RFC 9110, 12.4.2); a q that is none is 0."""
    ranges: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (field.strip() for field in part.split(";"))
        values = [value for field in parameters if (value := field.removeprefix("q=")) != field]
        quality = values[0] if values else "1"
        ranges[name] = float(quality) if _QUALITY.fullmatch(quality) else 0.0
    return ranges


def stream(
    answer: AnswerStream, watch: Watch, request_id: str, after: int = 0
) -> EventSourceResponse:
    """Return the events of an answer, its text from character `after` on.

    The stream ends with an error when the reader's session or token ends.
    """
    # Proxies (nginx and its kin) would otherwise hold the events back to fill a buffer.
    headers = {"x-accel-buffering": "no", "cache-control": "no-store"}
    return EventSourceResponse(_events(answer, watch, request_id, after), headers=headers)


async def _events(
    answer: AnswerStream, watch: Watch, request_id: str, sent: int
) -> AsyncIterator[bytes]:
    try:
        with answer.followed():  # also while a slow reader takes the question
            yield _event(EVENT_QUESTION, answer.question)
            watch.call_at_end(answer.wake)
            watch.check()
            async for text in answer.follow(sent, silence=PING_SECONDS):
                watch.check()
                sent += len(text)
                yield (
                    _event(EVENT_DELTA, Delta(text=text), str(sent)) if text else KEEPALIVE_COMMENT
                )
        if answer.error is not None:
            raise answer.error
        yield _event(EVENT_DONE, answer.question, str(sent))
    except AskcliError as error:
        yield _event(EVENT_ERROR, to_problem(error, request_id), str(sent))


def _event(name: str, data: Mapping[str, Any], id_: str | None = None) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False), id=id_)
