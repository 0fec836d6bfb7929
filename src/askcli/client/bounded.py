"""A bound on the memory that a server's response takes in the client."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2

from askcli.contract.limits import MAX_RESPONSE_BYTES
from askcli.contract.protocol import EVENT_STREAM
from askcli.errors import BadResponse

# No compression is asked for, so that what is read is what is kept.
HEADERS = {"accept-encoding": "identity"}

_TOO_LARGE = "the response is larger than any of an askcli server: check --server."


def bound(response: httpx2.Response) -> None:
    """Bound the bytes of a response: a hook of the HTTP client.

    Reading the response then raises BadResponse for what is larger, or compressed.
    """
    response.stream = _BoundedStream(response)


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.SyncByteStream)
        self._stream = response.stream
        self._encoding = response.headers.get("content-encoding", "identity")
        # A stream contains the answer twice: as deltas, and in its last event.
        is_stream = response.headers.get("content-type", "").startswith(EVENT_STREAM)
        self._left = MAX_RESPONSE_BYTES * (2 if is_stream else 1)

    def __iter__(self) -> Iterator[bytes]:
        if self._encoding != "identity":
            raise BadResponse(
                "the server sent a compressed response, which was not requested; "
                "it may not be an askcli server."
            )
        for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0:
                raise BadResponse(_TOO_LARGE)
            yield chunk

    def close(self) -> None:
        self._stream.close()
