"""Endpoints that need only their path, their caller and the services, called without FastAPI.

FastAPI solves the dependencies of a request anew each time, in as much time as reading a question
takes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant

from askcli.server.dependencies import get_caller, get_services

# Returns None where a parameter is wrong: FastAPI then makes the error.
Call = Callable[[Request], Awaitable[Response | None]]


def call(dependant: Dependant) -> Call | None:
    """Return a function that calls the endpoint, None where FastAPI has to.

    The endpoint must return a response.
    """
    endpoint: Any = dependant.call
    if endpoint.__annotations__.get("return") != "Response" or not _is_simple(dependant):
        return None
    fields = [(field.alias, field.name, field) for field in dependant.path_params]
    callers, services = (
        [d.name or "" for d in dependant.dependencies if d.call is dependency]
        for dependency in (get_caller, get_services)
    )

    async def call(request: Request) -> Response | None:
        values: dict[str, Any] = {}
        for alias, name, field in fields:
            value, errors = field.validate(request.path_params[alias], {}, loc=("path", alias))
            if errors:
                return None
            values[name] = value
        values |= dict.fromkeys(services, request.app.state.services)
        if callers:
            values |= dict.fromkeys(callers, request.state.caller)
        response: Response = await endpoint(**values)
        return response

    return call


def _is_simple(dependant: Dependant) -> bool:
    is_known = all(d.call in (get_caller, get_services) for d in dependant.dependencies)
    others = (
        *(dependant.query_params, dependant.header_params, dependant.cookie_params),
        *(dependant.body_params, dependant.request_param_name, dependant.response_param_name),
    )
    return is_known and not any(others)
