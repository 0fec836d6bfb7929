"""An answer as an event stream (text/event-stream), one JSON object in each `data:`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from askcli.contract import (
    EVENT_DELTA,
    EVENT_DONE,
    EVENT_ERROR,
    EVENT_QUESTION,
    EVENT_STREAM,
    Delta,
)
from askcli.server.problems import problem
from askcli.services.run import Run

PING_SECONDS = 15.0


def wants_stream(accept: str | None) -> bool:
    """Whether a request's Accept header asks for the stream rather than for JSON."""
    return any(
        part.partition(";")[0].strip().lower() == EVENT_STREAM for part in (accept or "").split(",")
    )


def stream(run: Run, request_id: str, *, after: int, status: int) -> EventSourceResponse:
    """The run as it happens, its text from character `after` on."""
    # Proxies (nginx and its kin) would otherwise hold the events back to fill a buffer.
    headers = {"x-accel-buffering": "no", "cache-control": "no-store"}
    return EventSourceResponse(_events(run, request_id, after), headers=headers, status_code=status)


async def _events(run: Run, request_id: str, sent: int) -> AsyncIterator[bytes]:
    yield _event(EVENT_QUESTION, run.question)
    async for text in run.follow(sent, silence=PING_SECONDS):
        sent += len(text)
        yield _event(EVENT_DELTA, Delta(text=text), str(sent)) if text else KEEPALIVE_COMMENT
    if run.error is None:
        yield _event(EVENT_DONE, run.question)
    else:
        yield _event(EVENT_ERROR, problem(run.error, request_id))


def _event(name: str, data: Mapping[str, Any], id_: str | None = None) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False), id=id_)
