"""The documentation's page, as it is to be, and its files, served from memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from askcli.server.http import etag

_Endpoint = Callable[[Request], Awaitable[Response]]

_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}

_NO_FRAME = {"content-security-policy": "frame-ancestors 'none'"}


def install(app: FastAPI) -> None:
    """Complete the page at `/docs`, and serve its files from memory."""
    page = next(route for route in app.routes if isinstance(route, Route) and route.path == "/docs")
    page.app = Route(page.path, _completed(page.endpoint)).app
    _install_files(app)


def _completed(endpoint: _Endpoint) -> _Endpoint:
    """Return an endpoint of the page with its language, and for no frame of another page."""

    async def complete(request: Request) -> Response:
        html = bytes((await endpoint(request)).body)
        html = html.replace(b"<html>", b'<html lang="en">')
        return Response(html, headers=_NO_FRAME, media_type="text/html")

    return complete


def _install_files(app: FastAPI) -> None:
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


def _reading(path: Path, media_type: str) -> _Endpoint:
    """Return an endpoint that reads the file, and is called until that has succeeded once.

    In the event loop: it takes a millisecond, and a thread may have to be started.
    """

    async def read(_: Request) -> Response:
        return _response(path, media_type)

    return read


def _response(path: Path, media_type: str) -> Response:
    return Response(path.read_bytes(), media_type=media_type)
