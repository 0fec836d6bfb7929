"""Endpoints called without FastAPI, which solves a request's dependencies anew each time.

That takes as long as reading a question. Parameters are validated by FastAPI's own functions; where
one is wrong, FastAPI is called after all, and makes the error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fastapi import Request, Response
from fastapi._compat import field_annotation_is_sequence
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from askcli.server.dependencies import get_caller, get_services

# Returns the request that the endpoint's body is read from, bounded.
Bounded = Callable[[Request], Awaitable[Request]]


def app(dependant: Dependant, bounded: Bounded, otherwise: ASGIApp) -> ASGIApp:
    """Return an app that calls the endpoint, `otherwise` where FastAPI has to.

    The endpoint must return a response; FastAPI makes others.
    """
    endpoint: Any = dependant.call
    if endpoint.__annotations__.get("return") != "Response" or not _is_known(dependant):
        return otherwise
    body = dependant.body_params[0] if dependant.body_params else None
    solve = _solver(dependant)

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        values = solve(request)
        if body is not None:
            request = await bounded(request)
            values = await _with_body(request, body, values)
        if values is None:
            if body is not None:
                receive = _replayed(await request.body())
            await otherwise(scope, receive, send)
            return
        answering: Awaitable[Response] = endpoint(**values)
        del request, values  # the body is not kept while the endpoint waits
        response = await answering
        del answering  # nor what has returned while a stream is sent
        await response(scope, receive, send)

    return call


async def _with_body(
    request: Request, field: Any, values: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Read the body, which is validated where the other parameters are right; None if it is wrong.

    Raises HTTPException, as reading it does where it is too large or too slow.
    """
    try:
        content = await request.json()
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001 - FastAPI gets the same, and makes the error of it
        return None
    if values is None:
        return None
    value, errors = field.validate(content, values, loc=("body",))
    return None if errors else {**values, field.name: value}


def _is_known(dependant: Dependant) -> bool:
    """Whether nothing is asked for but what is provided here."""
    are_known = all(d.call in (get_caller, get_services) for d in dependant.dependencies)
    query = dependant.query_params
    is_flat = not query or (len(query) == 1 and _is_flat_model(query[0]))
    others = dependant.cookie_params, dependant.response_param_name, dependant.body_params[1:]
    are_optional = all(field.field_info.default is None for field in dependant.header_params)
    return are_known and is_flat and are_optional and not any(others)


def _solver(dependant: Dependant) -> Callable[[Request], dict[str, Any] | None]:
    """Return a function of the parameters besides the body; None where one is wrong."""
    callers, services = (
        [d.name or "" for d in dependant.dependencies if d.call is dependency]
        for dependency in (get_caller, get_services)
    )
    readers = [(field.name, partial(_path, field)) for field in dependant.path_params]
    readers += [(field.name, partial(_header, field)) for field in dependant.header_params]
    readers += [(field.name, partial(_query, field)) for field in dependant.query_params]
    requests = [name for name in [dependant.request_param_name] if name]

    def solve(request: Request) -> dict[str, Any] | None:
        values: dict[str, Any] = dict.fromkeys(requests, request)
        values |= dict.fromkeys(services, request.app.state.services)
        values |= dict.fromkeys(callers, request.state.caller)
        for name, read in readers:
            value, errors = read(request)
            if errors:
                return None
            values[name] = value
        return values

    return solve


def _path(field: Any, request: Request) -> Any:
    """Return the validated value of a part of the path, and what is wrong with it."""
    return field.validate(request.path_params[field.alias], {}, loc=("path", field.alias))


def _header(field: Any, request: Request) -> Any:
    """Return the same of an optional header that is no list."""
    value = request.headers.get(field.alias)
    return (None, None) if value is None else field.validate(value, {}, loc=("header", field.alias))


def _query(field: Any, request: Request) -> Any:
    """Return the same of the query, as a whole."""
    return field.validate(dict(request.query_params), {}, loc=("query",))


def _is_flat_model(field: Any) -> bool:
    """Whether it is a model of single values, each by its field's name, and ignores others.

    It is validated at once: FastAPI looks at each field's type at each request, in ten times that.
    """
    model = field.field_info.annotation
    return (
        isinstance(model, type)
        and issubclass(model, BaseModel)
        and model.model_config.get("extra", "ignore") == "ignore"
        and not any(
            one.alias or one.validation_alias or field_annotation_is_sequence(one.annotation)
            for one in model.model_fields.values()
        )
    )


def _replayed(body: bytes) -> Receive:
    """Return `receive` of a request whose body was read."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
