"""HTTP connections with bounds that uvicorn has not: how long headers may take and be.

A client that sends its headers a byte a minute would hold a connection for ever, and one whose
header, or trailer, never ends would fill the memory.
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
    """uvicorn's protocol, with a deadline and a size for what a request has beside its body."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._deadline: asyncio.TimerHandle | None = None
        self._begun = False  # a request's headers, which have not ended yet
        self._header_bytes = 0  # of this request: its path, headers and trailers
        self._unread_bytes = 0  # in which the parser has found nothing whole so far
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
        if self._deadline is None and not self._is_answering():
            self._start_deadline()  # a next request, or what is left of one that was refused
        self._unread_bytes += len(data)
        super().data_received(data)
        if max(self._header_bytes, self._unread_bytes) > MAX_HEADER_BYTES:
            self._refuse(HeadersTooLarge("The headers are too large; send less."))

    def on_message_begin(self) -> None:
        self._begun, self._header_bytes, self._unread_bytes = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name + value)
        if self._begun:  # else it is a trailer, which nobody here wants
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._begun, self._unread_bytes = False, 0
        self._stop_deadline()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it says less than ours
        self._refuse(MalformedRequest("This is not an HTTP request that can be read."))

    def _count(self, header: bytes) -> None:
        self._header_bytes += len(header)
        self._unread_bytes = 0

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._late)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        if self._begun:
            self._refuse(TooSlow("The request's headers took too long to arrive."))
        elif self._is_answering():
            self._deadline = None  # it was for what came before
        else:
            self.transport.close()

    def _refuse(self, error: AskcliError) -> None:
        """Read no more, and hang up: after the answers that are under way to requests before it."""
        self._is_refused = True
        self._stop_deadline()
        if self._begun and self._is_answering():
            self.cycle.keep_alive = False  # uvicorn hangs up after its answer
            return
        if not self._is_answering() or not self.cycle.response_started:
            self.transport.write(_whole(error))
        self.transport.close()


def _whole(error: AskcliError) -> bytes:
    """The error as a response, as it goes over the wire."""
    answer = problems.response(error, str(new_id()), {"connection": "close"})
    lines = [f"HTTP/1.1 {error.status} {error.title}".encode()]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])
