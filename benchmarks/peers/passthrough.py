"""A bare pass-through on aiohttp: `python -m benchmarks.peers.passthrough PORT PROVIDER`.

It checks nothing and stores nothing: the floor of what stands between a client and a provider.
"""

from __future__ import annotations

import sys

import uvloop
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

SESSION = web.AppKey("session", ClientSession)
PROVIDER = web.AppKey("provider", str)


async def messages(request: web.Request) -> web.StreamResponse:
    """Send the request on, and its response back as it comes."""
    body = await request.read()
    headers = {"content-type": "application/json"}
    session, url = request.app[SESSION], request.app[PROVIDER]
    async with session.post(url, data=body, headers=headers) as upstream:
        response = web.StreamResponse(
            status=upstream.status, headers={"content-type": upstream.headers["content-type"]}
        )
        await response.prepare(request)
        async for data in upstream.content.iter_any():
            await response.write(data)
        await response.write_eof()
        return response


async def ready(_: web.Request) -> web.Response:
    """Answer that the server is up."""
    return web.Response()


async def application(provider: str) -> web.Application:
    """Return the server."""
    app = web.Application()
    app[SESSION] = ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None))
    app[PROVIDER] = f"{provider}/v1/messages"
    app.router.add_post("/v1/messages", messages)
    app.router.add_get("/readyz", ready)
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(
        application(sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        backlog=4096,
        print=lambda *_: None,
    )
