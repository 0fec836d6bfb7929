"""Runs whose answers were ended elsewhere, and what is stored when they end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import select

from askcli.answerers.base import Begin, Finish
from askcli.fair_queue import Place
from askcli.services.runs.run import Run
from askcli.services.runs.storage.answers import AnswerStorage
from askcli.services.usage.metering import MESSAGE_TOKENS, Outcome
from askcli.store import tables
from askcli.store.prepared import Record
from askcli.store.queries import questions
from tests.support.orphans import REQUEST, Silent, silent_question

RESERVED = (len("hello") + 2 * MESSAGE_TOKENS, REQUEST.max_tokens)


async def row_of(silent: Silent) -> Record:
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
