"""A bound on the memory that a server's response takes in the client."""

from __future__ import annotations

from collections.abc import Iterator

from askcli.client.http.exchange import Body, Response
from askcli.contract.limits import MAX_RESPONSE_BYTES
from askcli.contract.protocol import EVENT_STREAM
from askcli.contract.shapes import Question, QuestionPage, SessionList, UsageList
from askcli.errors import BadResponse

# Of a response without a question's texts, and without a list that grows with use: an error, too.
MAX_SHORT_BYTES = 1_048_576

_LONG_SHAPES = (Question, QuestionPage, SessionList, UsageList)

_COMPRESSED = (
    "the server sent a compressed response, which was not requested; "
    "it may not be an askcli server."
)
_TOO_LARGE = "the response is larger than any of an askcli server: check --server."


def bound(response: Response, shape: type | None) -> None:
    """Bound the bytes of a response with this shape, None for a stream of events.

    Reading a success then raises BadResponse for what is larger, or compressed. Of a failure, which
    may be a gateway's page, no more is read: its status counts.
    """
    response.body = _BoundedBody(response, _most_bytes(response, shape))


def _most_bytes(response: Response, shape: type | None) -> int:
    if not response.is_success or not (shape is None or shape in _LONG_SHAPES):
        return MAX_SHORT_BYTES
    # A stream contains the answer twice: as deltas, and in its last event.
    is_stream = response.header("content-type").startswith(EVENT_STREAM)
    return MAX_RESPONSE_BYTES * (2 if is_stream else 1)


class _BoundedBody:
    def __init__(self, response: Response, most: int) -> None:
        self._body: Body = response.body
        encodings = response.header("content-encoding").lower().split(",")
        self._is_compressed = not {name.strip() for name in encodings} <= {"", "identity"}
        self._is_success = response.is_success
        self._left = most

    def __iter__(self) -> Iterator[bytes]:
        if self._is_compressed:
            if self._is_success:
                raise BadResponse(_COMPRESSED)
            return
        for chunk in self._body:
            self._left -= len(chunk)
            if self._left < 0:
                if self._is_success:
                    raise BadResponse(_TOO_LARGE)
                return
            yield chunk

    def close(self) -> None:
        self._body.close()
