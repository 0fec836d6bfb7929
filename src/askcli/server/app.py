"""The FastAPI application: routes, error handlers and middleware around the services."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi_offline import FastAPIOffline
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from askcli import __version__
from askcli.answerers.base import Answerer
from askcli.errors import AskcliError
from askcli.metrics import exposition
from askcli.server import gauges, openapi, problems
from askcli.server.bootstrap import Services
from askcli.server.http import cross_origin, docs_files, etag
from askcli.server.http.activity import Activity
from askcli.server.http.middleware import Envelope
from askcli.server.http.refusals import Refusal, Refusals
from askcli.server.http.trusted_hosts import Hosts
from askcli.server.routes import (
    auth,
    conversations,
    health,
    history,
    models,
    questions,
    sessions,
    tokens,
    users,
)

log = logging.getLogger("askcli.server")

# New objects until Python looks through them for garbage. A request makes and frees a thousand:
# with the default of 700, collections took a twentieth of an ask's time.
NEW_OBJECTS = 5_000

_NOT_WARMED = "the answerer could not be warmed; the first question will try again: %s"


def create_app(
    services: Services,
    activity: Activity,
    allowed: Hosts,
    refusal: Refusal,
    origins: Sequence[str],
) -> FastAPI:
    """Return the API over these services; it closes them when it stops.

    `refusal` returns the error with which any request is refused now, None for none; `origins` are
    those whose pages may call the API.
    """
    app = FastAPIOffline(
        redoc_url=None,
        static_url="/docs/files",  # a proxy that passes on the page passes on these
        title="askcli",
        version=__version__,
        description="Ask a language model; every answer is stored.",
        lifespan=_lifespan,
        redirect_slashes=False,
        # It would look for a configuration at each request, and report messages of errors.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        responses=openapi.ANY_PROBLEM,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.services = services
    # Those that are called the most come first: routes are tried one after the other.
    modules = (questions, history, users, auth, conversations, sessions, tokens, models, health)
    app.router.routes[:0] = [route for module in modules for route in module.router.routes]
    for route in app.routes:
        if isinstance(route, Route) and route.path == app.openapi_url:
            etag.add(route)
    docs_files.install(app)
    problems.install(app)
    openapi.install(app, services.questions.models()[1])
    app.add_middleware(Refusals, allowed=allowed, refusal=refusal)  # each is around those before
    cross_origin.install(app, origins)
    app.add_middleware(Envelope, activity=activity, is_leaving=partial(_is_leaving, app))
    app.middleware_stack = _middleware(app)
    return app


class Entry:
    """The app as a server calls it, without two frames of FastAPI's that each stream would keep."""

    def __init__(self, app: FastAPI) -> None:
        self.state = app.state
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request, or the lifespan."""
        scope["app"] = self._app
        assert self._app.middleware_stack
        return self._app.middleware_stack(scope, receive, send)


def _middleware(app: FastAPI) -> ASGIApp:
    """Return the router within the handlers of errors, within the middleware that was added.

    FastAPI's own stack has three more around them, which are called for every request, and stay
    with every stream: they bound bodies, and respond to what fails, as routes and `Envelope` do.
    """
    within = AsyncExitStackMiddleware(app.router)
    stack: ASGIApp = ExceptionMiddleware(within, app.exception_handlers)
    for middleware, arguments, keywords in reversed(app.user_middleware):
        stack = middleware(stack, *arguments, **keywords)
    return stack


def _is_leaving(app: FastAPI) -> bool:
    """Whether the server leaves, by the services that the app has now, as its routes take them."""
    services: Services = app.state.services
    return services.runs.is_leaving


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    background: list[asyncio.Task[None]] = [
        asyncio.create_task(_warm(services.answerer)),
        asyncio.create_task(services.listener.run()),
        asyncio.create_task(services.orphans.run()),
        asyncio.create_task(services.watches.run()),
        asyncio.create_task(services.authentication.run()),
        asyncio.create_task(services.housekeeping.run()),
    ]
    if exposition.is_shared():
        background.append(asyncio.create_task(gauges.run(services)))
    yield
    for task in background:
        task.cancel()
    await asyncio.wait(background)
    await services.close()


async def _warm(answerer: Answerer) -> None:
    """Load what the first answer needs, beside the first requests."""
    try:
        await answerer.warm()
    except AskcliError as error:  # its cause, which may quote a password, is logged where it came
        log.error(_NOT_WARMED, error.detail)
    except Exception as error:  # noqa: BLE001 - its text may quote a password, too
        stack = "".join(traceback.format_tb(error.__traceback__))
        log.error(_NOT_WARMED, f"{type(error).__name__}\n{stack}")
    # The SDK alone is some hundred thousand objects, and they stay: no collection looks at them.
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
