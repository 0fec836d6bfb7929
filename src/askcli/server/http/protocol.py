"""HTTP protocol with limits that uvicorn does not have: time and size of headers and trailers.

Without them, a client that sends a byte a minute would hold a connection for ever, and one whose
headers never end would fill the memory.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from askcli.errors import AskcliError, HeadersTooLarge, MalformedRequest, TooSlow
from askcli.server import problems
from askcli.services.clock import new_id

HEADER_SECONDS = 10.0
MAX_HEADER_BYTES = 65_536


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a deadline and a maximum size for headers and trailers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._in_headers = False
        self._header_bytes = 0  # of this request's path, headers and trailers
        self._unparsed_bytes = 0  # in which the parser has found no complete element yet
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused or self.transport.is_closing():
            return
        if self._deadline is None and not self._is_responding():
            self._start_deadline()  # a next request, or the rest of a refused one
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if max(self._header_bytes, self._unparsed_bytes) > MAX_HEADER_BYTES:
            self._refuse(HeadersTooLarge("The headers are too large; send less."))

    def on_message_begin(self) -> None:
        self._in_headers, self._header_bytes, self._unparsed_bytes = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name + value)
        if self._in_headers:  # trailers are dropped
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers, self._unparsed_bytes = False, 0
        self._stop_deadline()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - our message says more
        self._refuse(MalformedRequest("This is not an HTTP request that can be read."))

    def _count(self, header: bytes) -> None:
        self._header_bytes += len(header)
        self._unparsed_bytes = 0

    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._on_deadline)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self) -> None:
        if self._in_headers:
            self._refuse(TooSlow("The request's headers took too long to arrive."))
        elif self._is_responding():
            self._deadline = None  # of an earlier request
        else:
            self.transport.close()

    def _refuse(self, error: AskcliError) -> None:
        """Read no more and close the connection, after the responses that are in progress."""
        self._is_refused = True
        self._stop_deadline()
        if self._in_headers and self._is_responding():
            self.cycle.keep_alive = False  # uvicorn closes the connection after the response
            return
        if not self._is_responding() or not self.cycle.response_started:
            self.transport.write(_encode(error))
        self.transport.close()


def _encode(error: AskcliError) -> bytes:
    """Return the error as the bytes of an HTTP response."""
    response = problems.response(error, str(new_id()), {"connection": "close"})
    lines = [f"HTTP/1.1 {error.status} {error.title}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
