"""Deletions and imports hold up no writes of others: long ones take turns.

A deletion of nothing is a read.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection

from askcli.errors import NotFound
from askcli.server.bootstrap import Services
from askcli.services.clock import now
from askcli.services.questions.ask import Ask
from askcli.services.questions.imported import Imported
from askcli.store.database.pool import take_turns_as
from askcli.store.search import LONG_CHARACTERS
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, log_out_after_the_next_read, services_on
from tests.support.people import new_user
from tests.support.writer import held

LONG = "long " * LONG_CHARACTERS
Delete = Callable[[Services, UUID, UUID], Awaitable[object]]


async def one(services: Services, user_id: UUID, question_id: UUID) -> None:
    await services.history.remove(user_id, question_id)


async def older(services: Services, user_id: UUID, _: UUID) -> None:
    assert await services.history.remove_older(user_id, now() + timedelta(hours=1)) == 1


async def import_some(services: Services, user_id: UUID, _: UUID) -> None:
    """As in each request of an import: short questions, tens of milliseconds together."""
    fields: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(Imported))
    fields |= dict.fromkeys(("conversation", "question", "answer", "model"), "short")
    fields |= {"status": "answered", "created_at": now(), "place": 0}
    items = [Imported(**fields | {"key": key}) for key in "ab"]
    assert (await services.importing.add(user_id, items))["imported"] == 2


async def user_with_question(services: Services, text: str) -> tuple[UUID, UUID]:
    """Return a new user and their only question."""
    user_id = await services.database.write(new_user, f"{uuid4()}@example.org")
    stream = await services.questions.ask(user_id, Ask(text), None)
    await stream.wait()
    return user_id, UUID(stream.question["id"])


async def as_owner(user_id: UUID, work: Callable[[], Awaitable[object]]) -> None:
    take_turns_as(str(user_id))
    await work()


@pytest.mark.parametrize("deletions", [(one,) * 3, (older,) * 3, (one, import_some, one)])
def test_others_write_between_long_deletions(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, deletions: Sequence[Delete]
) -> None:
    """However many had queued up before; an import takes its turn among them."""
    order, queued = list[str](), asyncio.Semaphore(0)

    def note(_: Connection, name: str) -> None:
        order.append(name)

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services:
            owned = [await user_with_question(services, LONG) for _ in range(3)]
            database, run = services.database, services.database._run

            async def noted(write: Any, work: Any, *args: Any, **named: Any) -> Any:
                if write != database._write or not args:  # a read, or none that takes turns
                    return await run(write, work, *args, **named)

                def deleting(connection: Connection) -> Any:
                    order.append("long")
                    return work(connection)

                queued.release()
                return await run(write, deleting, *args, **named)

            async with held(database):
                monkeypatch.setattr(database, "_run", noted)
                tasks = []
                for delete, (user_id, question_id) in zip(deletions, owned, strict=True):
                    work = partial(delete, services, user_id, question_id)
                    tasks.append(asyncio.create_task(as_owner(user_id, work)))
                for _ in owned:
                    await queued.acquire()
                await asyncio.sleep(0)
                tasks.append(asyncio.create_task(run(database._write, partial(note, name="other"))))
                await asyncio.sleep(0)
            await asyncio.gather(*tasks)

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert order == ["long", "other", "long", "long"]


def test_a_deletion_of_nothing_does_not_come_to_the_writer(new_database: NewDatabase) -> None:
    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services:
            user_id, question_id = await user_with_question(services, "kept")
            another = await services.database.write(new_user, "another@example.org")
            async with held(services.database):
                earlier = now() - timedelta(days=1)
                assert await services.history.remove_older(user_id, earlier) == 0
                for wrong in ((user_id, uuid4()), (another, question_id)):
                    with pytest.raises(NotFound):
                        await services.history.remove(*wrong)
            assert await services.questions.get(user_id, question_id)

    asyncio.run(asyncio.wait_for(scenario(), 60))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("path", ["questions/{id}", "users/me/questions?until=2100-01-01"])
def test_a_session_that_ends_before_the_deletion_deletes_nothing(
    new_database: NewDatabase, kind: str, path: str
) -> None:
    async def scenario() -> None:
        async with (
            services_on(new_database(kind)) as services,
            client_of(services) as client,
        ):
            header = await access_token(services, "a@example.org")
            body = {"question": "hello"}
            question = (await client.post("/api/questions", headers=header, json=body)).json()
            log_out_after_the_next_read(services, client, header)
            url = f"/api/{path.format(id=question['id'])}"
            response = await client.delete(url, headers=header)
            assert response.json()["code"] == "session_ended"

    asyncio.run(scenario())
