"""What is kept of a run whose answer was ended elsewhere, as where its process was paused."""

from __future__ import annotations

import asyncio
from copy import copy

import pytest
from sqlalchemy import update

from askcli.answerers.base import Finish
from askcli.errors import Cancelled, Interrupted
from askcli.metrics import names
from askcli.services.clock import new_id
from askcli.services.questions.history import Filters
from askcli.services.runs.stream import AnswerStream
from askcli.store import tables
from tests.support.databases import NewDatabase
from tests.support.orphans import REQUEST, silent_question
from tests.support.returning_runs import (
    RESERVED,
    charged,
    end,
    interrupted_question,
    row_of,
    run_of,
)

ERRORS = {"interrupted": Interrupted, "cancelled": Cancelled}
pytestmark = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


@pytest.mark.parametrize("status", ["interrupted", "cancelled"])
def test_a_run_that_was_ended_elsewhere_keeps_its_text_and_its_exact_cost(
    new_database: NewDatabase, kind: str, status: str
) -> None:
    async def scenario() -> None:
        async with silent_question(new_database(kind)) as silent:
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
        async with interrupted_question(new_database(kind)) as (silent, run):
            most = Finish("end_turn", "scripted", 11, 10 * REQUEST.max_tokens)
            await end(silent, run, "another text", finish=most)
            assert (await row_of(silent))["answer"] == "begun"
            assert await charged(silent) == (11, REQUEST.max_tokens)

    asyncio.run(scenario())


def test_a_run_that_costs_nothing_is_settled_at_nothing(
    new_database: NewDatabase, kind: str
) -> None:
    async def scenario() -> None:
        async with interrupted_question(new_database(kind)) as (silent, run):
            await end(silent, run, "begun", begin=None, finish=None, is_billable=False)
            assert await charged(silent) == (0, 0)

    asyncio.run(scenario())


def test_a_run_corrects_nothing_of_a_question_that_was_started_again(
    new_database: NewDatabase, kind: str
) -> None:
    async def scenario() -> None:
        async with interrupted_question(new_database(kind)) as (silent, run):
            again = update(tables.questions).values(run_id=new_id())
            await silent.database.write(lambda connection: connection.execute(again).rowcount)
            await end(silent, run, "begun and ended")
            assert (await row_of(silent))["answer"] == "begun"
            assert await charged(silent) == RESERVED

    asyncio.run(scenario())


def test_a_run_reports_nothing_of_a_later_one(
    new_database: NewDatabase, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which another process answers, and counts: its tokens and its cost were counted twice."""
    counted = list[tuple[str, ...]]()

    def count(*values: str, amount: float = 1) -> None:
        counted.append((*values, str(amount)))

    for metric in (names.ENDED, names.TOKENS, names.DOLLARS):
        monkeypatch.setattr(metric, "add", count)

    async def scenario() -> None:
        async with silent_question(new_database(kind), is_queued=True) as silent:
            run = await run_of(silent)
            later = {"run_id": new_id(), "status": "answered", "input_tokens": 11, "cost_usd": 0.5}
            again = update(tables.questions).values(**later)
            await silent.database.write(lambda connection: connection.execute(again).rowcount)
            run.place.grant()
            silent.services.runs.start(run)
            await run.stream.wait()
            async with asyncio.timeout(30):
                while silent.services.runs.active:
                    await asyncio.sleep(0.01)
            assert run.stream.question["status"] == "answered"
        assert counted == []

    asyncio.run(scenario())
