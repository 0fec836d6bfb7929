"""Questions that wait for the model have a bound of memory, and keep no more than their texts."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from askcli.server.http import bodies
from askcli.server.schemas.bodies import AskBody
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.in_app import access_token, client_of, services_on
from tests.support.people import NewPerson
from tests.support.servers import customized, metric, serving
from tests.support.waiting import eventually

SMALL = """
from askcli.server import bootstrap
bootstrap.WAITING_BYTES = 400_000
"""
LONG = "a" * 60_000


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_long_questions_that_wait_have_a_bound_of_memory(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path, kind: str
) -> None:
    more = customized(tmp_path, SMALL) | {"ASKCLI_MAX_RUNNING": "1"}
    server = serving(tmp_path, fake, new_database(kind), **more)
    greedy, modest, marker = new_person(server), new_person(server), uuid4().hex
    reply = fake.on(f"{marker} first", "begun", " and ended", hold_after=1)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(greedy.ask, f"{marker} first {LONG}")]
        assert reply.reached.wait(30)
        for number, (person, text) in enumerate(
            [(greedy, f"{marker} {LONG}"), (greedy, marker), (modest, f"{marker} {LONG}")]
        ):
            asked.append(pool.submit(person.ask, text))
            eventually(partial(is_waiting, server, number + 1))
        for more_of_it in ({}, {"system": "s" * 40_000}):
            refused = greedy.ask(marker if more_of_it else LONG, **more_of_it)
            assert (refused.status_code, refused.json()["code"]) == (503, "provider_overloaded")
            assert int(refused.headers["retry-after"]) > 0
        reply.release()
        assert [future.result().status_code for future in asked] == [201] * 4
    assert len(greedy.questions()) == 3
    assert greedy.ask(LONG).status_code == 201
    assert server.stop() == 0


def is_waiting(server: Any, count: int) -> bool:
    return metric(server, "askcli_answers_waiting") == count


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_question_that_waits_keeps_neither_its_body_nor_what_was_made_of_it(
    new_database: NewDatabase, accept: str
) -> None:
    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org") | {"accept": accept}
            places = [services.queue.reserve(str(number)) for number in range(services.queue._free)]
            ask = client.post("/api/questions", headers=header, json={"question": "hello"})
            task = asyncio.create_task(ask)
            while services.runs.active == 0 or any(map(is_of_body, gc.get_objects())):
                assert not task.done()
                await asyncio.sleep(0.01)
            for place in places:
                with place:
                    pass
            assert (await task).status_code in (200, 201)

    asyncio.run(asyncio.wait_for(scenario(), 20))


def is_of_body(thing: object) -> bool:
    return isinstance(thing, AskBody | bodies._Request)
