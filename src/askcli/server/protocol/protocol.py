"""HTTP protocol with the limits that uvicorn does not have.

Headers and trailers have a deadline and a maximum size, one pipelined request is read ahead, and
responses must be taken: a slow client holds no connection for ever, a fast one fills no memory.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from askcli.errors import AskcliError, HeadersTooLarge, MalformedRequest, TooSlow, Unavailable
from askcli.server.http import cross_origin
from askcli.server.protocol import upgrades
from askcli.server.protocol.connections import Connections
from askcli.server.protocol.flow import Flow
from askcli.server.protocol.heads import PARSED_BYTES, Heads
from askcli.server.protocol.lazy import LazyEvent, Pipeline
from askcli.server.protocol.taking import Taking, tell_of_loss
from askcli.server.protocol.writing import WriteDeadline, encoded, refusal, unchunked

HEADER_SECONDS = 10.0
WRITE_SECONDS = 30.0
# Of a stream whose client has been seen to read: somebody may have paused their terminal.
STREAM_WRITE_SECONDS = 300.0


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on what is read, kept and waited for."""

    # Of objects with a dict of more than thirty names Python keeps the names with each.
    __slots__ = ("_connections", "_deadline", "_heads", "_in_headers", "_is_reading", "_is_refused",
                 "_responding", "_taking", "_unparsed", "_writing")  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipeline = cast("Any", Pipeline())
        self._deadline: asyncio.TimerHandle | None = None
        self._in_headers = self._is_refused = self._is_reading = False
        self._heads, self._unparsed = Heads(), memoryview(b"")
        self._responding: RequestResponseCycle | None = None
        self._connections: Connections = cast("Any", self.config.app).state.connections
        self.access_log = False  # the outermost middleware knows more of a request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport, lambda: not self._unparsed)
        self._writing = WriteDeadline(transport, self.loop)
        self._taking = Taking(transport, self.flow)
        self._start_deadline()
        if not self._connections.add(self):
            self._refuse(Unavailable("The server has too many connections; try again shortly."))

    def connection_lost(self, _exc: Exception | None) -> None:
        self._connections.discard(self)
        self._connections.held.release(self)
        self._stop_deadline()
        self._writing.stop()
        self.pipeline.clear()
        super().connection_lost(None)  # with an error it leaves its timer, which keeps all of this
        tell_of_loss(self._responding)  # uvicorn tells the last request only

    def data_received(self, data: bytes) -> None:
        self._unparsed = memoryview(b"".join((self._unparsed, data)))
        self._parse()

    def _parse(self) -> None:
        """Parse what was read until a request waits for the one before it; then read no more."""
        while self._unparsed and not self.pipeline:
            if self._is_refused or self.transport.is_closing():
                self._unparsed = memoryview(b"")
                return
            self._unparsed = self._unparsed[self._feed(self._unparsed[:PARSED_BYTES]) :]
        if self._unparsed:
            self.flow.pause_reading()
        else:
            self._unparsed = memoryview(b"")  # an empty slice would keep all that was read
        self._hold()

    def _hold(self) -> None:
        """Close the connection if all of them hold too much, and this one more than most do."""
        size = self._heads.size + len(self._unparsed)
        if self._connections.held.hold(self, size) or self._is_refused:
            return
        if self._is_responding():
            self.transport.abort()
        else:
            self._refuse(Unavailable("The server has too much to read; try again shortly."))

    def _feed(self, data: memoryview) -> int:
        """Feed the parser; returns how many bytes it has taken."""
        if self._deadline is None and not self._is_responding():
            self._start_deadline()  # a next request, or the rest of a refused one
        self._unset_keepalive_if_required()
        self._heads.unread_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if upgrades.framing(self.headers):
                self.parser = upgrades.parser_after_head(self)
                self.parser.feed_data(upgrades.declined(self.headers))
            return int(upgrade.args[0])
        except httptools.HttpParserError:
            self._refuse(MalformedRequest("This is not an HTTP request that can be read."))
            return len(data)
        if self._heads.is_too_large():
            self._refuse(HeadersTooLarge("The headers are too large; send less."))
        return len(data)

    def on_message_begin(self) -> None:
        self._heads.begin(is_behind=self._is_responding())
        self._in_headers = True
        super().on_message_begin()
        self.scope["state"].update(self._taking.aborts(), peer=self.client)

    def on_url(self, url: bytes) -> None:
        self._heads.add_path(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._heads.add_header(name, value)
        if self._in_headers:  # trailers are dropped
            super().on_header(name, value.rstrip(b" \t"))  # the parser skips those before it

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and upgrades.framing(self.headers):
            upgrades.check(self.headers)  # before the request goes to the app
        self._in_headers, self._heads.unread_bytes = False, 0
        self._stop_deadline()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._heads.unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._heads.unread_bytes = 0
        if self.parser.should_upgrade() and upgrades.framing(self.headers):
            return  # its body is still to come
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        self._responding, self._is_reading = cycle, False
        cycle.message_event = LazyEvent(cycle.message_event.is_set())  # type: ignore[assignment]
        if not self.flow.write_paused:
            self._writing.stop()
        if cycle.scope["http_version"] == "1.0":
            app = unchunked(app, cycle)
        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]

    def is_idle(self) -> bool:
        """Whether it waits for a request, or for a stranger to take a response."""
        if (cycle := self._responding) is None or cycle.response_complete or cycle.more_body:
            return True
        return self.flow.write_paused and "caller" not in cycle.scope["state"]

    def on_response_complete(self) -> None:
        self._connections.is_waiting(self)
        self._writing.start(self._write_seconds())
        if self._responding is not None:
            self._responding.body.clear()  # of a body that nobody has read
        self._heads.drop_first()
        super().on_response_complete()
        self._parse()
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._connections.is_waiting(self)
        self._writing.start(self._write_seconds())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing.stop()
        self._is_reading = True  # the client has taken part of this response after a pause

    def _write_seconds(self) -> float:
        is_stream = self._responding is not None and self._responding.chunked_encoding
        return STREAM_WRITE_SECONDS if is_stream and self._is_reading else WRITE_SECONDS

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
        received = self.headers if self._in_headers or self.pipeline else []
        response = refusal(error, cross_origin.headers(self.config.app, received))
        if self.pipeline:  # the last request in it is the refused one
            self.pipeline[0] = self.cycle, cast("Any", response)
            return
        if not self._is_responding() or not self.cycle.response_started:
            self.transport.write(encoded(response))
        self._writing.start(WRITE_SECONDS)
        self.transport.close()
