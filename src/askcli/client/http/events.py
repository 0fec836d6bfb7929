"""The events of an answer's stream, as the client reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from askcli.contract import bounded_json
from askcli.contract.limits import MAX_RESPONSE_BYTES
from askcli.contract.protocol import (
    EVENT_DELTA,
    EVENT_DONE,
    EVENT_ERROR,
    EVENT_QUESTION,
    parse_whole_number,
)
from askcli.contract.shapes import Delta, Question
from askcli.contract.validation import fits
from askcli.errors import AskcliError, BadResponse
from askcli.problems import from_problem

_SHAPES = {EVENT_QUESTION: Question, EVENT_DELTA: Delta, EVENT_DONE: Question, EVENT_ERROR: dict}


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event: its name, its JSON data, and the characters sent up to it."""

    name: str
    data: dict[str, Any]
    characters: int

    @property
    def is_last(self) -> bool:
        """Whether it ends the stream."""
        return self.name in (EVENT_DONE, EVENT_ERROR)

    def error(self) -> AskcliError | None:
        """Return the error of an `error` event, None for other events."""
        if self.name != EVENT_ERROR:
            return None
        status = self.data.get("status")
        return from_problem(status if isinstance(status, int) else 500, self.data)


# None where the response says that there are none.
Events = Iterator[Event] | None


def read(response: httpx2.Response) -> Iterator[Event]:
    """Yield the events of a response; unknown ones are skipped. Raises BadResponse."""
    # By their standard, whatever the head says: a proxy's default, or a codec that decompresses.
    # Without the byte order mark that may be before the first.
    response.encoding = "utf-8-sig"
    for event in httpx2.EventSource(response, max_event_size=MAX_RESPONSE_BYTES):
        if event.event in _SHAPES:
            yield _parsed(event)


def _parsed(event: httpx2.ServerSentEvent) -> Event:
    try:
        data = bounded_json.parse(event.data)
    except (ValueError, RecursionError):
        data = None
    if not fits(_SHAPES[event.event], data):
        raise BadResponse()
    return Event(event.event, data, parse_whole_number(event.id) or 0)
