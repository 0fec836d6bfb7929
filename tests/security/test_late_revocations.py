"""A session that ends while a request is on its way: it does nothing, and takes nobody's place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from contextvars import Context
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import func, select

from askcli.errors import DatabaseUnavailable
from askcli.server.http import bodies
from askcli.services.runs import open_streams
from askcli.store.tables import questions
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, services_on

KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])
JSON = {"content-type": "application/json"}


@KINDS
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_session_that_ends_within_the_body_asks_nothing(
    new_database: NewDatabase, kind: str, accept: str
) -> None:
    """Nor is it told the answer to a question of its key."""

    async def ask(client: httpx2.AsyncClient, header: dict[str, str], end: bool) -> Any:
        async def body() -> AsyncIterator[bytes]:  # of no known length
            text = json.dumps({"question": "hello"}).encode()
            yield text[:5]
            if end:
                logout = client.post("/api/auth/logout", headers=header)
                assert (await asyncio.create_task(logout)).status_code == 204
            yield text[5:]

        return await client.post("/api/questions", headers=header, content=body())

    async def scenario() -> None:
        async with services_on(new_database(kind)) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org") | JSON | {"accept": accept}
            key = {"idempotency-key": uuid4().hex}
            assert (await ask(client, header | key, end=False)).status_code in (200, 201)
            again = await ask(client, header | key, end=True)
            assert again.json()["code"] == "session_ended"
            other = await access_token(services, "b@example.org") | JSON | {"accept": accept}
            assert (await ask(client, other, end=True)).json()["code"] == "session_ended"
            count = select(func.count()).select_from(questions)
            assert await services.database.read(lambda c: c.execute(count).scalar_one()) == 1

    asyncio.run(scenario())


def test_who_is_not_checked_takes_no_place_of_others(new_database: NewDatabase) -> None:
    """Neither in line for the model or a search, nor of an open stream."""

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            asked = await client.post("/api/questions", headers=header, json={"question": "hello"})
            user_id, question_id = asked.json()["user_id"], asked.json()["id"]
            assert (await client.post("/api/auth/logout", headers=header)).status_code == 204
            with ExitStack() as held:
                queues = (services.queue, services.history._searches, services.history._listings)
                places = []
                for queue in queues:
                    queue._free, queue.places, queue._user_limit = 0, 4, 4
                    places += [held.enter_context(queue.reserve("another")) for _ in range(4)]
                ended = list[str]()

                def end() -> bool:
                    ended.append("one")
                    return True

                for _ in range(open_streams.MOST_OF_A_USER):
                    held.enter_context(services.streams.one(UUID(user_id), end))
                events = {"accept": "text/event-stream"}
                responses = [
                    await client.post("/api/questions", headers=header, json={"question": "hello"}),
                    await client.get("/api/users/me/questions?search=hello", headers=header),
                    await client.get("/api/users/me/questions", headers=header),
                    await client.get(f"/api/questions/{question_id}/events", headers=header),
                    await client.post(
                        "/api/questions", headers=header | events, json={"question": "hello"}
                    ),
                ]
                assert [r.json()["code"] for r in responses] == ["session_ended"] * 5
                assert [place.refusal for place in places] == [None] * 12
                assert ended == []

    asyncio.run(scenario())


class Unfinished:
    """Asks whose bodies are not whole before `go_on`."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self.go_on = asyncio.Event()

    async def begin(self, header: dict[str, str], size: int) -> asyncio.Task[httpx2.Response]:
        """Send so much of one; return when it is held, or refused."""
        is_held, start, rest = asyncio.Event(), b'{"question": "', b'"}'

        async def body() -> AsyncIterator[bytes]:
            yield start.ljust(size, b"a")
            is_held.set()
            await self.go_on.wait()
            yield rest

        length = {"content-length": str(size + len(rest))}
        request = self._client.post(
            "/api/questions", headers=header | JSON | length, content=body()
        )
        task = asyncio.create_task(request)
        held = asyncio.create_task(is_held.wait())
        await asyncio.wait({task, held}, return_when=asyncio.FIRST_COMPLETED)
        held.cancel()
        return task


