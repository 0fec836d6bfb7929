"""Cross-origin requests: the pages of other origins that may call the API (CORS).

Without credentials mode: a page sends its token in a header, and a browser adds nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from askcli.contract.protocol import (
    HEADER_ACCESS_TOKEN,
    HEADER_IDEMPOTENCY_KEY,
    HEADER_IDEMPOTENCY_REPLAYED,
    HEADER_LAST_EVENT_ID,
    HEADER_REQUEST_ID,
)
from askcli.errors import Refused
from askcli.server import problems
from askcli.services import request_info

_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_SENT = (
    HEADER_ACCESS_TOKEN,
    "authorization",
    "content-type",
    HEADER_IDEMPOTENCY_KEY,
    HEADER_LAST_EVENT_ID,
    HEADER_REQUEST_ID,
    "if-none-match",
    "traceparent",
)
_READ = (
    HEADER_REQUEST_ID,
    HEADER_IDEMPOTENCY_REPLAYED,
    "retry-after",
    "location",
    "etag",
    "allow",
    "ratelimit",
    "ratelimit-policy",
    "www-authenticate",
)
_REFUSAL = (
    "A page may not send this request: its origin, method or one of its headers is not allowed."
)


class _CrossOrigin(CORSMiddleware):
    """Starlette's middleware, whose refusal is a problem as every other error is."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        headers = {
            name: value
            for name, value in response.headers.items()
            if not name.startswith("content-")
        }
        return problems.response(Refused(_REFUSAL), request_info.current().request_id, headers)


def headers(app: Any, received: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers with which a request's page may read a response that no route makes."""
    origin = Headers(raw=received).get("origin")
    if origin is None or origin not in app.state.allowed_origins:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": ", ".join(_READ),
        "vary": "Origin",
    }


def install(app: FastAPI, origins: Sequence[str]) -> None:
    """Allow the pages of these origins to call `app`; without any, nothing is added to it."""
    app.state.allowed_origins = origins
    if origins:
        app.add_middleware(
            _CrossOrigin,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_READ,
        )
