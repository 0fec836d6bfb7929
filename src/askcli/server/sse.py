"""Server-sent events of an answer: one JSON object in each `data:`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager
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
from askcli.services.auth.authentication import WATCH_SECONDS, Watch
from askcli.services.runs.stream import AnswerStream

PING_SECONDS = 15.0

Watching = AbstractContextManager[Watch]


def wants_stream(accept: str | None) -> bool:
    """Whether the Accept header asks for an event stream rather than JSON."""
    return any(
        part.partition(";")[0].strip().lower() == EVENT_STREAM for part in (accept or "").split(",")
    )


def stream(
    answer: AnswerStream, watching: Watching, request_id: str, after: int, *, status: int
) -> EventSourceResponse:
    """Return the events of an answer, its text from character `after` on.

    The stream ends with an error when the reader's session or token ends.
    """
    # Proxies (nginx and its kin) would otherwise hold the events back to fill a buffer.
    headers = {"x-accel-buffering": "no", "cache-control": "no-store"}
    return EventSourceResponse(
        _events(answer, watching, request_id, after), headers=headers, status_code=status
    )


async def _events(
    answer: AnswerStream, watching: Watching, request_id: str, sent: int
) -> AsyncIterator[bytes]:
    try:
        with watching as watch:
            yield _event(EVENT_QUESTION, answer.question)
            silent_seconds = 0.0
            async for text in answer.follow(sent, silence=WATCH_SECONDS):
                watch.check()
                sent += len(text)
                silent_seconds = 0.0 if text else silent_seconds + WATCH_SECONDS
                if text:
                    yield _event(EVENT_DELTA, Delta(text=text), str(sent))
                elif silent_seconds >= PING_SECONDS:
                    silent_seconds = 0.0
                    yield KEEPALIVE_COMMENT
            if answer.error is not None:
                raise answer.error
            yield _event(EVENT_DONE, answer.question, str(sent))
    except AskcliError as error:
        yield _event(EVENT_ERROR, to_problem(error, request_id), str(sent))


def _event(name: str, data: Mapping[str, Any], id_: str | None = None) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False), id=id_)
