"""The files of the documentation's page, served from memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from askcli.server.http import etag

_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}


def install(app: FastAPI) -> None:
    """Serve the page's files by their names, in place of the mounted directory.

    Each download from there has a file open until it is taken, its parts are small enough not to
    be counted as unsent, and each request of any path below looks at the disk in a thread.
    """
    mount = next(route for route in app.routes if isinstance(route, Mount))
    assert isinstance(mount.app, StaticFiles)
    directory = Path(mount.app.all_directories[0])
    app.router.routes.remove(mount)
    for name, media_type in _MEDIA_TYPES.items():
        route = Route(f"{mount.path}/{name}", _reading(directory / name, media_type))
        etag.add(route)
        app.router.routes.append(route)


def _reading(path: Path, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that reads the file, and is called until that has succeeded once.

    In the event loop: it takes a millisecond, and a thread may have to be started.
    """

    async def read(_: Request) -> Response:
        return _response(path, media_type)

    return read


def _response(path: Path, media_type: str) -> Response:
    return Response(path.read_bytes(), media_type=media_type)
