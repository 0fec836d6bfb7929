"""How much memory a running stream takes, besides its connections'."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator

import httpx2
import pytest

from askcli.answerers.base import Begin, Finish, Piece, Request
from askcli.errors import ProviderFailed
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, services_on

STREAMS = 20
MOST_BYTES = 40_000  # of the app, the run and the client here, which is a third of them


def test_a_stream_takes_a_bounded_memory(new_database: NewDatabase) -> None:
    taken = list[int]()

    async def scenario() -> None:
        waiting, may_end = asyncio.Semaphore(0), asyncio.Event()

        async def answer(request: Request) -> AsyncGenerator[Piece, None]:
            yield Begin(request.model, 1)
            yield "word "
            waiting.release()
            await may_end.wait()
            yield Finish("end_turn", request.model, 1, 1)

        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            services.answerer.stream = answer  # type: ignore[method-assign]
            header = await access_token(services, "a@example.org")

            async def ask() -> None:
                stream = header | {"accept": "text/event-stream"}
                await client.post("/api/questions", headers=stream, json={"question": "why?"})

            may_end.set()
            await ask()  # what is loaded and kept once
            may_end.clear()
            await waiting.acquire()
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            asking = [asyncio.create_task(ask()) for _ in range(STREAMS)]
            for _ in asking:
                await waiting.acquire()
            gc.collect()
            taken.append((tracemalloc.get_traced_memory()[0] - before) // STREAMS)
            tracemalloc.stop()
            may_end.set()
            await asyncio.gather(*asking)

    asyncio.run(scenario())
    assert taken[0] <= MOST_BYTES


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_the_error_that_ends_an_answer_keeps_no_frames(new_database: NewDatabase, end: str) -> None:
    """Neither of what made the answer nor of its followers: each raised it, and it grew."""

    async def scenario() -> None:
        has_begun, may_end = asyncio.Event(), asyncio.Event()

        async def answer(request: Request) -> AsyncGenerator[Piece, None]:
            yield Begin(request.model, 1)
            has_begun.set()
            await may_end.wait()
            raise ProviderFailed from ValueError()

        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            services.answerer.stream = answer  # type: ignore[method-assign]
            header = await access_token(services, "a@example.org")

            async def ask(accept: str) -> httpx2.Response:
                headers = header | {"accept": accept, "idempotency-key": "one"}
                body = {"question": "why?"}
                return await client.post("/api/questions", headers=headers, json=body)

            accepted = ("text/event-stream", "application/json") * 2
            followers = [asyncio.create_task(ask(accept)) for accept in accepted]
            await has_begun.wait()
            ((question_id, job),) = services.runs._own.items()
            if end == "cancelled":
                await client.post(f"/api/questions/{question_id}/cancel", headers=header)
            may_end.set()
            code = "provider_failed" if end == "failed" else "cancelled"
            assert all(code in response.text for response in await asyncio.gather(*followers))
            for error in (job.stream.error, job.run._stop_error):
                if error is not None:
                    kept = (error.__traceback__, error.__cause__, error.__context__)
                    assert kept == (None, None, None)

    asyncio.run(scenario())
