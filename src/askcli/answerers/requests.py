"""Requests for answers: the SDK makes the first one, and later ones are copies with another body.

The SDK makes each request anew from the same address, key and headers, which takes it longer than
sending it and reading a short answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2

from askcli.answerers.base import Request
from askcli.answerers.failures import status_error

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_CONTENT_LENGTH = b"content-length"


class Requests:
    """The requests of one client of the SDK, and of the HTTP client that it sends them with."""

    def __init__(self) -> None:
        self._first: httpx2.Request | None = None
        self._headers: list[tuple[bytes, bytes]] = []

    async def note(self, request: httpx2.Request) -> None:
        """Keep the first request as it is sent: a hook of the HTTP client."""
        if self._first is None:
            raw = request.headers.raw
            self._headers = [one for one in raw if one[0].lower() != _CONTENT_LENGTH]
            self._first = request

    async def send(
        self, sdk: AsyncAnthropic, http: httpx2.AsyncClient, request: Request
    ) -> httpx2.Response:
        """Return the response, whose body is not read yet. Raises the SDK's errors.

        `post` is what `messages.create` of the SDK calls; without the latter's stream of models.
        """
        body = _body(request)
        if self._first is not None and sdk.custom_auth is None:
            return await _sent(http, self._copy(self._first, body))
        post: Any = sdk.post  # its types know no stream of a plain response
        response = await post("/v1/messages", body=body, cast_to=httpx2.Response, stream=True)
        assert isinstance(response, httpx2.Response)
        return response

    def _copy(self, first: httpx2.Request, body: dict[str, Any]) -> httpx2.Request:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return httpx2.Request(
            first.method,
            first.url,
            headers=self._headers,
            content=text.encode(),
            extensions=first.extensions,
        )


def _body(request: Request) -> dict[str, Any]:
    turns = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    body: dict[str, Any] = {"model": request.model, "max_tokens": request.max_tokens}
    body |= {"messages": turns, "stream": True}
    return body | ({"system": request.system} if request.system else {})


async def _sent(http: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    """Send a request, and raise what the SDK does where it fails."""
    import anthropic

    try:
        response = await http.send(request, stream=True)
    except Exception as error:
        raise anthropic.APIConnectionError(request=request) from error
    if not response.is_success:
        raise status_error(response, await response.aread())
    return response
