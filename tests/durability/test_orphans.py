"""Which questions are taken for orphans: those of dead processes, and no others."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Connection, RowMapping, select, update

from askcli.errors import DatabaseUnavailable
from askcli.services import admin
from askcli.services.clock import new_id, now
from askcli.services.questions.history import Filters
from askcli.services.runs.orphans import CHECKS_PER_TIMEOUT
from askcli.services.usage.metering import MESSAGE_TOKENS, Metering
from askcli.store import database as database_module
from askcli.store import tables
from askcli.store.queries import answer_parts, processes, questions, usage
from askcli.store.queries import orphans as orphans_module
from tests.support.databases import NewDatabase
from tests.support.orphans import REQUEST, Silent, silent_question

# For what waits for it. Half of it is the longest wait for a lock, also on a busy machine.
TIMEOUT = 1.6


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, new_database: NewDatabase) -> str:
    return new_database(request.param)


@contextmanager
def writes_blocked(url: str, table: str) -> Iterator[None]:
    """Hold a lock of another process that lets others read and not write: of SQLite, or a table."""
    if url.startswith("sqlite"):
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
    else:
        with psycopg.connect(url) as connection:
            connection.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
            yield


@pytest.mark.parametrize("table", ["", "processes", "answer_parts", "questions"])
def test_answers_whose_heartbeats_could_not_be_written_are_no_orphans(
    new_database: NewDatabase, table: str
) -> None:
    """The processes of both wait for the same lock, and the check may get it first."""
    url = new_database("postgres" if table else "sqlite")

    async def scenario() -> None:
        async with silent_question(url, timeout=TIMEOUT) as silent:
            for _ in range(CHECKS_PER_TIMEOUT):
                await silent.orphans.check()
            with writes_blocked(url, table):
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


@pytest.mark.parametrize("table", ["", "processes", "answer_parts"])
def test_a_check_while_no_heartbeat_can_be_written_lets_all_begin_anew(
    new_database: NewDatabase, table: str
) -> None:
    """Also where it ends none: the next one may come before the heartbeats that were held up."""
    url = new_database("postgres" if table else "sqlite")

    async def scenario() -> None:
        async with silent_question(url, timeout=TIMEOUT) as silent:
            for _ in range(CHECKS_PER_TIMEOUT - 1):
                await silent.orphans.check()
            with writes_blocked(url, table):
                check = asyncio.create_task(silent.orphans.check())
                await asyncio.wait([check], timeout=TIMEOUT)
            with suppress(DatabaseUnavailable):
                await check
            for _ in range(CHECKS_PER_TIMEOUT):
                await silent.orphans.check()
            assert await silent.status() == "answering"
            await silent.orphans.check()
            assert await silent.status() == "interrupted"

    asyncio.run(scenario())


@pytest.mark.parametrize("table", ["questions", "processes"])
def test_a_locked_row_is_no_orphan_and_holds_up_no_other(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """A process that lives cannot write its heartbeat either while its row is locked."""
    monkeypatch.setattr(database_module, "UNIT_SECONDS", {"postgresql": 0.5})
    url = new_database("postgres")
    interrupt, tried = orphans_module.interrupt, list[UUID]()

    def noted(connection: Connection, row: RowMapping, *more: Any) -> bool:
        tried.append(row["id"])
        return interrupt(connection, row, *more)

    monkeypatch.setattr(orphans_module, "interrupt", noted)

    async def scenario() -> None:
        async with silent_question(url) as silent:
            other = await silent.another()
            with psycopg.connect(url) as connection:
                query = f"SELECT id FROM {table} WHERE id = %s FOR UPDATE".encode()
                key = silent.question_id if table == "questions" else silent.process_id
                connection.execute(query, [key])
                await silent.checks()
                assert await silent.status(other) == "interrupted"
                assert tried == [other]  # for the locked one it would have to wait
                connection.rollback()
            await silent.orphans.check()
            assert await silent.status() == "answering"
            await silent.checks()
            assert await silent.status() == "interrupted"

    asyncio.run(scenario())


def test_an_orphan_that_cannot_be_ended_holds_up_no_other(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settle_orphan = Metering.settle_orphan

    async def scenario() -> None:
        async with silent_question(url, timeout=TIMEOUT) as silent:

            def failing(*arguments: Any, is_sent: bool) -> None:
                if silent.question_id in arguments:
                    raise ValueError("a row that cannot be settled")
                settle_orphan(*arguments, is_sent=is_sent)

            monkeypatch.setattr(Metering, "settle_orphan", failing)
            other = await silent.another()
            for _ in range(2 * CHECKS_PER_TIMEOUT):
                with suppress(ValueError):
                    await silent.orphans.check()
            assert await silent.status(other) == "interrupted"
            assert await silent.status() == "answering"
            assert str(silent.question_id) in caplog.text

    asyncio.run(scenario())


def test_processes_that_were_paused_together_find_no_orphans_when_they_go_on(url: str) -> None:
    async def scenario() -> None:
        async with silent_question(url, timeout=TIMEOUT) as silent:
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
            assert await database.read(usage.cost, question_id, is_settled=False)
            for _ in range(CHECKS_PER_TIMEOUT + 1):
                await silent.orphans.check()
            assert await database.read(usage.cost, question_id, is_settled=False) is None
            ((tokens,),) = await database.read(
                lambda connection: connection.execute(
                    select(tables.usage.c.input_tokens + tables.usage.c.output_tokens)
                ).all()
            )
            assert tokens == (
                0 if is_queued else len("hello") + 2 * MESSAGE_TOKENS + REQUEST.max_tokens
            )

    asyncio.run(scenario())


async def ended(silent: Silent) -> tuple[str, str, list[UUID]]:
    """The question's status and text, and which ones a search for its answer finds."""
    row = await silent.database.read(questions.by_id, silent.user_id, silent.question_id)
    found = await silent.services.history.page(silent.user_id, Filters(10, search="begun"))
    assert row
    return row["status"], row["answer"], [UUID(item["id"]) for item in found["items"]]


