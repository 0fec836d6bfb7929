"""A document with an entity tag is made once."""

from __future__ import annotations

import asyncio

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from askcli.server.http import etag


def test_a_document_is_made_once_for_all_who_ask_for_it() -> None:
    made: list[Request] = []

    async def document(request: Request) -> JSONResponse:
        made.append(request)
        return JSONResponse({"large": True})

    async def scenario() -> None:
        route = Route("/document", document)
        etag.add(route)
        transport = httpx2.ASGITransport(Starlette(routes=[route]))
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            first, again = [await client.get("/document") for _ in range(2)]
            tag = {"if-none-match": first.headers["etag"]}
            known = await client.get("/document", headers=tag)
        assert first.content == again.content == b'{"large":true}'
        assert first.headers == again.headers
        assert first.headers["content-type"] == "application/json"
        assert (known.status_code, known.content) == (304, b"")
        assert len(made) == 1

    asyncio.run(scenario())
