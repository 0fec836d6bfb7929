"""A bound on the memory that a server's response takes in the client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2

from askcli.contract.limits import MAX_RESPONSE_BYTES
from askcli.contract.protocol import EVENT_STREAM
from askcli.contract.shapes import Question, QuestionPage, SessionList, UsageList
from askcli.errors import BadResponse

# No compression is asked for, so that what is read is what is kept.
HEADERS = {"accept-encoding": "identity"}

# Of a response without a question's texts, and without a list that grows with use: an error, too.
MAX_SHORT_BYTES = 1_048_576

_LONG_SHAPES = (Question, QuestionPage, SessionList, UsageList)
_EXTENSION = "askcli_is_short"

_COMPRESSED = (
    "the server sent a compressed response, which was not requested; "
    "it may not be an askcli server."
)
_TOO_LARGE = "the response is larger than any of an askcli server: check --server."


def extensions(shape: type) -> dict[str, Any]:
    """Return the extensions of a request whose response has the shape, for `bound`."""
    return {_EXTENSION: shape not in _LONG_SHAPES}


def bound(response: httpx2.Response) -> None:
    """Bound the bytes of a response: a hook of the HTTP client.

    Reading a success then raises BadResponse for what is larger, or compressed. Of a failure, which
    may be a gateway's page, no more is read: its status counts.
    """
    response.stream = _BoundedStream(response)


def _most_bytes(response: httpx2.Response) -> int:
    if not response.is_success or response.request.extensions.get(_EXTENSION):
        return MAX_SHORT_BYTES
    # A stream contains the answer twice: as deltas, and in its last event.
    is_stream = response.headers.get("content-type", "").startswith(EVENT_STREAM)
    return MAX_RESPONSE_BYTES * (2 if is_stream else 1)


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.SyncByteStream)
        self._stream = response.stream
        encodings = response.headers.get_list("content-encoding", split_commas=True)
        self._is_compressed = not {name.strip().lower() for name in encodings} <= {"", "identity"}
        self._is_success = response.is_success
        self._left = _most_bytes(response)

    def __iter__(self) -> Iterator[bytes]:
        if self._is_compressed:
            if self._is_success:
                raise BadResponse(_COMPRESSED)
            return
        for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0:
                if self._is_success:
                    raise BadResponse(_TOO_LARGE)
                return
            yield chunk

    def close(self) -> None:
        self._stream.close()
