"""What a provider's response may fill of the memory, whatever its status and its type say."""

from __future__ import annotations

import asyncio
from itertools import repeat

import pytest

from askcli.answerers.messages_api.bounded import (
    MAX_EVENT_BYTES,
    MAX_FAILURE_BYTES,
    failure_body,
    parts,
)
from askcli.errors import ProviderFailed
from tests.support.responses import Body, response

CHUNK = b"data: x\n\n" * 10_000


def endless() -> Body:
    """A body that no reader without a bound has the memory for."""
    return Body(repeat(CHUNK, 10 * MAX_EVENT_BYTES // len(CHUNK)))


def read(body: Body, status: int, **headers: str) -> bytes:
    """What is read of a response."""
    answer = response(status, body, **headers)

    async def whole() -> bytes:
        if not answer.is_success:
            return await failure_body(answer)
        return b"".join([part async for part in parts(answer)])

    return asyncio.run(whole())


@pytest.mark.parametrize("type_", ["text/event-stream", "text/html"])
def test_a_failure_is_read_up_to_a_bound(type_: str) -> None:
    body = endless()
    assert len(read(body, 500, content_type=type_)) <= MAX_FAILURE_BYTES
    assert body.taken <= MAX_FAILURE_BYTES + len(CHUNK)


def test_a_page_in_place_of_an_answer_is_read_up_to_a_bound() -> None:
    body = endless()
    with pytest.raises(ProviderFailed):
        read(body, 200, content_type="text/html")
    assert body.taken <= MAX_EVENT_BYTES + len(CHUNK)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_nothing_is_read_of_what_is_compressed(coding: str) -> None:
    assert read(endless(), 500, content_encoding=coding) == b""
    with pytest.raises(ProviderFailed):
        read(endless(), 200, content_encoding=coding, content_type="text/event-stream")
