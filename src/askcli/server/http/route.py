"""Routes that know their caller before they read a body."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from enum import Enum
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from askcli.errors import UnsupportedMedia
from askcli.server import openapi, streamed
from askcli.server.bootstrap import Services
from askcli.server.dependencies import admit, get_caller
from askcli.server.http import bodies, direct
from askcli.server.http.checked import Checked
from askcli.server.streamed import StreamedBody
from askcli.services import request_info
from askcli.store.database import admission


def new_router(tags: list[str | Enum], prefix: str = "") -> APIRouter:
    """Return a router of such routes, which the app takes over one by one.

    Not as a router: FastAPI would match each of its routes twice, at some ten microseconds each.
    """
    return APIRouter(
        prefix=prefix,
        tags=tags,
        route_class=Route,
        responses=openapi.ANY_PROBLEM,
        generate_unique_id_function=openapi.operation_id,
    )


class Route(APIRoute):
    """A route that checks the caller, if it has one, then the body's type, size and time.

    FastAPI reads the body first and solves the dependencies, of which the caller is one, after it.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.app = direct.app(self.dependant, _bounded, self.app)
        for dependency in self.dependant.dependencies:
            if dependency.call is get_caller:
                scopes = dependency.own_oauth_scopes or []
                self.app = _for_caller(self.app, scopes, has_body=self.body_field is not None)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, with the checks of the body before it."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def check_and_handle(request: Request) -> Response:
            return await handle(await _bounded(request))

        return check_and_handle


async def _read(request: Request) -> None:
    """Read the body, which the request keeps. Raises HTTPException."""
    try:
        await request.body()
    except ClientDisconnect:
        raise HTTPException(400) from None


async def _bounded(request: Request) -> Request:
    """Return the request with its body bounded. Raises UnsupportedMedia and HTTPException (413)."""
    _check_json(request)
    caller = getattr(request.state, "caller", None)
    if caller is None:
        return bodies.OF_STRANGERS.bounded(request, request_info.current().site)
    claimed = bodies.OF_CLAIMS.reserved(request, caller.user_id)
    if claimed is None:
        await request.app.state.services.authentication.confirm()
        claimed = bodies.OF_CALLERS.bounded(request, caller.user_id)
    request = claimed
    await _read(request)
    admission.renew()  # the body may have taken a minute
    request.state.begin_serving()
    return request


def _for_caller(app: ASGIApp, scopes: list[str], *, has_body: bool) -> ASGIApp:
    """Return the app for callers with one of the scopes, who are watched until they are served.

    They are served from when the body is whole: until then the connection can be closed for
    another, and takes nobody's place.

    Nothing is sent to a caller who is not checked: where the app has not done it, its response
    waits for the check, and gives way to its error.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        services: Services = request.app.state.services
        authentication, watches = services.authentication, services.watches
        state, events = request.state, watches.events
        try:
            caller = await admit(request, scopes)
            with ExitStack() as until_sent:
                serving = request.app.state.connections.serving(caller.user_id)
                state.begin_serving = until_sent.enter_context(serving).begin
                watch = watches.watching(caller, state.abort_if_stalled, events)
                state.watch = until_sent.enter_context(watch)
                if getattr(state, "has_left", False):  # while the token was looked up
                    watch.leave()
                if not has_body:
                    state.begin_serving()
                checked = Checked(authentication, scope, receive, send)
                await app(scope, receive, checked.send)
                if body := streamed.take(scope):
                    body.keep(serving, watch)
                    until_sent.pop_all()
                    _pass_on(scope, body, checked)
        except Exception:
            await authentication.confirm()
            raise
        finally:
            admission.bind(None)

    return serve


def _pass_on(scope: Scope, body: StreamedBody, checked: Checked) -> None:
    """Pass a body on to the envelope, unless an error has been sent in the response's place."""
    if checked.is_refused:
        body.close()
    else:
        streamed.hand_over(scope, body)


def _check_json(request: Request) -> None:
    """Raise UnsupportedMedia unless the body says that it is JSON, and not compressed."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("Send the body as JSON, with Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMedia("Send the body as it is, without Content-Encoding.")
