"""Reads one answer from the bytes of a response of the Messages API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import from_json

from askcli.answerers.base import Finish, Piece
from askcli.answerers.messages_api.bounded import (
    MAX_EVENT_BYTES,
    MAX_STRUCTURE_CHARACTERS,
    TOO_LARGE,
    has_events,
    is_page,
)
from askcli.answerers.messages_api.failures import status_error
from askcli.answerers.messages_api.message_events import NO_ANSWER, MessageEvents
from askcli.answerers.messages_api.response import Response
from askcli.contract import bounded_json
from askcli.errors import ProviderFailed
from askcli.event_decoder import EventDecoder, EventTooLarge


class AnswerReader:
    """The state of one answer while its response is read."""

    def __init__(self, model: str, response: Response) -> None:
        # A page comes from something before the provider; whatever else has a status of success may
        # be an answer in another form, which is billed.
        self.may_be_billed = not is_page(response)
        self._response = response
        self._decoder = EventDecoder(MAX_EVENT_BYTES)
        self._message = MessageEvents(model)

    @property
    def is_complete(self) -> bool:
        """Whether the end of the answer has come; nothing that follows takes anything from it."""
        return self._message.is_complete

    def read(self, chunk: bytes) -> Iterator[Piece]:
        """Yield what the events say that end in the chunk: at most a Begin, a Spent and a text.

        However many events there are, no more is yielded; an empty text is, where there is nothing
        else. Raises what is wrong with an event after what those before it say: ProviderFailed, the
        SDK's error for one that the provider reports, or any error of an event of another shape.
        """
        pieces, failure = list[Piece](), None
        try:
            for event in self._events(chunk):
                pieces.append(self._message.read(event))
        except Exception as error:  # noqa: BLE001 - raised below
            failure = error
        yield from pieces if len(pieces) == 1 else _together(pieces)
        if failure is not None:
            raise failure

    def finish(self) -> Finish:
        """Return the Finish, at the end of the response. Raises a ProviderFailed or Interrupted."""
        if not (has_events(self._response) or self._message.has_begun):
            raise ProviderFailed(NO_ANSWER, may_be_billed=self.may_be_billed)
        return self._message.finish()

    def _events(self, chunk: bytes) -> Iterator[Any]:
        try:
            for name, data, _ in self._decoder.feed(chunk):
                if name == b"error":
                    raise status_error(self._response, data)  # of an event of the stream
                # A ping is no sign that the answer goes on: no piece, and it restarts no deadline.
                if data and name not in (b"", b"ping"):
                    yield _parsed(data)
        except EventTooLarge:
            raise ProviderFailed(TOO_LARGE) from None


def _together(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the last one of each kind but texts, and all texts as one."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    said = {type(piece): piece for piece in pieces if not isinstance(piece, str)}
    yield from said.values()
    text = "".join(texts)
    if text or (texts and not said):
        yield text


def _parsed(data: bytes) -> Any:
    """Parse an event's JSON; what pydantic's parser refuses, Python's may take: half a character.

    Pydantic's takes a sixth of the time. Raises ValueError or RecursionError.
    """
    if len(data) <= MAX_STRUCTURE_CHARACTERS:
        try:
            return from_json(data, cache_strings="keys")
        except ValueError:
            pass
    return bounded_json.parse(data, MAX_STRUCTURE_CHARACTERS)
