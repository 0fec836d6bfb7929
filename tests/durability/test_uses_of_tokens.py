"""A database that takes no changes: what is stored can be read, with an API token too."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, cast

import httpx2
import psycopg
import pytest

from askcli.errors import DatabaseUnavailable
from askcli.server.bootstrap import Services
from askcli.services.auth import authentication
from askcli.services.auth.authentication import Authentication
from askcli.store.database import Database
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, services_on

KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])
QUESTIONS = "/api/users/me/questions"


@contextmanager
def unwritable(services: Services, url: str) -> Iterator[None]:
    """Let writes fail: SQLite's lock is another's, or PostgreSQL reads only."""
    engine = services.database.engine
    if services.database.is_sqlite:
        with closing(sqlite3.connect(engine.url.database or "", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.execute("SELECT quote_ident(current_database())").fetchone()
        assert name
        database = f"ALTER DATABASE {name[0]}"
        connection.execute(f"{database} SET default_transaction_read_only = on".encode())
        engine.dispose()  # new connections have the setting
        yield
        connection.execute(f"{database} RESET default_transaction_read_only".encode())


@KINDS
def test_an_api_token_reads_while_nothing_can_be_written(
    new_database: NewDatabase, kind: str
) -> None:
    """Its last use is stored by itself, and once that is possible."""
    url = new_database(kind)

    async def scenario(services: Services, client: httpx2.AsyncClient) -> None:
        header, token = await _tokens(services, client)
        services.database.unit_seconds = 60  # a request that waits for a write is too late
        with unwritable(services, url):
            async with asyncio.timeout(50):
                assert (await client.get(QUESTIONS, headers=token)).status_code == 200
            services.database.unit_seconds = 0.5
            with pytest.raises(DatabaseUnavailable):
                await services.database.write(lambda c: c.exec_driver_sql("DELETE FROM audit"))
        services.database.unit_seconds = 60
        assert await _last_used_at(client, header) is None
        storing = asyncio.create_task(services.authentication.run())
        async with asyncio.timeout(60):
            while await _last_used_at(client, header) is None:
                await asyncio.sleep(0.01)
        storing.cancel()

    asyncio.run(_with_services(url, scenario))


async def _with_services(
    url: str, scenario: Callable[[Services, httpx2.AsyncClient], Awaitable[None]]
) -> None:
    async with services_on(url) as services, client_of(services) as client:
        await scenario(services, client)


async def _tokens(
    services: Services, client: httpx2.AsyncClient
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers of a user's login and of their API token, which was not used yet."""
    header = await access_token(services, "a@example.org")
    body = {"name": "x", "scopes": ["read"]}
    made = (await client.post("/api/tokens", headers=header, json=body)).json()
    return header, {"authorization": f"Bearer {made['token']}"}


async def _last_used_at(client: httpx2.AsyncClient, header: dict[str, str]) -> Any:
    return (await client.get("/api/tokens", headers=header)).json()["items"][0]["last_used_at"]


def test_a_last_use_that_cannot_be_stored_is_not_tried_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(authentication, "USES_SECONDS", 0)
    monkeypatch.setattr(authentication, "BACK_OFF_SECONDS", 3600)

    class Unwritable:
        tries = 0

        async def write(self, *_: Any) -> None:
            self.tries += 1
            raise DatabaseUnavailable

    async def scenario() -> None:
        database = Unwritable()
        authenticating = Authentication(cast(Database, database), cast(Any, None))
        authenticating._used |= {"a", "b"}
        storing = asyncio.create_task(authenticating.run())
        for _ in range(20):  # turns of the event loop
            await asyncio.sleep(0)
        assert database.tries == 1
        storing.cancel()

    asyncio.run(scenario())
