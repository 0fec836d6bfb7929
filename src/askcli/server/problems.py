"""Error responses: application/problem+json (RFC 9457) for every error, without internals."""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from askcli.contract.patterns import FORMS
from askcli.contract.protocol import HEADER_REQUEST_ID, PROBLEM_JSON
from askcli.errors import (
    AskcliError,
    InvalidInput,
    InvalidToken,
    MalformedBody,
    PayloadTooLarge,
    ScopeMissing,
    SessionEnded,
    TokenExpired,
    Unavailable,
)
from askcli.metrics import names
from askcli.problems import BY_STATUS, to_problem
from askcli.services import request_info

_BEARER = 'Bearer realm="askcli"'
RETRY_SECONDS = 10  # Retry-After of errors that set none
MAX_ERRORS = 20  # reported of one request
MAX_FIELD_CHARACTERS = 100

log = logging.getLogger("askcli.server")


def response(
    error: AskcliError, request_id: str, headers: dict[str, str] | None = None
) -> Response:
    """Return the response of an error, which is counted."""
    _count(error, request_id)
    headers = dict(headers or {}) | {HEADER_REQUEST_ID: request_id}
    if error.status == 408:
        headers["connection"] = "close"  # the rest of the body would be read as a request
    if challenge := _challenge(error):
        headers["www-authenticate"] = challenge
    if _may_wait(error):
        headers["retry-after"] = str(error.retry_after or RETRY_SECONDS)
    body = json.dumps(to_problem(error, request_id), ensure_ascii=False).encode()
    return Response(body, error.status, headers, media_type=PROBLEM_JSON)


def of_failure(request_id: str) -> Response:
    """Return the response of a request that has failed for no foreseen reason."""
    # The protocol closes the connection of an app that raises: no next request is to meet that.
    return response(AskcliError(UNEXPECTED), request_id, {"connection": "close"})


def _count(error: AskcliError, request_id: str) -> None:
    """Count an error at the end of its request: another may be sent in its place."""
    info = request_info.current_or_none()
    if info is not None and info.request_id == request_id:
        info.problem = error.code
    else:  # what the protocol refuses is no request yet
        names.PROBLEMS.add(error.code)


def _challenge(error: AskcliError) -> str | None:
    """Return the challenge to present another token (RFC 6750, section 3), None for none."""
    if isinstance(error, InvalidToken | TokenExpired | SessionEnded):
        return f'{_BEARER}, error="invalid_token"'
    if isinstance(error, ScopeMissing):
        return f'{_BEARER}, error="insufficient_scope", scope="{" ".join(error.scopes)}"'
    return _BEARER if error.status == 401 else None


def _may_wait(error: AskcliError) -> bool:
    """Whether the same request may succeed later: one that replays a stored failure will not.

    One that has waited for a failure, as the first request did, may: it can be asked once more.
    """
    info = request_info.current_or_none()
    is_final = info is not None and info.is_replayed_end and error.question_id is not None
    return not is_final and (error.retry_after is not None or error.status in (429, 503))


def install(app: FastAPI) -> None:
    """Install handlers that turn all errors of `app` into problems."""
    app.add_exception_handler(AskcliError, _handle_ours)
    app.add_exception_handler(RequestValidationError, _handle_validation)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_exception_handler(OSError, _handle_os_error)


async def _handle_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, AskcliError)
    return response(error, request.state.request_id)


async def _handle_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return response(from_validation(error.errors()), request.state.request_id)


def from_validation(details: Sequence[Any]) -> AskcliError:
    """Return our error for pydantic's details, without the values: one may be a password."""
    if any(detail["type"] == "json_invalid" for detail in details):
        return MalformedBody("The body is not valid JSON.")
    messages: dict[str, str] = {}
    for detail in details[:MAX_ERRORS]:  # of a field of several types there is one for each
        messages.setdefault(_field(detail), _message(detail))
    errors = [{"field": field, "message": message} for field, message in messages.items()]
    first = errors[0]
    return InvalidInput(f"{first['field']}: {first['message']}.", errors=errors)


def _field(detail: Any) -> str:
    """Return the path of the field, cut where the client has made it very long."""
    place, *names = detail["loc"]
    if place == "path":  # pydantic's name for the type follows, of a parameter of several types
        del names[1:]
    path = ".".join(map(str, names or [place]))
    return path if len(path) <= MAX_FIELD_CHARACTERS else path[: MAX_FIELD_CHARACTERS - 1] + "…"


_NO_TIME = "must be a time that exists, such as 2026-01-31T12:00:00Z"
# By pydantic's type of error; its own messages are for programmers.
_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is unknown to this server, which may be older than the client",
    "string_type": "must be text",
    "string_unicode": "must be text, without halves of surrogate pairs",
    "string_too_short": "must have {min_length} characters or more",
    "string_too_long": "must have {max_length} characters at most",
    "too_short": "must have {min_length} items or more",
    "too_long": "must have {max_length} items at most",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "has too many digits",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "uuid_type": "must be an id (a UUID)",
    "uuid_parsing": "must be an id (a UUID)",
    "datetime_parsing": _NO_TIME,
    "datetime_from_date_parsing": _NO_TIME,
    "literal_error": "must be {expected}",
    "model_attributes_type": "must be a JSON object",
}


def _message(detail: Any) -> str:
    """Return the message of one of pydantic's details, without the value."""
    limits = detail.get("ctx", {})
    if detail["type"] in ("string_too_short", "too_short") and limits["min_length"] == 1:
        return "must not be empty"
    if detail["type"] == "string_pattern_mismatch":
        return FORMS.get(limits["pattern"], "does not have the required form")
    if template := _MESSAGES.get(detail["type"]):
        return template.format_map(limits)
    return str(detail["msg"]).removeprefix("Value error, ")


UNEXPECTED = "The server failed; its log has the request id."
NO_PATH = "Nothing is served at this path; /docs lists the paths."
_DETAILS = {
    400: "The body cannot be read as JSON.",
    404: NO_PATH,
    408: "The body took too long to arrive; try again.",
    405: "The path does not support this method; /docs lists the methods.",
    413: PayloadTooLarge.default,
}


async def _handle_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = BY_STATUS.get(error.status_code, AskcliError)
    detail = _DETAILS.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405:  # Starlette names the methods of the first route alone
        headers["Allow"] = ", ".join(_methods(request))
    return response(kind(detail=detail), request.state.request_id, headers)


def _methods(request: Request) -> list[str]:
    """Return the methods that the request's path supports."""
    routes: list[Route] = request.app.routes
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    methods = {method for route in matching for method in getattr(route, "methods", None) or ()}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


async def _handle_os_error(request: Request, error: Exception) -> Response:
    """Respond that the server is busy when it has too many files open; raise any other error."""
    if not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
        raise error
    log.error("request %s failed: too many open files", request.state.request_id)
    busy = Unavailable("The server has too many files open; try again shortly.")
    return response(busy, request.state.request_id)
