"""How much memory a running stream takes, besides its connections'."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator

from askcli.answerers.base import Begin, Finish, Piece, Request
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
