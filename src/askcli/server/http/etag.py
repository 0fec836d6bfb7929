"""Entity tags: a document that the client has is not sent again."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def add(route: Route) -> None:
    """Let the route's document have an entity tag; the response is 304 for a client that has it.

    The document is made once: anybody may request it, any number of times.
    """
    endpoint, document, tag, media_type = route.endpoint, b"", "", ""

    async def conditional(request: Request) -> Response:
        nonlocal document, tag, media_type
        if not document:
            made = await endpoint(request)
            document, media_type = made.body, made.media_type
            tag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'
        response = Response(document, media_type=media_type)
        if _names(",".join(request.headers.getlist("if-none-match")), tag):
            response = Response(status_code=304)
        response.headers["etag"] = tag
        response.headers["cache-control"] = "no-cache"
        return response

    route.app = Route(route.path, conditional).app


def _names(if_none_match: str, tag: str) -> bool:
    """Whether the header names the tag, compared weakly (RFC 9110, 13.1.2)."""
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
