"""Connections to a provider: what may come on one besides the content of its responses.

aiohttp skips any number of provisional responses (1xx), and queues them without a bound: the time
to read them is never given back, and no deadline ends them. It skips a chunk's extensions and the
zeros of its size, of any length, as fast as they come: they are no content, whose reader would hold
them up. It tells nobody who reads a body that its chunks are broken. It keeps what comes after a
response, for the next request. Its import is slow, so this module is imported with the SDK.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

# Of an idle connection. Many servers that people host themselves (uvicorn, so vLLM and LiteLLM;
# Node; Apache) close one after five seconds, and a request on a connection that the provider closes
# at that moment cannot be told from one that it has taken.
IDLE_SECONDS = 2.0
MAX_PROVISIONAL_RESPONSES = 10
# Of a response and of the provisional ones before it, besides content: heads, of which most servers
# send no more than 8 or 16 KiB, and what frames chunks beyond `_FRAME_BYTES`.
MAX_OVERHEAD_BYTES = 65_536
# For each byte of content: a chunk of one byte has 12, with a size of eight digits.
_FRAME_BYTES = 16
# Parsed at a time: no read, of up to 256 KiB, is parsed much further than to its first fault.
_PART_BYTES = 4_096


class BoundedHandler(ResponseHandler):
    """aiohttp's side of a connection, which takes one response for a request."""

    _awaits_head = False
    # Bytes besides content, those since the last count, and the content that has been counted.
    _overhead = _uncounted = _content = 0
    _provisional = 0

    def set_response_params(self, **params: Any) -> None:
        """Wait for the response to a request, which is sent next."""
        self._awaits_head, self._provisional = True, 0
        self._overhead = self._uncounted = self._content = 0
        super().set_response_params(**params)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on, where reading was paused: after each piece aiohttp would parse nothing again."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def data_received(self, data: bytes) -> None:
        """Take what was received, no further than to its first fault."""
        start = 0
        while len(data) - start > _PART_BYTES and self.exception() is None:
            if self._reading_paused:
                break  # the parser keeps the rest
            self._take(data[start : start + _PART_BYTES])
            start += _PART_BYTES
        self._take(data[start:] if start else data)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take the head of a response from the parser; provisional ones are dropped."""
        code = data[0].code
        if self.exception() is not None:
            return
        if not self._awaits_head:
            self._refuse("a response that was not asked for")
        elif 100 <= code < 200 and code != 101:
            self._provisional += 1
            if self._provisional > MAX_PROVISIONAL_RESPONSES:
                self._refuse("too many provisional responses")
        else:
            self._awaits_head = False
            super().feed_data(data, size)

    def _take(self, data: bytes) -> None:
        if self.exception() is not None:
            return  # the connection is being closed
        super().data_received(data)
        if self.exception() is not None:
            self._break_off("what is no HTTP, in the body of a response")
        elif data:
            self._uncounted += len(data)
            if not self._reading_paused:  # the parser has kept nothing
                self._count()

    def _count(self) -> None:
        """Count what has been parsed, and refuse more than a response may have."""
        payload = None if self._awaits_head else self._payload  # until then, of the last response
        content = payload.total_bytes if payload is not None else 0
        allowed = (content - self._content) * (1 + _FRAME_BYTES)
        self._overhead = max(0, self._overhead + self._uncounted - allowed)
        self._uncounted, self._content = 0, content
        if self._overhead > MAX_OVERHEAD_BYTES:
            self._refuse("too much besides the content of a response")

    def _refuse(self, message: str) -> None:
        """Close the connection; who waits for a response, or reads it, gets the error."""
        self.set_exception(HttpProcessingError(code=502, message=message))
        self._break_off(message)
        if self.transport is not None:
            self.transport.close()

    def _break_off(self, message: str) -> None:
        """Let who reads the body get an error, of which aiohttp tells only who waits for a head."""
        body = self._payload
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError(message))


class BoundedConnector(aiohttp.TCPConnector):
    """aiohttp's connections to a provider, each made within the time of one connect."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """Keep as many connections as there are runs, whose number the server bounds."""
        super().__init__(keepalive_timeout=IDLE_SECONDS, ssl=context, limit=0)
        factory: Any = partial(BoundedHandler, loop=asyncio.get_running_loop())
        self._factory = factory  # aiohttp has no other way to its handlers

    async def _create_connection(
        self,
        req: Any,
        traces: Any,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> ResponseHandler:
        # aiohttp bounds each step by itself, and a proxy's response to CONNECT not at all.
        async with asyncio.timeout(timeout.sock_connect):
            return await super()._create_connection(req, traces, timeout)
