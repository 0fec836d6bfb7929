"""What a provider's response may fill of the memory, whatever its status and its type say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from askcli.answerers.messages_api.bounded import MAX_EVENT_BYTES, MAX_FAILURE_BYTES, bound
from askcli.errors import ProviderFailed

CHUNK = b"data: x\n\n" * 10_000


class Endless(httpx2.AsyncByteStream):
    """A body without an end, which counts what is taken of it."""

    def __init__(self) -> None:
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken < 10 * MAX_EVENT_BYTES:
            self.taken += len(CHUNK)
            yield CHUNK


def read(body: httpx2.AsyncByteStream, status: int, **headers: str) -> bytes:
    """The whole of a bounded response."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx2.Request("POST", "http://provider/v1/messages")
    response = httpx2.Response(status, headers=names, stream=body, request=request)

    async def whole() -> bytes:
        await bound(response)
        return await response.aread()

    return asyncio.run(whole())


@pytest.mark.parametrize("type_", ["text/event-stream", "text/html"])
def test_a_failure_is_read_up_to_a_bound(type_: str) -> None:
    body = Endless()
    assert len(read(body, 500, content_type=type_)) <= MAX_FAILURE_BYTES
    assert body.taken <= MAX_FAILURE_BYTES + len(CHUNK)


def test_a_page_in_place_of_an_answer_is_read_up_to_a_bound() -> None:
    body = Endless()
    with pytest.raises(ProviderFailed):
        read(body, 200, content_type="text/html")
    assert body.taken <= MAX_EVENT_BYTES + len(CHUNK)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_nothing_is_read_of_what_is_compressed(coding: str) -> None:
    assert read(Endless(), 500, content_encoding=coding) == b""
    with pytest.raises(ProviderFailed):
        read(Endless(), 200, content_encoding=coding, content_type="text/event-stream")
