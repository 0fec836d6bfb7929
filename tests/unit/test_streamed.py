"""Streams that are sent when their handlers have returned: none is open after its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import fastapi
import httpx2
import pytest

from askcli.answerers.base import Begin, Finish, Piece, Request
from askcli.server.bootstrap import Services
from askcli.server.dependencies import admit
from askcli.server.http import route
from askcli.server.protocol.taking import tell_of_loss
from askcli.server.streamed import StreamedBody
from askcli.services.auth.authentication import Caller
from askcli.services.runs.stream import AnswerStream
from askcli.store.queries import users
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, services_on

EMAIL = "a@example.org"
SECONDS = 60


def open_ones(services: Services) -> tuple[int, int]:
    """Streams that count for their users, and callers that are watched."""
    return services.streams.count, len(services.watches._watches)


@asynccontextmanager
async def running(
    new_database: NewDatabase,
) -> AsyncIterator[tuple[Services, httpx2.AsyncClient, str]]:
    """A user's answer that runs, and is followed, until the end of the block; and its path."""
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def answer(request: Request) -> AsyncGenerator[Piece, None]:
        yield Begin(request.model, 1)
        yield "word"
        has_begun.set()
        await may_end.wait()
        yield Finish("end_turn", request.model, 1, 1)

    async with services_on(new_database("sqlite")) as services, client_of(services) as client:
        header = await access_token(services, EMAIL)
        services.answerer.stream = answer  # type: ignore[method-assign]
        stream = header | {"accept": "text/event-stream"}
        asking = asyncio.create_task(
            client.post("/api/questions", headers=stream, json={"question": "why?"})
        )
        await has_begun.wait()
        listed = await client.get("/api/users/me/questions", headers=header)
        assert open_ones(services) == (1, 1)
        yield services, client, f"/api/questions/{listed.json()['items'][0]['id']}/events"
        assert open_ones(services) == (1, 1)
        may_end.set()
        assert "event: done" in (await asking).text
        assert open_ones(services) == (0, 0)


def test_the_head_of_a_stream_leaves_nothing_open(new_database: NewDatabase) -> None:
    async def scenario() -> None:
        async with running(new_database) as (services, client, path):
            header = await access_token(services, EMAIL)
            head = await asyncio.wait_for(client.head(path, headers=header), SECONDS)
            assert head.headers["content-type"].startswith("text/event-stream")

    asyncio.run(scenario())


@pytest.mark.parametrize("is_read", [True, False])
def test_a_stream_whose_caller_is_refused_leaves_nothing_open(
    new_database: NewDatabase, is_read: bool
) -> None:
    """Also where nothing was read for it, with which the caller would have been checked."""

    async def scenario() -> None:
        async with running(new_database) as (services, client, path):
            ended = await access_token(services, EMAIL)
            assert (await client.post("/api/auth/logout", headers=ended)).status_code == 204
            if not is_read:
                user = await services.database.read(users.by_email, EMAIL)
                assert user
                answer = await services.questions.follow(user["id"], UUID(path.split("/")[3]))

                async def follow(*_: object) -> AnswerStream:
                    return answer

                services.questions.follow = follow  # type: ignore[method-assign, assignment]
            refused = await asyncio.wait_for(client.get(path, headers=ended), SECONDS)
            assert (refused.status_code, refused.json()["code"]) == (401, "session_ended")

    asyncio.run(scenario())


def test_a_client_that_leaves_while_its_token_is_looked_up_keeps_no_stream(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody watches it until then: a token for scripts that is new here takes a read first."""

    async def admit_and_lose(request: fastapi.Request, scopes: Sequence[str]) -> Caller:
        caller = await admit(request, scopes)
        cycle: Any = SimpleNamespace(scope=request.scope, message_event=asyncio.Event())
        tell_of_loss(cycle)
        return caller

    async def scenario() -> None:
        async with running(new_database) as (services, client, path):
            login = await access_token(services, EMAIL)
            with monkeypatch.context() as patched:
                patched.setattr(route, "admit", admit_and_lose)
                left = await asyncio.wait_for(client.get(path, headers=login), SECONDS)
            assert "event: done" not in left.text

    asyncio.run(scenario())


@pytest.mark.parametrize("failing", ["part", "send", None])
def test_the_blocks_of_a_body_are_left_at_its_end(failing: str | None) -> None:
    story = list[Any]()

    @contextmanager
    def block(name: str) -> Any:
        try:
            yield
        finally:
            story.append(name)

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        if failing == "part":
            raise ValueError
        yield b"two"

    async def send(message: Any) -> None:
        if failing == "send":
            raise ValueError
        story.append((message["body"], message["more_body"]))

    body = StreamedBody(parts())
    for name in ("first", "second"):
        entered = block(name)
        entered.__enter__()
        body.keep(entered)
    if failing:
        with pytest.raises(ValueError):
            asyncio.run(body.send(send))
    else:
        asyncio.run(body.send(send))
    sent = {
        "part": [(b"one", True)],
        "send": [],
        None: [(b"one", True), (b"two", True), (b"", False)],
    }
    assert story == [*sent[failing], "second", "first"]
