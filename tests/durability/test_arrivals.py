"""A refused question waits for the one that is being let in under its key, and for no other."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from askcli.errors import KeyReused, ProviderOverloaded
from askcli.server.bootstrap import Services
from askcli.server.http import bodies
from askcli.services import request_info
from askcli.services.clock import new_id
from askcli.services.questions.ask import Ask
from askcli.services.request_info import RequestInfo
from askcli.services.runs.registry import Runs
from askcli.store.queries import users
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, services_on
from tests.support.people import new_user

ME, OTHER = new_id(), new_id()
LENGTH = 61_237  # of a text, as no other has it


def leave_no_place(queue: Any) -> None:
    """Let others have all slots of the queue, and nobody wait for one."""
    for number in range(queue._free):
        queue.reserve(str(number))
    queue._user_limit = 0


@pytest.mark.parametrize(
    ("user_id", "key"), [(OTHER, "key"), (ME, "another key"), (ME, None), (OTHER, None)]
)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_refused_question_waits_for_no_other_user_or_key(
    new_database: NewDatabase, kind: str, user_id: UUID, key: str | None
) -> None:
    async def scenario() -> None:
        async with services_on(new_database(kind)) as services:
            leave_no_place(services.queue)
            with services.runs.arrival(user_id, key), pytest.raises(ProviderOverloaded):
                await services.questions.ask(ME, Ask("hello"), "key")

    asyncio.run(asyncio.wait_for(scenario(), 30))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_refused_question_waits_for_the_one_under_its_key(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Which is another question here, and may not be replayed."""

    async def scenario() -> None:
        async with services_on(new_database(kind)) as services:
            me = await services.database.write(new_user, "a@example.org")
            request_info.bind(RequestInfo("id", "client", None))
            stored = asyncio.Event()
            with services.runs.arrival(me, "key"):
                await services.questions.ask(me, Ask("hello"), "key")
                monkeypatch.setattr(services.database, "read", hidden_until(stored, services))
                leave_no_place(services.queue)
                waits = waiting(services, monkeypatch)
                same = asyncio.create_task(services.questions.ask(me, Ask("hello"), "key"))
                other = asyncio.create_task(services.questions.ask(me, Ask("bye"), "key"))
                await waits.acquire()
                await waits.acquire()
                stored.set()
                assert not same.done()
                assert not other.done()
            assert (await same).question["question"] == "hello"
            with pytest.raises(KeyReused):
                await other

    asyncio.run(asyncio.wait_for(scenario(), 30))


@pytest.mark.parametrize("refused_by", ["queue", "indexing", "quota"])
def test_a_refused_question_keeps_no_text_while_it_waits(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, refused_by: str
) -> None:
    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org") | {"idempotency-key": "key"}
            me = await services.database.read(id_of, "a@example.org")
            await refuse(services, me, refused_by)
            waits = waiting(services, monkeypatch)
            with services.runs.arrival(me, "key"):
                body = b'{"question": "%s"}' % (b"a" * LENGTH)
                header |= {"content-type": "application/json"}
                ask = client.post("/api/questions", headers=header, content=body)
                task = asyncio.create_task(ask)
                await waits.acquire()
                while any(map(has_text, gc.get_objects())):  # a thread of the store, for a moment
                    await asyncio.sleep(0.01)
                assert not task.done()
            assert (await task).status_code == (429 if refused_by == "quota" else 503)

    asyncio.run(asyncio.wait_for(scenario(), 30))


def id_of(connection: Connection, email: str) -> UUID:
    user = users.by_email(connection, email)
    assert user
    return UUID(str(user["id"]))


async def refuse(services: Services, user_id: UUID, refused_by: str) -> None:
    if refused_by == "queue":
        leave_no_place(services.queue)
    elif refused_by == "indexing":
        leave_no_place(services.questions._storage._indexing._new)
    else:
        no_tokens = partial(users.change, user_id=user_id, quota_tokens_day=0)
        await services.database.write(no_tokens)


def hidden_until(stored: asyncio.Event, services: Services) -> Any:
    """`read` that finds nothing before the event, as where nothing is stored yet."""
    read = services.database.read

    async def read_later(*args: Any) -> Any:
        return await read(*args) if stored.is_set() else None

    return read_later


def waiting(services: Services, monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Counts the refused questions that have begun to wait."""
    waits, arrivals = asyncio.Semaphore(0), Runs.arrivals

    async def counted(runs: Runs, *args: Any) -> None:
        waits.release()
        await arrivals(runs, *args)

    monkeypatch.setattr(Runs, "arrivals", counted)
    return waits


def has_text(thing: object) -> bool:
    """Whether it has a text of this length, or in a dictionary or tuple that `gc` does not list."""
    return isinstance(thing, bodies._Request) or any(
        is_text(one) or (not gc.is_tracked(one) and any(map(is_text, gc.get_referents(one))))
        for one in gc.get_referents(thing)
    )


def is_text(thing: object) -> bool:
    return isinstance(thing, str) and len(thing) == LENGTH
