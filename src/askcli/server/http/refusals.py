"""ASGI middleware for requests that get their response from no route: refused, failed, cut off.

It stands inside the middleware for cross-origin requests, so that pages can read these responses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from askcli.errors import AskcliError, InvalidInput, NotFound, ShuttingDown
from askcli.server import problems
from askcli.server.http import trusted_hosts
from askcli.server.http.trusted_hosts import Hosts

MAX_PATH_BYTES = 1024  # the longest of a route has 58
MAX_QUERY_BYTES = 8192  # the longest search has 6000 as it is encoded
MAX_QUERY_FIELDS = 50

Refusal = Callable[[], AskcliError | None]


class Refusals:
    """Responds with a problem: wrong host, path or query, the process refuses, or the app fails."""

    def __init__(self, app: ASGIApp, allowed: Hosts, refusal: Refusal) -> None:
        self._app = app
        self._allowed = allowed
        self._process_refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif error := self._refusal(scope):
            await _respond(error, scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    def _refusal(self, scope: Scope) -> AskcliError | None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if error := trusted_hosts.problem(hosts, self._allowed):
            return error
        if "\n" in scope["path"]:  # the patterns of routes ignore one at the end
            return NotFound(detail=problems.NO_PATH)
        path, query = scope["raw_path"], scope["query_string"]
        return _problem_of_url(path, query) or self._process_refusal()

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; one that fails, or that a stop cuts off, still gets a problem."""
        has_begun = False

        async def send_noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except asyncio.CancelledError:
            if has_begun:
                raise
            await _respond(ShuttingDown(), scope, receive, send)
        except Exception:
            if not has_begun:
                response = problems.of_failure(scope["state"]["request_id"])
                await response(scope, receive, send)
            raise  # to be logged


def _problem_of_url(path: bytes, query: bytes) -> AskcliError | None:
    """Return the error of a path or query that takes long to read: it is read for any caller."""
    if len(path) > MAX_PATH_BYTES:
        return InvalidInput(f"The path must have at most {MAX_PATH_BYTES} bytes.")
    if len(query) <= MAX_QUERY_BYTES and query.count(b"&") < MAX_QUERY_FIELDS:
        return None
    return InvalidInput(
        f"The query must have at most {MAX_QUERY_FIELDS} parameters and {MAX_QUERY_BYTES} bytes."
    )


async def _respond(error: AskcliError, scope: Scope, receive: Receive, send: Send) -> None:
    response = problems.response(error, scope["state"]["request_id"])
    await response(scope, receive, send)
