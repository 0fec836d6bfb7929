"""Which questions are taken for orphans: those of dead processes, and no others."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select

from askcli.answerers.base import Message, Request
from askcli.errors import DatabaseUnavailable
from askcli.server.bootstrap import Services, build
from askcli.services import admin
from askcli.services.questions.ask import Ask
from askcli.services.questions.ask import row as new_row
from askcli.services.runs.orphans import CHECKS_PER_TIMEOUT, Orphans
from askcli.services.usage import quotas
from askcli.services.usage.metering import MESSAGE_TOKENS, Metering
from askcli.settings import Settings
from askcli.store import questions, tables, usage
from askcli.store.database import Database
from tests.support.databases import NewDatabase, migrated
from tests.support.people import new_user
from tests.support.secrets import SECRET

TIMEOUT = 0.6
REQUEST = Request("scripted", (Message("user", "hello"),), None, 4000)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, new_database: NewDatabase) -> str:
    return migrated(new_database(request.param))


@dataclass
class Silent:
    """A question of another process that gives no sign of life, and what checks it."""

    services: Services
    database: Database
    orphans: Orphans
    user_id: UUID
    question_id: UUID

    async def status(self) -> str:
        row = await self.database.read(questions.by_id, self.user_id, self.question_id)
        assert row
        return str(row["status"])


@asynccontextmanager
async def silent_question(url: str, *, is_queued: bool = False) -> AsyncIterator[Silent]:
    settings = Settings(db_conn_string=url, jwt_secret=SECRET, answerer="scripted")
    services = build(settings)
    database, indexing = services.database, services.indexing
    metering = Metering(quotas.from_settings(settings), services.answerer.cost_usd)
    orphans = Orphans(database, services.runs, metering, indexing, TIMEOUT)
    user_id = await database.write(new_user, "somebody@example.org")
    row = new_row(user_id, Ask("hello"), REQUEST)
    row |= {"request_hash": "", "is_queued": is_queued, "answer": "begun"}
    await database.write(metering.reserve, row, REQUEST)
    await database.write(questions.add, row, await indexing.new(user_id, "hello"))
    try:
        yield Silent(services, database, orphans, user_id, row["id"])
    finally:
        await services.close()


@contextmanager
def writes_blocked(url: str) -> Iterator[None]:
    """Hold a lock of another process that lets others read and not write."""
    if url.startswith("sqlite"):
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
    else:
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE questions IN SHARE MODE")
            yield


def test_answers_whose_heartbeats_could_not_be_written_are_no_orphans(url: str) -> None:
    """The processes of both wait for the same lock, and the check may get it first."""

    async def scenario() -> None:
        async with silent_question(url) as silent:
            for _ in range(CHECKS_PER_TIMEOUT):
                await silent.orphans.check()
            with writes_blocked(url):
                await asyncio.sleep(TIMEOUT)
                check = asyncio.create_task(silent.orphans.check())
                await asyncio.wait([check], timeout=TIMEOUT)
            with suppress(DatabaseUnavailable):
                await check
            assert await silent.status() == "answering"
            async with asyncio.timeout(30):
                while await silent.status() == "answering":  # nothing is blocked any more
                    with suppress(DatabaseUnavailable):
                        await silent.orphans.check()
                    await asyncio.sleep(TIMEOUT / CHECKS_PER_TIMEOUT)

    asyncio.run(scenario())


def test_processes_that_were_paused_together_find_no_orphans_when_they_go_on(url: str) -> None:
    async def scenario() -> None:
        async with silent_question(url) as silent:
            await silent.orphans.check()
            await asyncio.sleep(2 * TIMEOUT)  # paused: no check is made, and no heartbeat written
            await silent.orphans.check()
            assert await silent.status() == "answering"

    asyncio.run(scenario())


@pytest.mark.parametrize("is_queued", [False, True])
@pytest.mark.parametrize("end", ["cancel", "cancel and delete", "delete", "disable"])
def test_what_a_dead_process_reserved_is_settled_whatever_ended_its_question(
    url: str, end: str, is_queued: bool
) -> None:
    async def scenario() -> None:
        async with silent_question(url, is_queued=is_queued) as silent:
            database, user_id, question_id = silent.database, silent.user_id, silent.question_id
            if "cancel" in end:
                await silent.services.questions.cancel(user_id, question_id)
            if "delete" in end:
                await silent.services.history.remove(user_id, question_id)
            if end == "disable":
                await database.write(admin.disable, str(user_id))
            assert await database.read(usage.reserved, question_id)
            for _ in range(CHECKS_PER_TIMEOUT + 1):
                await silent.orphans.check()
            assert await database.read(usage.reserved, question_id) is None
            ((tokens,),) = await database.read(
                lambda connection: connection.execute(
                    select(tables.usage.c.input_tokens + tables.usage.c.output_tokens)
                ).all()
            )
            assert tokens == (0 if is_queued else len("hello" + "begun") + 3 * MESSAGE_TOKENS)

    asyncio.run(scenario())
