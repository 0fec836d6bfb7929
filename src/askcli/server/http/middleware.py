"""ASGI middleware for every request: its id, trailing slash, HEAD, headers.

Pure ASGI: three of Starlette's BaseHTTPMiddleware would cost six sevenths of the throughput.
"""

from __future__ import annotations

import re
from functools import partial

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from askcli.contract.protocol import HEADER_IDEMPOTENCY_REPLAYED, HEADER_REQUEST_ID
from askcli.server.http.activity import Activity
from askcli.server.http.unsent import Unsent
from askcli.services import request_info
from askcli.services.clock import new_id
from askcli.services.request_info import RequestInfo
from askcli.store import pool

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Envelope:
    """Binds the request's information and counts it."""

    def __init__(self, app: ASGIApp, activity: Activity) -> None:
        self._app = app
        self._activity = activity
        self._unsent = Unsent()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        info = RequestInfo(
            _request_id(headers), headers.get("user-agent", "unknown"), _address(scope)
        )
        request_info.bind(info)
        pool.take_turns_as(f"site {info.site}")
        scope.setdefault("state", {})["request_id"] = info.request_id
        if len(scope["path"]) > 1:
            scope["path"] = scope["path"].rstrip("/") or "/"
        with self._activity.request():
            send_in_parts = partial(self._unsent.send, send=send, state=scope["state"])
            send_with_headers = _add_headers(send_in_parts, info)
            if scope["method"] == "HEAD":
                scope, send_with_headers = {**scope, "method": "GET"}, _head(send_with_headers)
            await self._app(scope, receive, send_with_headers)


def _request_id(headers: Headers) -> str:
    request_id = headers.get(HEADER_REQUEST_ID, "")
    return request_id if _REQUEST_ID.fullmatch(request_id) else str(new_id())


def _address(scope: Scope) -> str | None:
    """The client's address, None on a Unix socket."""
    client = scope.get("client")
    return (client[0] or None) if client else None


def _add_headers(send: Send, info: RequestInfo) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            headers[HEADER_REQUEST_ID] = info.request_id
            headers["x-content-type-options"] = "nosniff"
            headers["cache-control"] = headers.get("cache-control", "no-store")
            if info.is_replay:
                headers[HEADER_IDEMPOTENCY_REPLAYED] = "true"
            if limit := info.allowance:
                # draft-ietf-httpapi-ratelimit-headers-10
                headers["ratelimit-policy"] = f'"{limit.name}";q={limit.quota};w={limit.window}'
                headers["ratelimit"] = f'"{limit.name}";r={limit.remaining};t={limit.reset}'
            if message["status"] == 204:
                del headers["content-type"]
        await send(message)

    return send_with_headers


def _head(send: Send) -> Send:
    """Send the head of the response alone, at once: the body may be an event stream."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body"})

    return send_head
