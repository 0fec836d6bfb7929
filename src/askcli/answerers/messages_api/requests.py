"""Requests for answers: the SDK makes the first one, and later ones are copies with another body.

The SDK makes each request anew from the same address, key and headers, which takes it longer than
sending it and reading a short answer.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from askcli.answerers.base import Request, exchange
from askcli.answerers.messages_api.failures import NotSent, status_error

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
# aiohttp warns of longer bodies that it is to send at once.
_WHOLE_BYTES = 2**20
_PART_BYTES = 65_536


@dataclass(slots=True)
class Handover:
    """Whether a connection has been given a request, to send it at once.

    `key` is the number of the key that the request has.
    """

    is_made: bool = False
    key: int = 0


# Of the request that this task makes. Until then the SDK and aiohttp start threads, to look up a
# name for one, and connect.
handover: ContextVar[Handover] = ContextVar("handover")


@dataclass(frozen=True, slots=True)
class _Kept:
    """What later requests take from the first one, which has a user's question."""

    method: str
    url: httpx2.URL
    headers: httpx2.Headers  # without the length of its body
    extensions: dict[str, Any]


class _Parts(httpx2.AsyncByteStream):
    """A long body, which is sent in parts."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), _PART_BYTES):
            yield self._content[start : start + _PART_BYTES]


async def in_parts(request: httpx2.Request) -> None:
    """Send a long body in parts: a hook of the HTTP client."""
    if len(request.content) > _WHOLE_BYTES:
        request.stream = _Parts(request.content)
        del request._content  # which the SDK's transport would take


async def pass_trace_on(request: httpx2.Request) -> None:
    """Let the request name the trace that its try is part of: a hook of the HTTP client."""
    if (current := exchange.get()) is not None and current.traceparent is not None:
        request.headers["traceparent"] = current.traceparent


async def note_response(response: httpx2.Response) -> None:
    """Note the response's head where the try is described: a hook of the HTTP client."""
    if (current := exchange.get()) is not None:
        names = ("request-id", "x-request-id")  # Anthropic's; that of most gateways
        ids = (response.headers.get(name, "") for name in names)
        current.status = response.status_code
        current.request_id = next((one for one in ids if _REQUEST_ID.fullmatch(one)), None)


class Requests:
    """The requests of one client of the SDK, and of the HTTP client that it sends them with."""

    def __init__(self) -> None:
        self._first: _Kept | None = None
        self._key = 0

    def change_key(self) -> None:
        """Let the SDK make the next request anew: its key is another one."""
        self._first = None
        self._key += 1

    async def note(self, request: httpx2.Request) -> None:
        """Keep what the first request is sent with: a hook of the HTTP client."""
        if self._first is None and handover.get().key == self._key:
            headers = httpx2.Headers(request.headers)
            headers.pop("content-length", None)
            extensions = dict(request.extensions)
            self._first = _Kept(request.method, request.url, headers, extensions)

    async def send(
        self, sdk: AsyncAnthropic, http: httpx2.AsyncClient, request: Request
    ) -> httpx2.Response:
        """Return the response, whose body is not read yet.

        Raises NotSent from any error before a connection has the request, then the SDK's errors.
        """
        made = Handover(key=self._key)
        token = handover.set(made)
        try:
            return await self._response(sdk, http, request)
        except Exception as error:
            if made.is_made:
                raise
            raise NotSent from error
        except asyncio.CancelledError:
            if (current := exchange.get()) is not None:
                current.is_unsent = not made.is_made
            raise
        finally:
            handover.reset(token)

    async def _response(
        self, sdk: AsyncAnthropic, http: httpx2.AsyncClient, request: Request
    ) -> httpx2.Response:
        """Return the response; `post` is what `messages.create` calls, without its models."""
        body = _body(request)
        if self._first is not None and sdk.custom_auth is None:
            return await _sent(http, _copy(self._first, body))
        post: Any = sdk.post  # its types know no stream of a plain response
        response = await post("/v1/messages", body=body, cast_to=httpx2.Response, stream=True)
        assert isinstance(response, httpx2.Response)
        return response


def _copy(first: _Kept, body: dict[str, Any]) -> httpx2.Request:
    """Return a request with the tuples of the first one's headers, which `content=` would copy."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    content = text.encode()
    request = httpx2.Request(
        first.method,
        first.url,
        headers=first.headers,
        stream=httpx2.ByteStream(content),
        extensions=first.extensions,
    )
    request.headers["content-length"] = str(len(content))
    request.read()  # so that it is sent at once
    return request


def _body(request: Request) -> dict[str, Any]:
    turns = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    body: dict[str, Any] = {"model": request.model, "max_tokens": request.max_tokens}
    body |= {"messages": turns, "stream": True}
    return body | ({"system": request.system} if request.system else {})


async def _sent(http: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    """Send a request, and raise what the SDK does where it fails.

    By the client's transport: what the client does besides (authentication, which the copy has,
    redirects, cookies, a stream around the stream) takes an eighth of an answer's time here.
    """
    import anthropic

    transport = http._transport_for_url(request.url)
    try:
        for hook in http.event_hooks["request"]:
            await hook(request)
        response = await transport.handle_async_request(request)
    except Exception as error:
        raise anthropic.APIConnectionError(request=request) from error
    try:
        for hook in http.event_hooks["response"]:
            await hook(response)
    except BaseException:
        await response.aclose()
        raise
    if not response.is_success:
        raise status_error(response, await response.aread())
    return response
