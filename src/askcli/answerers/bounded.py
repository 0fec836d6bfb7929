"""A bound on what a provider's response may make this server keep in memory.

The SDK collects an event until its end, and a failure's body whole, however large they become.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from askcli.errors import ProviderFailed

# The text of a whole answer in one event, which some gateways send, is far below.
MAX_EVENT_BYTES = 4 * 1024 * 1024
_TOO_LARGE = "The model's provider sent more at once than an answer can be."
_ENDS_OF_EVENT = (b"\n\n", b"\r\r", b"\r\n\r\n")
_LONGEST_END = 4


async def bound(response: httpx2.Response) -> None:
    """Bound the bytes of each event of a response, or of the whole of any other response.

    A hook of the SDK's HTTP client. Reading the response then raises ProviderFailed for what is
    larger, and for a compressed response: it was not asked for, and may become of any size.
    """
    response.stream = _BoundedStream(response)


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._stream = response.stream
        self._encoding = response.headers.get("content-encoding", "identity")
        has_events = "text/event-stream" in response.headers.get("content-type", "")
        self._ends = _ENDS_OF_EVENT if has_events else ()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._encoding != "identity":
            raise ProviderFailed("The model's provider sent a compressed answer, unasked.")
        size, last = 0, b""
        async for chunk in self._stream:
            window = last + chunk
            ends = [at + len(end) for end in self._ends if (at := window.rfind(end)) >= 0]
            size = len(window) - max(ends) if ends else size + len(chunk)
            if size > MAX_EVENT_BYTES:
                raise ProviderFailed(_TOO_LARGE)
            last = window[1 - _LONGEST_END :]
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