def test_unfinished_bodies_of_an_ended_session_take_no_room_of_its_user(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pool in (bodies.OF_CLAIMS, bodies.OF_CALLERS):
        monkeypatch.setattr(pool, "_together", 150_000)

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            ended = await access_token(services, "a@example.org")
            assert (await client.post("/api/auth/logout", headers=ended)).status_code == 204
            live, unfinished = await access_token(services, "a@example.org"), Unfinished(client)
            own = await unfinished.begin(live, 50_000)
            others = [await unfinished.begin(ended, 60_000) for _ in range(2)]
            later = await unfinished.begin(live, 60_000)
            unfinished.go_on.set()
            assert [(await ask).status_code for ask in (own, later)] == [201, 201]
            assert {(await other).json()["code"] for other in others} == {"session_ended"}

    asyncio.run(asyncio.wait_for(scenario(), 60))


@pytest.mark.parametrize("size", [40_000, 200_000])
def test_unfinished_bodies_of_many_ended_sessions_keep_no_other_user_out(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """However many sessions one user had: short bodies get in as well as long ones."""
    for pool in (bodies.OF_CLAIMS, bodies.OF_CALLERS):
        monkeypatch.setattr(pool, "_together", 250_000)

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            other, unfinished = await access_token(services, "b@example.org"), Unfinished(client)
            asks = [await unfinished.begin(other, size)]
            for _ in range(10):
                header = await access_token(services, "a@example.org")
                assert (await client.post("/api/auth/logout", headers=header)).status_code == 204
                asks.append(await unfinished.begin(header, 30_000))
            asks.append(await unfinished.begin(other, 40_000))
            unfinished.go_on.set()
            statuses = [response.status_code for response in await asyncio.gather(*asks)]
            assert (statuses[0], statuses[-1]) == (201, 201)
            assert set(statuses[1:-1]) == {401}

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_a_revoked_api_token_is_worth_no_body(new_database: NewDatabase) -> None:
    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            login, unfinished = await access_token(services, "a@example.org"), Unfinished(client)
            named = {"name": "script", "scopes": ["ask"]}
            token = (await client.post("/api/tokens", headers=login, json=named)).json()
            header = {"x-access-token": token["token"]}
            assert (await client.get("/api/models", headers=header)).status_code == 200
            path = f"/api/tokens/{token['id']}"
            assert (await client.delete(path, headers=login)).status_code == 204
            refused = await unfinished.begin(header, 100)
            assert refused.done()
            assert refused.result().json()["code"] == "invalid_token"

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_a_run_whose_commit_is_not_confirmed_checks_no_caller(new_database: NewDatabase) -> None:
    """It was let in; its session may have ended when its row is found."""

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            write_entry = services.database.write_entry

            async def lost(*args: Any) -> None:
                await asyncio.create_task(write_entry(*args), context=Context())
                logout = asyncio.create_task(client.post("/api/auth/logout", headers=header))
                assert (await logout).status_code == 204
                services.database.write_entry = write_entry  # type: ignore[method-assign]
                raise DatabaseUnavailable(may_be_done=True)

            services.database.write_entry = lost  # type: ignore[method-assign, assignment]
            key = {"idempotency-key": uuid4().hex}
            asked = {"question": "hello " * 1000}  # for which the caller is checked once more
            refused = await client.post("/api/questions", headers=header | key, json=asked)
            assert refused.status_code in (401, 503)
            await asyncio.gather(*(job.task for job in services.runs._own.values()))
            query = select(questions.c.status)
            assert await services.database.read(lambda c: c.execute(query).scalar_one()) == (
                "answered"
            )

    asyncio.run(asyncio.wait_for(scenario(), 60))
