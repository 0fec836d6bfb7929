"""Routes that know their caller before they read a body."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from askcli.errors import UnsupportedMedia
from askcli.server.dependencies import admit, get_caller
from askcli.server.http import bodies
from askcli.services import request_info


class Route(APIRoute):
    """A route that checks the caller, if it has one, then the body's type, size and time.

    FastAPI reads the body first and solves the dependencies, of which the caller is one, after it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with these checks before FastAPI's."""
        handle = super().get_route_handler()
        callers = [
            dependency
            for dependency in self.dependant.dependencies
            if dependency.call is get_caller
        ]
        limits = bodies.OF_CALLERS if callers else bodies.OF_STRANGERS

        async def check_and_handle(request: Request) -> Response:
            owner: Hashable = request_info.current().site
            for caller in callers:
                owner = (await admit(request, caller.own_oauth_scopes or ())).user_id
            if self.body_field is not None:
                _check_json(request)
                request = limits.bounded(request, owner)
            return await handle(request)

        return check_and_handle


def _check_json(request: Request) -> None:
    """Raise UnsupportedMedia unless the body says that it is JSON, and not compressed."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("Send the body as JSON, with Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMedia("Send the body as it is, without Content-Encoding.")
