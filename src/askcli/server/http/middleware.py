"""ASGI middleware for every request: its id, Host check, body limit, trailing slash, headers.

Pure ASGI: three of Starlette's BaseHTTPMiddleware would cost six sevenths of the throughput.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from askcli.contract.limits import MAX_BODY_BYTES
from askcli.contract.protocol import (
    HEADER_IDEMPOTENCY_REPLAYED,
    HEADER_REQUEST_ID,
    parse_whole_number,
)
from askcli.errors import AskcliError, PayloadTooLarge
from askcli.server import problems
from askcli.server.http import trusted_hosts
from askcli.server.http.activity import Activity
from askcli.server.http.trusted_hosts import Hosts
from askcli.services import request_info
from askcli.services.clock import new_id
from askcli.services.request_info import RequestInfo

BODY_SECONDS = 60.0

Refusal = Callable[[], AskcliError | None]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Envelope:
    """Binds the request's information, checks its host, bounds its body and counts it."""

    def __init__(self, app: ASGIApp, activity: Activity, allowed: Hosts, refusal: Refusal) -> None:
        self._app = app
        self._process_refusal = refusal
        self._activity = activity
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        info = RequestInfo(
            _request_id(headers), headers.get("user-agent", "unknown"), _address(scope)
        )
        request_info.bind(info)
        scope.setdefault("state", {})["request_id"] = info.request_id
        if len(scope["path"]) > 1:
            scope["path"] = scope["path"].rstrip("/") or "/"
        with self._activity.request():
            send_with_headers = _add_headers(send, info)
            if error := self._refusal(headers):
                await problems.response(error, info.request_id)(scope, receive, send_with_headers)
                return
            await self._app(scope, _bounded(receive), send_with_headers)

    def _refusal(self, headers: Headers) -> AskcliError | None:
        if error := trusted_hosts.problem(headers.getlist("host"), self._allowed):
            return error
        if error := self._process_refusal():
            return error
        if _declared_length(headers) > MAX_BODY_BYTES:
            return PayloadTooLarge()
        return None


def _request_id(headers: Headers) -> str:
    request_id = headers.get(HEADER_REQUEST_ID, "")
    return request_id if _REQUEST_ID.fullmatch(request_id) else str(new_id())


def _declared_length(headers: Headers) -> int:
    return parse_whole_number(headers.get("content-length", "")) or 0


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
        await send(message)

    return send_with_headers


def _bounded(receive: Receive) -> Receive:
    received = 0
    ended = False
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS

    async def bounded() -> Message:
        nonlocal received, ended
        try:
            async with asyncio.timeout_at(None if ended else deadline):
                message: dict[str, Any] = dict(await receive())
        except TimeoutError:
            raise HTTPException(408) from None
        received += len(message.get("body", b""))
        ended = not message.get("more_body", False)
        if received > MAX_BODY_BYTES:
            # FastAPI passes HTTPException on while it reads a body, and hides any other error.
            raise HTTPException(413)
        return message

    return bounded
