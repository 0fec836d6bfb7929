"""What is kept of a run whose answer was ended elsewhere, as where its process was paused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from typing import Any

import pytest
from sqlalchemy import RowMapping, select, update

from askcli.answerers.base import Begin, Finish
from askcli.errors import Cancelled, Interrupted
from askcli.fair_queue import Place
from askcli.services.clock import new_id
from askcli.services.questions.history import Filters
from askcli.services.runs.run import Run
from askcli.services.runs.storage import AnswerStorage
from askcli.services.runs.stream import AnswerStream
from askcli.services.usage.metering import MESSAGE_TOKENS, Outcome
from askcli.store import questions, tables
from tests.durability.test_orphans import REQUEST, Silent, silent_question
from tests.support.databases import NewDatabase

RESERVED = (len("hello") + 2 * MESSAGE_TOKENS, REQUEST.max_tokens)
ERRORS = {"interrupted": Interrupted, "cancelled": Cancelled}
pytestmark = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


async def row_of(silent: Silent) -> RowMapping:
    row = await silent.database.read(questions.by_id, silent.user_id, silent.question_id)
    assert row
    return row


async def run_of(silent: Silent) -> Run:
    """The run of the question as it is stored now."""
    run = Run(dict(await row_of(silent)), REQUEST, Place(lambda _: None))
    query = select(tables.usage.c.created_at).where(tables.usage.c.question_id == run.question_id)
    reserved_at = await silent.database.read(lambda connection: connection.scalar(query))
    assert reserved_at
    run.reserved_at = reserved_at
    return run


@asynccontextmanager
async def interrupted_question(
    url: str, *, is_queued: bool = False
) -> AsyncIterator[tuple[Silent, Run]]:
    """A question that was found interrupted, and its run."""
    async with silent_question(url, is_queued=is_queued) as silent:
        run = await run_of(silent)
        await silent.checks()
        yield silent, run


async def charged(silent: Silent) -> tuple[int, int]:
    columns = tables.usage.c.input_tokens, tables.usage.c.output_tokens
    query = select(*columns).where(tables.usage.c.settled)
    (row,) = await silent.database.read(lambda connection: connection.execute(query).all())
    return tuple(row)


async def end(silent: Silent, run: Run, text: str, **values: Any) -> None:
    """Store the end of the run, which goes on, as its process does."""
    report: dict[str, Any] = {
        "begin": Begin("scripted", 11),
        "finish": Finish("end_turn", "scripted", 11, 7),
        "is_billable": True,
    }
    ids = run.question_id, run.user_id
    outcome = Outcome(*ids, REQUEST, spent=None, text=text, error=None, **report | values)
    answers = AnswerStorage(silent.database, silent.metering, silent.services.indexing)
    await answers.end(run, outcome, 0.0, await answers.entry(run, outcome))


@pytest.mark.parametrize("status", ["interrupted", "cancelled"])
def test_a_run_that_was_ended_elsewhere_keeps_its_text_and_its_exact_cost(
    new_database: NewDatabase, kind: str, status: str
) -> None:
    async def scenario() -> None:
        async with silent_question(new_database(kind, migrated=True)) as silent:
            run = await run_of(silent)
            if status == "cancelled":
                await silent.services.questions.cancel(silent.user_id, silent.question_id)
            await silent.checks()
            assert await charged(silent) == RESERVED
            for _ in range(2):  # the reply to the first commit may have been lost
                again = copy(run)
                again.stream = AnswerStream(run.stream.question)
                await end(silent, again, "begun and unmistakable")
                assert isinstance(again.stream.error, ERRORS[status])
                stored = await row_of(silent)
                assert (stored["status"], stored["error"]) == (status, status)
                assert stored["answer"] == "begun and unmistakable"
                assert (stored["input_tokens"], stored["output_tokens"]) == (11, 7)
                assert await charged(silent) == (11, 7)
            filters = Filters(10, search="unmistakable")
            found = await silent.services.history.page(silent.user_id, filters)
            assert [item["id"] for item in found["items"]] == [str(silent.question_id)]

    asyncio.run(scenario())


def test_what_was_assumed_of_a_run_is_never_exceeded_nor_its_text_replaced(
    new_database: NewDatabase, kind: str
) -> None:
    async def scenario() -> None:
        async with interrupted_question(new_database(kind, migrated=True)) as (silent, run):
            most = Finish("end_turn", "scripted", 11, 10 * REQUEST.max_tokens)
            await end(silent, run, "another text", finish=most)
            assert (await row_of(silent))["answer"] == "begun"
            assert await charged(silent) == (11, REQUEST.max_tokens)

    asyncio.run(scenario())


def test_a_run_that_costs_nothing_is_settled_at_nothing(
    new_database: NewDatabase, kind: str
) -> None:
    async def scenario() -> None:
        async with interrupted_question(new_database(kind, migrated=True)) as (silent, run):
            await end(silent, run, "begun", begin=None, finish=None, is_billable=False)
            assert await charged(silent) == (0, 0)

    asyncio.run(scenario())


def test_a_run_corrects_nothing_of_a_question_that_was_started_again(
    new_database: NewDatabase, kind: str
) -> None:
    async def scenario() -> None:
        async with interrupted_question(new_database(kind, migrated=True)) as (silent, run):
            again = update(tables.questions).values(run_id=new_id())
            await silent.database.write(lambda connection: connection.execute(again).rowcount)
            await end(silent, run, "begun and ended")
            assert (await row_of(silent))["answer"] == "begun"
            assert await charged(silent) == RESERVED

    asyncio.run(scenario())
