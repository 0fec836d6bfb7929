"""How answers end in the database, whatever the database does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from askcli.answerers.base import Begin, Finish, Piece, Request
from askcli.errors import Cancelled, DatabaseUnavailable
from askcli.fair_queue import Place
from askcli.server.bootstrap import Services, build
from askcli.services.clock import new_id, now
from askcli.services.questions.ask import Ask, new_row
from askcli.services.questions.history import Filters
from askcli.services.runs.run import Run
from askcli.services.runs.storage import answers
from askcli.services.runs.storage.answers import AnswerStorage
from askcli.services.usage.metering import Metering
from askcli.settings import Settings
from askcli.store.queries import orphans, questions
from tests.support.databases import migrated_file
from tests.support.people import new_user
from tests.support.secrets import SECRET


@asynccontextmanager
async def services_of(tmp_path: Path) -> AsyncIterator[tuple[Services, UUID]]:
    """The services of a server without its HTTP, and a user."""
    url = migrated_file(tmp_path / "askcli.db")
    services = build(Settings(db_conn_string=url, jwt_secret=SECRET, answerer="scripted"))
    try:
        yield services, await services.database.write(new_user, "somebody@example.org")
    finally:
        await services.close()


async def endless_answer(_request: Request) -> AsyncGenerator[Piece, None]:
    yield "unmistakable"
    await asyncio.Event().wait()


def test_an_outage_at_the_end_of_a_cancelled_answer_changes_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has cancelled it; the text that this one has is kept, and found."""
    monkeypatch.setattr(answers, "RETRY_SECONDS", 0)
    failures = [DatabaseUnavailable()]

    async def scenario() -> None:
        async with services_of(tmp_path) as (services, user_id):
            database, read = services.database, services.database.read

            async def failing_read(*args: Any) -> Any:
                if failures:
                    raise failures.pop()
                return await read(*args)

            monkeypatch.setattr(services.answerer, "stream", endless_answer)
            stream = await services.questions.ask(user_id, Ask("hello"), None)
            await anext(stream.follow())
            question_id = UUID(stream.question["id"])
            monkeypatch.setattr(database, "read", failing_read)
            await database.write(questions.cancel, user_id, question_id, now())
            await stream.wait()
            assert not failures
            assert isinstance(stream.error, Cancelled)
            assert stream.question["answer"] == "unmistakable"
            found = await services.history.page(user_id, Filters(10, search="unmistakable"))
            assert [item["id"] for item in found["items"]] == [stream.question["id"]]

    asyncio.run(scenario())


async def unstorable_answer(_request: Request) -> AsyncGenerator[Piece, None]:
    yield Begin("a model \ud800", 11)
    yield "a whole answer"
    yield Finish("end_turn \ud800", "a model \ud800", 11, 7)


def test_an_end_that_cannot_be_stored_is_stored_without_the_providers_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with services_of(tmp_path) as (services, user_id):
            monkeypatch.setattr(services.answerer, "stream", unstorable_answer)
            stream = await services.questions.ask(user_id, Ask("hello"), None)
            question = await asyncio.wait_for(stream.result(), 10)
            assert (question["status"], question["answer"]) == ("answered", "a whole answer")
            assert (question["model"], question["stop_reason"]) == ("scripted", None)

    asyncio.run(scenario())


def test_a_long_answer_is_stored_once_the_thread_that_splits_it_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "RETRY_SECONDS", 0)

    async def scenario() -> None:
        async with services_of(tmp_path) as (services, user_id):
            failures, ended = [RuntimeError("can't start new thread")], services.indexing.ended

            async def failing(*args: Any) -> Any:
                if failures:
                    raise failures.pop()
                return await ended(*args)

            monkeypatch.setattr(services.indexing, "ended", failing)
            stream = await services.questions.ask(user_id, Ask("hello"), None)
            question = await asyncio.wait_for(stream.result(), 10)
            assert not failures
            stored = await services.questions.get(user_id, UUID(question["id"]))
            assert (stored["status"], stored["answer"]) == ("answered", question["answer"])

    asyncio.run(scenario())


def test_a_question_that_left_the_queue_is_sent_only_while_it_is_the_runs_own(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with services_of(tmp_path) as (services, user_id):
            database = services.database
            request = Request("scripted", (), None, 10)
            row = new_row(user_id, Ask("hello"), request)
            row |= {"request_hash": "", "is_queued": True}
            entry = await services.indexing.new(user_id, "hello")
            await database.write(questions.add, row, entry)
            run, same = (Run(row, request, Place(lambda _: None)) for _ in range(2))
            answers = AnswerStorage(database, cast(Metering, None), services.indexing)
            await answers.dequeue(run)
            stored = await database.read(orphans.by_id, run.question_id)
            assert stored is not None
            assert not stored["is_queued"]
            values = {"run_id": new_id()}
            await database.write(questions.change, run.question_id, run.id, values)
            with pytest.raises(Cancelled):
                await answers.dequeue(same)

    asyncio.run(scenario())
