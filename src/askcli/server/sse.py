"""An answer as an event stream (text/event-stream), one JSON object in each `data:`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager
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
from askcli.errors import AskcliError
from askcli.problems import to_problem
from askcli.services.auth.authentication import LOOK_SECONDS, Watch
from askcli.services.runs.run import Run

PING_SECONDS = 15.0

Watching = AbstractContextManager[Watch]


def wants_stream(accept: str | None) -> bool:
    """Whether a request's Accept header asks for the stream rather than for JSON."""
    return any(
        part.partition(";")[0].strip().lower() == EVENT_STREAM for part in (accept or "").split(",")
    )


def stream(
    run: Run, watching: Watching, request_id: str, after: int, *, status: int
) -> EventSourceResponse:
    """The run as it happens, its text from character `after` on, while its reader may read it."""
    # Proxies (nginx and its kin) would otherwise hold the events back to fill a buffer.
    headers = {"x-accel-buffering": "no", "cache-control": "no-store"}
    return EventSourceResponse(
        _events(run, watching, request_id, after), headers=headers, status_code=status
    )


async def _events(run: Run, watching: Watching, request_id: str, sent: int) -> AsyncIterator[bytes]:
    try:
        with watching as watch:
            yield _event(EVENT_QUESTION, run.question)
            silent = 0.0
            async for text in run.follow(sent, silence=LOOK_SECONDS):
                watch.check()
                sent += len(text)
                silent = 0.0 if text else silent + LOOK_SECONDS
                if text:
                    yield _event(EVENT_DELTA, Delta(text=text), str(sent))
                elif silent >= PING_SECONDS:
                    silent = 0.0
                    yield KEEPALIVE_COMMENT
            if run.error is not None:
                raise run.error
            yield _event(EVENT_DONE, run.question)
    except AskcliError as error:
        yield _event(EVENT_ERROR, to_problem(error, request_id))


def _event(name: str, data: Mapping[str, Any], id_: str | None = None) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False), id=id_)
