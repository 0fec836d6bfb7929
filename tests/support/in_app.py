"""The whole application in the test's own event loop, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from askcli.server.app import create_app
from askcli.server.bootstrap import Services, build
from askcli.server.http.activity import Activity
from askcli.server.protocol.connections import Connections
from askcli.services import request_info
from askcli.services.request_info import RequestInfo
from askcli.settings import Settings
from askcli.store.queries import users
from tests.support.people import new_user
from tests.support.secrets import SECRET

_CONNECTION = {"abort_if_stalled": lambda: False, "abort_if_untaken": lambda: False}


@asynccontextmanager
async def services_on(url: str, **settings: Any) -> AsyncIterator[Services]:
    basic: dict[str, Any] = {
        "db_conn_string": url,
        "jwt_secret": SECRET,
        "answerer": "scripted",
    }
    services = build(Settings(**basic, **settings))
    try:
        yield services
    finally:
        await services.close()


@asynccontextmanager
async def client_of(
    services: Services, address: str = "192.0.2.1"
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client at this address of the whole application, without a socket."""
    app = create_app(services, Activity(), None, lambda: None, [])
    app.state.connections = Connections(1000)

    async def connection(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {**_CONNECTION}}, receive, send)

    transport = httpx2.ASGITransport(connection, client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def access_token(services: Services, email: str) -> dict[str, str]:
    """The header of a user who is logged in, a new one if the email is."""
    user = await services.database.read(users.by_email, email)
    if user is None:
        user_id = await services.database.write(new_user, email)
        user = await services.database.read(users.by_id, user_id)
    assert user
    request_info.bind(RequestInfo("id", "client", None))
    tokens = await services.sessions.open(user)
    return {"authorization": f"Bearer {tokens['access_token']}"}


def log_out_after_the_next_read(
    services: Services, client: httpx2.AsyncClient, header: dict[str, str]
) -> None:
    """Let the session of this header end between the next read of the database and what follows."""
    read = services.database.read

    async def then_log_out(work: Any, *args: Any) -> Any:
        result = await read(work, *args)
        services.database.read = read  # type: ignore[method-assign]
        logout = client.post("/api/auth/logout", headers=header)
        assert (await asyncio.create_task(logout)).status_code == 204
        return result

    services.database.read = then_log_out  # type: ignore[method-assign, assignment]
