"""Connections to a provider: what may come on one before, between and after its responses.

aiohttp skips any number of provisional responses (1xx), and queues them without a bound: the time
to read them is never given back, and no deadline ends them. It keeps what comes after a response,
for the next request. Its import is slow, so this module is imported with the SDK.
"""

from __future__ import annotations

import asyncio
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import aiohttp
import anthropic
import httpx2
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from askcli.answerers.requests import Handover, handover

# The SDK puts a class that cannot be used in the place of one that it failed to import.
if anthropic.DefaultAioHttpClient.__bases__ == (httpx2.AsyncClient,):
    raise ImportError("the SDK was loaded without aiohttp")

MAX_PROVISIONAL_RESPONSES = 10
# Of a response and of the provisional ones before it. Most servers send no more than 8 or 16 KiB.
MAX_HEAD_BYTES = 65_536
# Parsed at a time: no read, of up to 256 KiB, is parsed much further than to its first fault.
_PART_BYTES = 4_096
# Of a response that are read ahead, and a 16th of it in chunks of HTTP.
_READ_AHEAD_BYTES = 65_536


class BoundedHandler(ResponseHandler):
    """aiohttp's side of a connection, which takes one response for a request."""

    _awaits_head = False
    _head_bytes = _provisional = 0

    def set_response_params(self, **params: Any) -> None:
        """Wait for the response to a request, which is sent next."""
        self._awaits_head, self._head_bytes, self._provisional = True, 0, 0
        handover.get(Handover()).is_made = True
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Take what was received, no further than to its first fault."""
        if not self._awaits_head and len(data) <= _PART_BYTES:
            return super().data_received(data)
        while len(data) > _PART_BYTES and self.exception() is None and not self._reading_paused:
            self._take(data[:_PART_BYTES])
            data = data[_PART_BYTES:]
        return self._take(data)

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
        if self._awaits_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._awaits_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse("too much before a response")

    def _refuse(self, message: str) -> None:
        """Close the connection; who waits for a response gets the error."""
        self.set_exception(HttpProcessingError(code=502, message=message))
        if self.transport is not None:
            self.transport.close()


def bound_connections(client: httpx2.AsyncClient) -> None:
    """Make a new HTTP client of the SDK use such connections, and keep no cookies.

    Cookies of the provider would pile up, and tell it which questions come from one server.
    """
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for transport in (client._transport, *client._mounts.values()):
        if transport is not None:
            _bound_transport(transport)


def _bound_transport(transport: Any) -> None:
    """Replace the session of a transport, which aiohttp lets nobody make in another way."""
    session = transport.get_client()
    connector = session.connector
    session.detach()
    connector._factory = partial(BoundedHandler, loop=asyncio.get_running_loop())
    transport.client = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_READ_AHEAD_BYTES,
    )
