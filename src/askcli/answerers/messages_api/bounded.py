"""Bounds on what a provider's response may make this server keep in memory, and do at a time.

The SDK collects a failure's body whole, however large it becomes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

import httpx2

from askcli.errors import ProviderFailed

# Of an event, and of any other response. The text of a whole answer in one event, which some
# gateways send, is far below.
MAX_EVENT_BYTES = 4 * 1024 * 1024
# Of a failure, whose type is all that is used; the SDK parses the first one without a bound.
MAX_FAILURE_BYTES = 65_536
# Outside of the strings of an event or of a failure; a hundred results of a search have a tenth.
MAX_STRUCTURE_CHARACTERS = 32_768
# Read at a time: some forty events of the smallest kind that costs anything.
PART_BYTES = 4_096
TOO_LARGE = "The model's provider sent more at once than an answer can be."
_COMPRESSED = "The model's provider sent a compressed answer, unasked."


def has_events(response: httpx2.Response) -> bool:
    """Return whether the response is a stream of events."""
    content_type: str = response.headers.get("content-type", "")
    return response.is_success and "text/event-stream" in content_type


def is_page(response: httpx2.Response) -> bool:
    """Return whether the response is a page for people, such as a gateway's."""
    return "text/html" in response.headers.get("content-type", "").lower()


async def bound(response: httpx2.Response) -> None:
    """Bound the bytes of a response other than a stream of events, whose decoder has its own bound.

    A hook of the SDK's HTTP client. Of a failure, whose status says what may be billed, the bytes
    beyond the bound are left unread; reading them of any other response raises ProviderFailed. A
    compressed response was not asked for, and may become of any size: its bound is 0.
    """
    is_compressed = response.headers.get("content-encoding", "identity") != "identity"
    if is_compressed or not has_events(response):
        response.stream = _BoundedStream(response, is_compressed=is_compressed)


async def parts(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """Yield the body in parts, and let other tasks run after each `PART_BYTES`.

    To read what has been received already suspends nothing, and the more there is of it, the longer
    the others wait.
    """
    size = 0
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    # Its `aiter_raw` is this with a count.
    async with aclosing(cast(AsyncGenerator[bytes, None], aiter(response.stream))) as chunks:
        async for chunk in chunks:
            for start in range(0, len(chunk), PART_BYTES):
                part = chunk[start : start + PART_BYTES]
                yield part
                size += len(part)
                if size >= PART_BYTES:
                    size = 0
                    await asyncio.sleep(0)


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response, *, is_compressed: bool) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._stream = response.stream
        self._is_failure = not response.is_success
        most = MAX_FAILURE_BYTES if self._is_failure else MAX_EVENT_BYTES
        self._most, self._error = (0, _COMPRESSED) if is_compressed else (most, TOO_LARGE)

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
