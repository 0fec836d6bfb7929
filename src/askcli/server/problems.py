"""Every error as application/problem+json (RFC 9457), and never more in it than it should."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from askcli.contract import HEADER_REQUEST_ID, PROBLEM_JSON
from askcli.errors import AskcliError, InvalidInput, MalformedBody
from askcli.problems import BY_STATUS, to_problem

RETRY_SECONDS = 10  # where nobody knows better

log = logging.getLogger("askcli.server")


def response(
    error: AskcliError, request_id: str, headers: dict[str, str] | None = None
) -> Response:
    """The response that stands for an error."""
    extra = dict(headers or {}) | {HEADER_REQUEST_ID: request_id}
    if error.status == 408:
        extra["connection"] = "close"  # what is still to come would be taken for a request
    if error.status == 401:
        extra["www-authenticate"] = 'Bearer realm="askcli"'
    if error.retry_after is not None or error.status in (429, 503):
        extra["retry-after"] = str(error.retry_after or RETRY_SECONDS)
    body = json.dumps(to_problem(error, request_id), ensure_ascii=False).encode()
    return Response(body, error.status, extra, media_type=PROBLEM_JSON)


def install(app: FastAPI) -> None:
    """Make `app` answer all its errors as problems."""
    app.add_exception_handler(AskcliError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, AskcliError)
    return response(error, request.state.request_id)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return response(from_validation(error.errors()), request.state.request_id)


def from_validation(found: Sequence[Any]) -> AskcliError:
    """Our error for pydantic's list; the values themselves stay out, one may be a password."""
    if any(one["type"] == "json_invalid" for one in found):
        return MalformedBody("The body is not valid JSON.")
    errors = [
        {
            "field": ".".join(map(str, one["loc"][1:])) or str(one["loc"][0]),
            "message": one["msg"].removeprefix("Value error, "),
        }
        for one in found
    ]
    first = errors[0]
    return InvalidInput(f"{first['field']}: {first['message']}.", errors=errors)


_DETAILS = {
    400: "The body cannot be read as JSON.",
    404: "There is nothing at this path; /docs lists what there is.",
    408: "The body took too long to arrive; try again.",
    405: "This path does not take this method; /docs lists what it takes.",
    413: "The body is too large; shorten the question.",
}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = BY_STATUS.get(error.status_code, AskcliError)
    detail = _DETAILS.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405:  # Starlette names the methods of the first route alone
        headers["Allow"] = ", ".join(_methods(request))
    return response(kind(detail=detail), request.state.request_id, headers)


def _methods(request: Request) -> list[str]:
    """What this path takes."""
    routes: list[Route] = request.app.state.routes
    here = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in here for method in route.methods or ()})


async def _unexpected(request: Request, error: Exception) -> Response:
    request_id = request.state.request_id
    log.error("request %s failed: %s", request_id, type(error).__name__)
    return response(
        AskcliError("The server failed; its host finds the request id in the log."), request_id
    )
