"""Writing of responses: the deadline for a client to take them, HTTP/1.0 without chunks, errors."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from askcli.errors import AskcliError
from askcli.server import problems
from askcli.services.clock import new_id


class WriteDeadline:
    """Aborts a connection when nothing of its write buffer is taken for some seconds.

    It compares sizes of the buffer, so nothing may be written while it runs.
    """

    __slots__ = ("_loop", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> None:
        """Start, or start again, for what is in the buffer now."""
        self.stop()
        if size := self._transport.get_write_buffer_size():
            self._timer = self._loop.call_later(seconds, self._check, size, seconds)

    def stop(self) -> None:
        """Stop: the buffer is empty enough, or will be written to."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self, size: int, seconds: float) -> None:
        if self._transport.get_write_buffer_size() >= size:
            self._transport.abort()
        else:
            self.start(seconds)


def unchunked(app: ASGIApp, cycle: RequestResponseCycle) -> ASGIApp:
    """Return the app for HTTP/1.0, where the end of the connection ends a body without length.

    Its clients may take a provisional response for the response (RFC 9110, 15.2).
    """
    cycle.waiting_for_100_continue = False

    async def unchunked(scope: Scope, receive: Receive, send: Send) -> None:
        has_length = False

        async def send_unchunked(message: Message) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                has_length = "content-length" in Headers(raw=message["headers"])
            if not has_length:  # uvicorn is told that each piece is what it expects
                cycle.chunked_encoding = False
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_unchunked)

    return unchunked


def refusal(error: AskcliError, headers: dict[str, str]) -> Response:
    """Return the error as the last response of a connection."""
    return problems.response(error, str(new_id()), {"connection": "close"} | headers)


def encoded(response: Response) -> bytes:
    """Return a response as the bytes of HTTP."""
    lines = [f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
