"""The events of an answer's stream, as the client reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from askcli.client.http.exchange import Response
from askcli.contract import bounded_json
from askcli.contract.limits import MAX_RESPONSE_BYTES
from askcli.contract.protocol import (
    EVENT_DELTA,
    EVENT_DONE,
    EVENT_ERROR,
    EVENT_QUESTION,
    EVENT_STREAM,
    parse_whole_number,
)
from askcli.contract.shapes import Delta, Question
from askcli.contract.validation import fits
from askcli.errors import AskcliError, BadResponse
from askcli.event_decoder import EventDecoder, EventTooLarge
from askcli.problems import from_problem

_SHAPES: dict[bytes, type] = {
    EVENT_QUESTION.encode(): Question,
    EVENT_DELTA.encode(): Delta,
    EVENT_DONE.encode(): Question,
    EVENT_ERROR.encode(): dict,
}


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


def read(response: Response) -> Iterator[Event]:
    """Yield the events of a response; unknown ones are skipped. Raises BadResponse."""
    media_type = response.header("content-type").partition(";")[0]
    if media_type.strip().lower() != EVENT_STREAM:
        raise BadResponse()  # a page of a proxy or a gateway
    decoder = EventDecoder(MAX_RESPONSE_BYTES)
    try:
        for chunk in response.body:
            for name, data, id_ in decoder.feed(chunk):
                if name in _SHAPES:
                    yield _parsed(name, data, id_)
    except EventTooLarge:
        raise BadResponse() from None


def _parsed(name: bytes, data: bytes, id_: bytes) -> Event:
    try:
        value = bounded_json.parse(data)
    except (ValueError, RecursionError):
        value = None
    if not fits(_SHAPES[name], value):
        raise BadResponse()
    return Event(name.decode(), value, parse_whole_number(id_.decode("ascii", "replace")) or 0)
