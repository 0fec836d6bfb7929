"""Requests for answers: the SDK makes the first one, and later ones have another body.

The SDK makes each request anew from the same address, key and headers, and its HTTP client a
response of each, which takes longer than sending it and reading a short answer. All of them are
sent on connections of aiohttp, below its client. This module is imported with the SDK.
"""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx2
import orjson
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from askcli.answerers.base import Request, exchange
from askcli.answerers.messages_api.bounded import failure_body
from askcli.answerers.messages_api.clients import Clients
from askcli.answerers.messages_api.connections import BoundedConnector
from askcli.answerers.messages_api.failures import NotSent, status_error
from askcli.answerers.messages_api.response import Response, abandon

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
# Of a response that are read ahead, and a 16th of it in chunks of HTTP.
_READ_AHEAD_BYTES = 65_536
# Of a request, which a provider may refuse by its head, or by its length.
_LONG_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class _Target:
    """What later requests take from the first one, which has a user's question."""

    route: ClientRequest  # what aiohttp connects to
    head: bytes  # without the length of a body


class Requests:
    """Sends requests to one provider."""

    def __init__(self, api_key: str, base_url: str | None, connect_seconds: float) -> None:
        """A loopback `base_url` is reached without a proxy. Raises Misused."""
        self._clients = Clients(base_url)
        self._sdk = self._clients.sdk(api_key)
        self._connector = BoundedConnector(self._clients.ssl_context)
        self._timeout = aiohttp.ClientTimeout(sock_connect=connect_seconds)
        self._target: _Target | None = None

    def change_key(self, api_key: str) -> None:
        """Let the SDK make the next request anew, with another key."""
        self._sdk = self._clients.sdk(api_key)
        self._target = None

    async def close(self) -> None:
        """Close the connections."""
        await self._connector.close()

    async def send(self, request: Request) -> Response:
        """Return the response of a success, whose body is not read yet; the caller closes it.

        Raises NotSent from any error before a connection has the request, the SDK's APIStatusError
        for another response, and aiohttp's errors.
        """
        try:
            connection, data = await self._connected(request)
        except asyncio.CancelledError:
            if (current := exchange.get()) is not None:
                current.is_unsent = True
            raise
        except Exception as error:
            raise NotSent from error
        response = await _response(connection, data)
        _note(response)
        if response.is_success:
            return response
        try:
            raise status_error(response, await failure_body(response))
        finally:
            response.close()

    async def _connected(self, request: Request) -> tuple[Connection, bytes]:
        """Return a connection, and what is to be sent on it."""
        body = _body(request)
        if (target := self._target) is not None:
            content = orjson.dumps(body)
        else:
            target, content = await self._made(body)
        length = b"content-length: %d\r\n\r\n" % len(content)
        data = b"".join((target.head, _trace(), length, content))
        connection = await self._connector.connect(target.route, [], self._timeout)
        if connection.closed:  # already, by the provider
            connection.close()
            raise aiohttp.ServerDisconnectedError
        return connection, data

    async def _made(self, body: dict[str, Any]) -> tuple[_Target, bytes]:
        """Let the SDK make a request, and keep what it is sent with; where it signs each, do not.

        `post` is what `messages.create` calls, without its models.
        """
        sdk = self._sdk
        post: Any = sdk.post  # its types know no stream of a plain response
        made = await post("/v1/messages", body=body, cast_to=httpx2.Response, stream=True)
        target = _target(made.request, made.extensions["proxy"])
        if sdk is self._sdk and sdk.custom_auth is None:
            self._target = target
        return target, made.request.content


async def _response(connection: Connection, data: bytes) -> Response:
    """Send a request whole, and return the response when its head has arrived."""
    protocol, transport = connection.protocol, connection.transport
    assert protocol is not None
    assert transport is not None
    try:
        protocol.set_response_params(
            read_until_eof=True, auto_decompress=False, read_bufsize=_READ_AHEAD_BYTES
        )
        transport.write(data)
        head, body = await protocol.read()
    except BaseException:
        abandon(connection)
        raise
    return Response(connection, head, body, is_long=len(data) > _LONG_BYTES)


def _target(request: httpx2.Request, proxy: httpx2.Proxy | None) -> _Target:
    """Return where a request goes, and its head without what is of its body.

    Raises aiohttp.InvalidURL, and ValueError for a header that would end the head.
    """
    url = URL(str(request.url))
    if url.scheme not in ("http", "https"):
        raise aiohttp.NonHttpUrlClientError(url)
    headers = CIMultiDict(request.headers.multi_items())
    proxys = CIMultiDict[str]() if proxy is None else _headers_for(proxy)
    route = ClientRequest(
        request.method,
        url,
        headers=headers,
        proxy=URL(str(proxy.url)) if proxy else None,
        # aiohttp adds it to them as it connects, and takes them for another proxy's then.
        proxy_headers=CIMultiDict(proxys, Host=headers["host"]) if proxy else None,
        loop=asyncio.get_running_loop(),
    )
    path = url.raw_path_qs
    if proxy is not None and not route.is_ssl():
        path = str(url)
        headers.extend(proxys)
    headers.pop("content-length", None)
    return _Target(route, _head(f"{request.method} {path} HTTP/1.1", headers))


def _headers_for(proxy: httpx2.Proxy) -> CIMultiDict[str]:
    headers = CIMultiDict(proxy.headers.multi_items())
    if proxy.auth:
        told = base64.b64encode(":".join(proxy.auth).encode()).decode()
        headers["proxy-authorization"] = f"Basic {told}"
    return headers


def _head(first: str, headers: CIMultiDict[str]) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header has a line feed")
    return "".join(f"{line}\r\n" for line in lines).encode()


def _trace() -> bytes:
    """Return the header with which a gateway continues the trace that this try is part of."""
    current = exchange.get()
    if current is None or current.traceparent is None:
        return b""
    return f"traceparent: {current.traceparent}\r\n".encode()


def _note(response: Response) -> None:
    """Note the response's head where the try is described."""
    if (current := exchange.get()) is not None:
        names = ("request-id", "x-request-id")  # Anthropic's; that of most gateways
        ids = (response.headers.get(name, "") for name in names)
        current.status = response.status
        current.request_id = next((one for one in ids if _REQUEST_ID.fullmatch(one)), None)


def _body(request: Request) -> dict[str, Any]:
    turns = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    body: dict[str, Any] = {"model": request.model, "max_tokens": request.max_tokens}
    body |= {"messages": turns, "stream": True}
    return body | ({"system": request.system} if request.system else {})
