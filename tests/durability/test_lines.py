"""Pages, searches and usage that wait in line: the line is part of the time that a unit has."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import httpx2
import pytest

from askcli.errors import DatabaseUnavailable
from askcli.fair_queue import FairQueue, Place
from askcli.server.bootstrap import Services
from askcli.services.questions.history import LISTINGS
from askcli.store import database, deadline
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, services_on

KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])
PATHS = pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/users/me/questions", "_listings"),
        ("/api/users/me/questions?search=word", "_searches"),
        ("/api/users/me/usage", "_listings"),
    ],
)
PATIENCE_SECONDS = 60  # of the test, where nothing would end the wait


@contextmanager
def taken(queue: FairQueue) -> Iterator[None]:
    """Keep all slots of a queue for others during the block."""
    with ExitStack() as held:
        places = [held.enter_context(queue.reserve(f"other {i}")) for i in range(LISTINGS)]
        assert all(place.is_granted for place in places)
        yield


@asynccontextmanager
async def somebody(url: str) -> AsyncIterator[tuple[Services, httpx2.AsyncClient]]:
    async with services_on(url) as services, client_of(services) as client:
        client.headers.update(await access_token(services, "a@example.org"))
        assert (await client.get("/api/users/me/questions")).status_code == 200
        yield services, client


def noting(queue: FairQueue, event: asyncio.Event) -> None:
    """Set the event when somebody has come to wait in line."""
    reserve = queue.reserve

    def noted(user_id: str) -> Place:
        place = reserve(user_id)
        event.set()
        return place

    queue.reserve = noted  # type: ignore[method-assign]


@KINDS
@PATHS
def test_who_waits_in_line_is_refused_after_the_time_of_a_unit(
    new_database: NewDatabase, kind: str, path: str, name: str
) -> None:
    async def scenario() -> None:
        async with somebody(new_database(kind)) as (services, client):
            services.database.unit_seconds = 0.5
            with taken(queue := getattr(services.history, name)):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    refused = await client.get(path)
                assert queue.waiting == 0
            assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
            assert int(refused.headers["retry-after"]) > 0
            services.database.unit_seconds = PATIENCE_SECONDS
            assert (await client.get(path)).status_code == 200

    asyncio.run(scenario())


@KINDS
@PATHS
def test_a_session_that_ends_while_it_waits_in_line_gets_no_page(
    new_database: NewDatabase, kind: str, path: str, name: str
) -> None:
    async def scenario() -> None:
        async with somebody(new_database(kind)) as (services, client):
            services.database.unit_seconds = PATIENCE_SECONDS
            with taken(queue := getattr(services.history, name)):
                noting(queue, is_waiting := asyncio.Event())
                page = asyncio.create_task(client.get(path))
                await is_waiting.wait()
                assert (await client.post("/api/auth/logout")).status_code == 204
                assert queue.waiting == 1
            assert (await page).json()["code"] == "session_ended"

    asyncio.run(scenario())


@KINDS
def test_a_unit_has_what_its_line_has_left_of_its_time(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(database, "GRACE_SECONDS", 0.05)

    async def scenario() -> None:
        async with services_on(new_database(kind)) as services:
            store, go_on = services.database, threading.Event()
            store.unit_seconds = 10 * PATIENCE_SECONDS
            assert await _seconds_of_a_read(store) > PATIENCE_SECONDS
            with deadline.within(PATIENCE_SECONDS):
                assert await _seconds_of_a_read(store) <= PATIENCE_SECONDS
            stuck: Callable[[Any], object] = lambda _: go_on.wait(10 * PATIENCE_SECONDS)  # noqa: E731
            try:
                with deadline.within(0.2), pytest.raises(DatabaseUnavailable):
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await store.read(stuck)
            finally:
                go_on.set()
            assert await _seconds_of_a_read(store) > PATIENCE_SECONDS

    asyncio.run(scenario())


async def _seconds_of_a_read(store: database.Database) -> float:
    """Return the time that a unit of work has."""
    return await store.read(lambda _: deadline.remaining()) or 0.0
