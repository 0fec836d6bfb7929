"""Server-sent events of an answer: one JSON object in each `data:`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

import orjson
from fastapi import Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse
from starlette.types import Receive, Scope, Send

from askcli.contract.protocol import (
    EVENT_DELTA,
    EVENT_DONE,
    EVENT_ERROR,
    EVENT_QUESTION,
    EVENT_STREAM,
)
from askcli.contract.shapes import Delta
from askcli.errors import AskcliError
from askcli.metrics import names
from askcli.problems import to_problem
from askcli.server.streamed import StreamedBody, hand_over
from askcli.services.auth.watches import CallerLeft, Watch
from askcli.services.runs.open_streams import OpenStream
from askcli.services.runs.stream import AnswerStream

PING_SECONDS = 15.0
MAX_RANGES = 20  # of an Accept header
MAX_PARAMETERS = 10  # of a media range

_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def wants_stream(accept: str | None) -> bool:
    """Whether the Accept header names event streams, and prefers JSON to them by no q-value."""
    ranges = _media_ranges(accept or "")
    stream = ranges.get(EVENT_STREAM, 0.0)
    json_ranges = ("application/json", "application/*", "*/*")  # the nearest one counts
    other = next((ranges[name] for name in json_ranges if name in ranges), 0.0)
    return stream > 0 and stream >= other


def _media_ranges(accept: str) -> dict[str, float]:
    """Parse the media ranges with their q-values (RFC 9110, 12.4.2); an invalid q is 0.

    Of very many ranges, or parameters of one, the first are looked at.
    """
    ranges: dict[str, float] = {}
    for part in accept.lower().split(",", MAX_RANGES)[:MAX_RANGES]:
        fields = part.split(";", MAX_PARAMETERS + 1)[: MAX_PARAMETERS + 1]
        name, *parameters = (field.strip() for field in fields)
        values = [value for field in parameters if (value := field.removeprefix("q=")) != field]
        quality = values[0] if values else "1"
        ranges[name] = float(quality) if _QUALITY.fullmatch(quality) else 0.0
    return ranges


class _Events(EventSourceResponse):
    """The response of an event stream, counted until it is sent."""

    def __init__(self, events: AsyncIterator[bytes], counted: OpenStream) -> None:
        # Proxies (nginx and its kin) would otherwise hold the events back to fill a buffer.
        headers = {"x-accel-buffering": "no", "cache-control": "no-store"}
        super().__init__(events, headers=headers)
        self._body = StreamedBody(events)
        self._body.keep(counted)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        # The watch tells the events of the client's end: Starlette waits for it in another task.
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
        except BaseException:
            self._body.close()
            raise
        hand_over(scope, self._body)


def stream(
    answer: AnswerStream, watch: Watch, request_id: str, after: int = 0, *, counted: OpenStream
) -> Response:
    """Return the events of an answer, its text from character `after` on.

    The stream ends with an error when the reader's session or token ends. `counted` is left when
    it is sent.
    """
    return _Events(_events(answer, watch, request_id, after), counted)


async def _events(
    answer: AnswerStream, watch: Watch, request_id: str, sent: int
) -> AsyncIterator[bytes]:
    try:
        with answer.followed():  # also while a slow reader takes the question
            watch.call_at_end(answer.wake)
            watch.check()
            yield _event(EVENT_QUESTION, answer.question)
            watch.check()
            async for text in answer.follow(sent, silence=PING_SECONDS):
                watch.check()
                piece = sent, sent + len(text)
                sent = piece[1]
                yield answer.once(piece, partial(_delta, text, sent)) if text else KEEPALIVE_COMMENT
        if answer.error is not None:
            raise answer.error.copy()
        yield _event(EVENT_DONE, answer.question, sent)
    except CallerLeft:
        return
    except AskcliError as error:
        names.PROBLEMS.add(error.code)
        yield _event(EVENT_ERROR, to_problem(error, request_id), sent)


def _delta(text: str, sent: int) -> bytes:
    return _event(EVENT_DELTA, Delta(text=text), sent)


def _event(name: str, data: Mapping[str, Any], sent: int | None = None) -> bytes:
    id_ = b"" if sent is None else b"id: %d\n" % sent
    content = orjson.dumps(data, option=orjson.OPT_UTC_Z)
    return b"event: %b\ndata: %b\n%b\n" % (name.encode(), content, id_)
