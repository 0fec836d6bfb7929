"""What happens to every request: its id, its host, its bounds, its path without a last slash.

Pure ASGI: three of Starlette's BaseHTTPMiddleware would cost six sevenths of the throughput.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from askcli.contract import HEADER_REQUEST_ID, MAX_BODY_BYTES, whole_number
from askcli.errors import AskcliError, PayloadTooLarge
from askcli.server import problems
from askcli.server.http import trusted_hosts
from askcli.server.http.activity import Activity
from askcli.server.http.trusted_hosts import Hosts
from askcli.services.clock import new_id
from askcli.services.request_info import Visit

BODY_SECONDS = 60.0

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Envelope:
    """Gives each request its id, bounds its body, and counts it as activity."""

    def __init__(self, app: ASGIApp, activity: Activity, allowed: Hosts) -> None:
        self._app = app
        self._activity = activity
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        if len(scope["path"]) > 1:
            scope["path"] = scope["path"].rstrip("/") or "/"
        with self._activity.request():
            stamped = _stamping(send, scope["state"])
            if error := self._refusal(headers):
                await problems.response(error, request_id)(scope, receive, stamped)
                return
            await self._app(scope, _bounded(receive), stamped)

    def _refusal(self, headers: Headers) -> AskcliError | None:
        if error := trusted_hosts.problem(headers.getlist("host"), self._allowed):
            return error
        if _declared_length(headers) > MAX_BODY_BYTES:
            return PayloadTooLarge()
        return None


def _request_id(headers: Headers) -> str:
    given = headers.get(HEADER_REQUEST_ID, "")
    return given if _REQUEST_ID.fullmatch(given) else str(new_id())


def _declared_length(headers: Headers) -> int:
    return whole_number(headers.get("content-length", "")) or 0


def _stamping(send: Send, state: dict[str, Any]) -> Send:
    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            headers[HEADER_REQUEST_ID] = state["request_id"]
            headers["x-content-type-options"] = "nosniff"
            headers["cache-control"] = headers.get("cache-control", "no-store")
            visit: Visit | None = state.get("visit")
            if visit and (left := visit.allowance):
                # As draft-ietf-httpapi-ratelimit-headers-10 writes them.
                headers["ratelimit-policy"] = f'"{left.name}";q={left.quota};w={left.window}'
                headers["ratelimit"] = f'"{left.name}";r={left.left};t={left.reset}'
        await send(message)

    return stamped


def _bounded(receive: Receive) -> Receive:
    received = 0
    ended = False
    late = asyncio.get_running_loop().time() + BODY_SECONDS

    async def bounded() -> Message:
        nonlocal received, ended
        try:
            async with asyncio.timeout_at(None if ended else late):
                message: dict[str, Any] = dict(await receive())
        except TimeoutError:
            raise HTTPException(408) from None
        received += len(message.get("body", b""))
        ended = not message.get("more_body", False)
        if received > MAX_BODY_BYTES:
            # FastAPI lets this through while it reads a body, and would hide any other error.
            raise HTTPException(413)
        return message

    return bounded
