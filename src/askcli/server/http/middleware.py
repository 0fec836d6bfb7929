"""ASGI middleware for every request: its id, trailing slash, HEAD, headers, log, metrics and span.

Pure ASGI: three of Starlette's BaseHTTPMiddleware would cost six sevenths of the throughput.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from askcli.contract.protocol import HEADER_IDEMPOTENCY_REPLAYED, HEADER_REQUEST_ID
from askcli.metrics import names
from askcli.server import problems, streamed
from askcli.server.http.access_log import AccessLog
from askcli.server.http.activity import Activity
from askcli.server.http.served import Served
from askcli.server.http.traced import traced
from askcli.server.http.unsent import Unsent
from askcli.services import request_info
from askcli.services.clock import new_id
from askcli.services.request_info import RequestInfo
from askcli.store.database import admission, pool

log = logging.getLogger("askcli.server")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_ID_HEADER = HEADER_REQUEST_ID.encode()
_PORTS = 2**16
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_CLOSE = (b"connection", b"close")
_NO_STORE = (b"cache-control", b"no-store")


class Envelope:
    """Binds the request's information, sends a streamed body, counts the request and logs it."""

    def __init__(self, app: ASGIApp, activity: Activity, is_leaving: Callable[[], bool]) -> None:
        self._app = app
        self._activity = activity
        self._is_leaving = is_leaving
        self._unsent = Unsent()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        info = _info(scope)
        request_info.bind(info)
        admission.bind(None)  # a pipelined request inherits the context of the one before it
        pool.take_turns_as(f"site {info.site}")
        state["request_id"] = info.request_id
        if len(scope["path"]) > 1:
            scope["path"] = scope["path"].rstrip("/") or "/"

        served = Served(info, scope["method"], scope, perf_counter())

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, info)
                if self._is_leaving():  # no next request meets a connection that is closed
                    message["headers"].append(_CLOSE)
                served.status, served.responded = message["status"], perf_counter()
            else:
                served.size += len(message.get("body", b""))
            await self._unsent.send(message, send, state)

        try:
            with self._activity, traced(served):
                if scope["method"] == "HEAD":
                    served.scope = {**scope, "method": "GET"}
                    await self._app(served.scope, receive, _head(send_with_headers))
                    _close_body(scope)
                else:
                    await self._app(scope, receive, send_with_headers)
                    await _send_body(scope, send_with_headers)
        except Exception as error:
            await _fail(served, error, receive, send)
            raise  # uvicorn logs where
        finally:
            _observe(served)


async def _fail(served: Served, error: Exception, receive: Receive, send: Send) -> None:
    """Log that a request has failed; respond, where `Refusals` has not: it failed outside that."""
    request_id = served.info.request_id
    log.error("request %s failed: %s", request_id, type(error).__name__)
    if not served.responded:
        served.status = 500
        response = problems.of_failure(request_id)
        await response(served.scope, receive, send)


async def _send_body(scope: Scope, send: Send) -> None:
    """Send the body that is left to send, if there is one."""
    if body := streamed.take(scope):
        await body.send(send)


def _close_body(scope: Scope) -> None:
    if body := streamed.take(scope):
        body.close()


def _observe(served: Served) -> None:
    """Count a request, and log it."""
    seconds = (served.responded or perf_counter()) - served.began
    status = f"{served.status // 100}xx"
    if served.info.problem is not None:
        names.PROBLEMS.add(served.info.problem)
    names.REQUESTS.observe(seconds, served.route or "none", served.known_method, status)
    state = getattr(served.scope.get("app"), "state", None)
    access_log: AccessLog | None = getattr(state, "access_log", None)
    if access_log is not None:
        access_log.add(served)


def _info(scope: Scope) -> RequestInfo:
    """Return the request's information; of a header that is there twice, the first."""
    request_id = client = None
    for name, value in scope["headers"]:
        if name == b"user-agent" and client is None:
            client = value.decode("latin-1")
        elif name == _ID_HEADER and request_id is None:
            request_id = value.decode("latin-1")
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = str(new_id())
    return RequestInfo(request_id, "unknown" if client is None else client, _address(scope))


def _address(scope: Scope) -> str | None:
    """The client's address, None on a Unix socket.

    The client is the peer where a proxy names none; the access log writes it, too.
    """
    client, peer = scope.get("client"), scope["state"].get("peer")
    if client and client is not peer:
        address, port = client
        named = (address, port if 0 <= port < _PORTS else 0)
        client = scope["client"] = named if request_info.is_address(address) else peer
    return (client[0] or None) if client else None


def _add_headers(message: Message, info: RequestInfo) -> None:
    headers: list[tuple[bytes, bytes]] = message["headers"]
    names = {name for name, _ in headers}
    if _ID_HEADER not in names:  # an error's response has it
        headers.append((_ID_HEADER, info.request_id.encode("latin-1")))
    headers.append(_NO_SNIFFING)
    if b"cache-control" not in names:
        headers.append(_NO_STORE)
    if info.is_replay:
        headers.append((HEADER_IDEMPOTENCY_REPLAYED.encode(), b"true"))
    if limit := info.allowance:
        # draft-ietf-httpapi-ratelimit-headers-10
        policy = f'"{limit.name}";q={limit.quota};w={limit.window}'
        rate_limit = f'"{limit.name}";r={limit.remaining};t={limit.reset}'
        headers.append((b"ratelimit-policy", policy.encode()))
        headers.append((b"ratelimit", rate_limit.encode()))
    if message["status"] == 204:
        headers[:] = [header for header in headers if header[0] != b"content-type"]


def _head(send: Send) -> Send:
    """Send the head of the response alone, at once: the body may be an event stream."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body"})

    return send_head
