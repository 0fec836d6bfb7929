"""Bodies that are sent once the request's handlers have returned.

A stream is open for minutes, and its handlers (routing, checks, the middleware inside the envelope)
would take a tenth of its memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any

from starlette.types import Scope, Send

_KEY = "streamed_body"
# FastAPI's, for which nobody asks once a response has begun: each has room for 64 more.
_STACKS = ("fastapi_middleware_astack", "fastapi_inner_astack", "fastapi_function_astack")


class StreamedBody:
    """The body of a response whose head has been sent."""

    __slots__ = ("_blocks", "_parts")

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts
        self._blocks: tuple[AbstractContextManager[Any], ...] = ()

    def keep(self, *blocks: AbstractContextManager[Any]) -> None:
        """Leave these `with` blocks, which have been entered, at the end of the body."""
        self._blocks += blocks

    async def send(self, send: Send) -> None:
        """Send the body."""
        try:
            async for part in self._parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.close()

    def close(self) -> None:
        """Leave the blocks."""
        while self._blocks:
            *rest, last = self._blocks
            self._blocks = tuple(rest)
            last.__exit__(None, None, None)


def hand_over(scope: Scope, body: StreamedBody) -> None:
    """Let the envelope of the request send this body."""
    scope["state"][_KEY] = body
    for name in _STACKS:
        scope.pop(name, None)


def take(scope: Scope) -> StreamedBody | None:
    """Return the body that was handed over, if one was, and hold it no longer."""
    body: StreamedBody | None = scope["state"].pop(_KEY, None)
    return body