@pytest.mark.parametrize("has_beaten", [True, False])
def test_an_orphan_keeps_the_text_that_was_stored(url: str, has_beaten: bool) -> None:
    """Also where its process died before its first sign of life."""

    async def scenario() -> None:
        async with silent_question(url, has_beaten=has_beaten) as silent:
            await silent.checks()
            assert await ended(silent) == ("interrupted", "begun", [silent.question_id])
            parts = await silent.database.read(
                lambda connection: connection.execute(select(tables.answer_parts)).all()
            )
            assert not parts

    asyncio.run(scenario())


def test_an_answer_that_was_cancelled_after_its_process_had_died_is_found(url: str) -> None:
    """Its process would have put the text into the search's index."""

    async def scenario() -> None:
        async with silent_question(url) as silent:
            await silent.services.questions.cancel(silent.user_id, silent.question_id)
            await silent.checks()
            assert await ended(silent) == ("cancelled", "begun", [silent.question_id])

    asyncio.run(scenario())


@pytest.mark.parametrize("sign", ["heartbeat", "first heartbeat", "text", "sent", "another run"])
def test_a_sign_of_life_at_the_last_moment_counts(
    url: str, sign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after the check has read everything, while it splits the text for the index."""

    async def scenario() -> None:
        has_beaten = sign != "first heartbeat"
        async with silent_question(url, is_queued=True, has_beaten=has_beaten) as silent:
            write, question_id = silent.database.write, silent.question_id
            part = {"question_id": question_id, "position": 5, "text": " again"}
            changes: dict[str, partial[Any]] = {
                "text": partial(answer_parts.add, parts=[part]),
                "sent": partial(_change, question_id, is_queued=False),
                "another run": partial(_change, question_id, run_id=new_id()),
            }
            beat = partial(processes.beat, process_id=silent.process_id, timestamp=now())
            split = silent.services.indexing.ended

            async def late(*args: Any) -> Any:
                await write(changes.get(sign, beat))
                return await split(*args)

            monkeypatch.setattr(silent.services.indexing, "ended", late)
            await silent.checks()
            assert await silent.status() == "answering"

    asyncio.run(scenario())


def _change(question_id: UUID, connection: Connection, **values: Any) -> None:
    those = update(tables.questions).where(tables.questions.c.id == question_id)
    connection.execute(those.values(**values))


def test_a_process_that_gives_signs_of_life_has_no_orphans(url: str) -> None:
    async def scenario() -> None:
        async with silent_question(url, timeout=TIMEOUT) as silent:
            other = await silent.another()
            for _ in range(3 * CHECKS_PER_TIMEOUT):
                await silent.database.write(processes.beat, silent.process_id, now())
                await silent.orphans.check()
            assert await silent.status() == "answering"
            assert await silent.status(other) == "interrupted"

    asyncio.run(scenario())
