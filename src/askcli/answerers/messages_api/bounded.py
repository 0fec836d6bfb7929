"""Bounds on what a provider's response may make this server keep in memory, and do at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from askcli.answerers.messages_api.response import Response
from askcli.errors import ProviderFailed

# Of an event, and of any other response. The text of a whole answer in one event, which some
# gateways send, is far below.
MAX_EVENT_BYTES = 4 * 1024 * 1024
# Of a failure, whose type is all that is used.
MAX_FAILURE_BYTES = 65_536
FAILURE_SECONDS = 5.0  # for all of it
# Outside of the strings of an event or of a failure; a hundred results of a search have a tenth.
MAX_STRUCTURE_CHARACTERS = 32_768
# Read at a time: some forty events of the smallest kind that costs anything.
PART_BYTES = 4_096
TOO_LARGE = "The model's provider sent more at once than an answer can be."
_COMPRESSED = "The model's provider sent a compressed answer, unasked."


def has_events(response: Response) -> bool:
    """Return whether the response is a stream of events."""
    return response.is_success and "text/event-stream" in response.headers.get("content-type", "")


def is_page(response: Response) -> bool:
    """Return whether the response is a page for people, such as a gateway's."""
    return "text/html" in response.headers.get("content-type", "").lower()


async def failure_body(response: Response) -> bytes:
    """Return what arrives of a failure's body, up to the bounds.

    Its status says what may be billed, whatever becomes of the body.
    """
    import aiohttp  # loaded, with the response's connection

    data = b""
    with suppress(TimeoutError, OSError, aiohttp.ClientError):
        async with asyncio.timeout(FAILURE_SECONDS):
            while not _is_compressed(response) and len(data) < MAX_FAILURE_BYTES:
                if not (part := await response.read()):
                    break
                data += part
    return data[:MAX_FAILURE_BYTES]


async def parts(response: Response) -> AsyncGenerator[bytes, None]:
    """Yield the body in parts, and let other tasks run after each `PART_BYTES`.

    To read what has been received already suspends nothing, and the more there is of it, the longer
    the others wait. The bytes of what is no stream of events, whose decoder has its own bound, are
    bounded, and those of a compressed response, which was not asked for, by 0: raises
    ProviderFailed.
    """
    size = whole = 0
    most, error = _bound(response)
    while chunk := await response.read():
        whole += len(chunk)
        if most is not None and whole > most:
            raise ProviderFailed(error)
        for start in range(0, len(chunk), PART_BYTES):
            part = chunk[start : start + PART_BYTES]
            yield part
            size += len(part)
            if size >= PART_BYTES:
                size = 0
                await asyncio.sleep(0)


def _bound(response: Response) -> tuple[int | None, str]:
    """Return how many bytes a body may have here, and what is said of one with more."""
    if _is_compressed(response):
        return 0, _COMPRESSED
    return (None if has_events(response) else MAX_EVENT_BYTES), TOO_LARGE


def _is_compressed(response: Response) -> bool:
    return response.headers.get("content-encoding", "identity") != "identity"
