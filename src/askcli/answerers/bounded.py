"""A bound on what a provider's response may make this server keep in memory.

The SDK collects a failure's body whole, however large it becomes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from askcli.errors import ProviderFailed

# Of an event, and of any other response. The text of a whole answer in one event, which some
# gateways send, is far below.
MAX_EVENT_BYTES = 4 * 1024 * 1024
TOO_LARGE = "The model's provider sent more at once than an answer can be."
_COMPRESSED = "The model's provider sent a compressed answer, unasked."


def has_events(response: httpx2.Response) -> bool:
    """Return whether the response is a stream of events."""
    content_type: str = response.headers.get("content-type", "")
    return response.is_success and "text/event-stream" in content_type


async def bound(response: httpx2.Response) -> None:
    """Bound the bytes of a response other than a stream of events, whose decoder has its own bound.

    A hook of the SDK's HTTP client. Of a failure, whose status says what may be billed, the bytes
    beyond the bound are left unread; reading them of any other response raises ProviderFailed. A
    compressed response was not asked for, and may become of any size: its bound is 0.
    """
    is_compressed = response.headers.get("content-encoding", "identity") != "identity"
    if is_compressed or not has_events(response):
        response.stream = _BoundedStream(response, is_compressed=is_compressed)


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response, *, is_compressed: bool) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._stream = response.stream
        self._is_failure = not response.is_success
        self._most, self._error = (
            (0, _COMPRESSED) if is_compressed else (MAX_EVENT_BYTES, TOO_LARGE)
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._most:
                if self._is_failure:
                    return
                raise ProviderFailed(self._error)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
