"""A stored question whose run cannot start, or fails, for want of memory: it comes to rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
from sqlalchemy.exc import ProgrammingError

from askcli.answerers.base import Begin, Finish, Piece
from askcli.server.bootstrap import Services
from askcli.services.clock import now
from askcli.services.questions.ask import Ask
from askcli.services.runs.calls.tries import Attempts
from askcli.services.runs.orphans import CHECKS_PER_TIMEOUT
from askcli.services.runs.storage import answer_log
from askcli.store.prepared import Record
from askcli.store.queries import processes, questions, usage
from tests.support.databases import NewDatabase
from tests.support.in_app import services_on
from tests.support.people import new_user
from tests.support.short_memory import fail_once

Scenario = Callable[[Services, UUID], Awaitable[None]]
Break = Callable[[pytest.MonkeyPatch, Services, int], None]


def break_reply(monkeypatch: pytest.MonkeyPatch, services: Services, times: int) -> None:
    """The question is stored, and the reply lost; the second time the run cannot start."""
    write_entry = services.database.write_entry

    async def lost(*args: Any) -> Any:
        monkeypatch.setattr(services.database, "write_entry", write_entry)
        await write_entry(*args)
        raise MemoryError

    monkeypatch.setattr(services.database, "write_entry", lost)
    break_task(monkeypatch, services, times - 1)


def break_task(monkeypatch: pytest.MonkeyPatch, services: Services, times: int) -> None:
    """The run's task cannot be made."""
    fail_once(monkeypatch, services.runs, "_work", times)


def break_job(monkeypatch: pytest.MonkeyPatch, services: Services, times: int) -> None:
    """The run's task is made, and cannot be added to those that are known."""

    class Jobs(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            self.set(key, value)

        set = dict.__setitem__

    jobs = Jobs()
    fail_once(monkeypatch, jobs, "set", times)
    monkeypatch.setattr(services.runs, "_own", jobs)


def break_log(monkeypatch: pytest.MonkeyPatch, services: Services, times: int) -> None:
    """The log of answers, which gives signs of life, cannot start."""
    fail_once(monkeypatch, services.answer_log, "_start", times)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, new_database: NewDatabase) -> str:
    return new_database(request.param)


def run(url: str, scenario: Scenario) -> None:
    async def on_services() -> None:
        async with services_on(url) as services:
            await scenario(services, await services.database.write(new_user, "a@example.org"))
            assert services.queue._held == {}

    asyncio.run(asyncio.wait_for(on_services(), 60))


async def ask(services: Services, user_id: UUID) -> Record:
    """Ask with a key, and return the question once no run is left."""
    with suppress(MemoryError):
        await services.questions.ask(user_id, Ask("hello"), "key")
    return await stored_at_the_end(services, user_id)


async def stored_at_the_end(services: Services, user_id: UUID) -> Record:
    """Return the question once no run is left."""
    while services.runs.active:
        await asyncio.sleep(0.001)
    return await stored(services, user_id)


async def stored(services: Services, user_id: UUID) -> Record:
    """Return the question."""
    row = await services.database.read(questions.by_key, user_id, "key")
    assert row
    return row


async def tokens(services: Services, row: Record) -> int:
    """What the question has cost."""
    cost = await services.database.read(usage.cost, row["id"], is_settled=True)
    assert cost
    return int(cost["input_tokens"] + cost["output_tokens"])


@pytest.mark.parametrize("failure", [break_reply, break_task, break_job, break_log])
def test_a_stored_question_whose_run_fails_once_is_answered_or_costs_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch, failure: Break
) -> None:
    """And its key has it answered; the model is asked once."""

    async def scenario(services: Services, user_id: UUID) -> None:
        model = Mock(side_effect=services.answerer.stream)
        monkeypatch.setattr(services.answerer, "stream", model)
        failure(monkeypatch, services, 1)
        row = await ask(services, user_id)
        if row["status"] != "answered":
            assert await tokens(services, row) == 0
            row = await ask(services, user_id)
        assert row["status"] == "answered"
        assert model.call_count == 1

    run(url, scenario)


@pytest.mark.parametrize("failure", [break_reply, break_task, break_job, break_log])
def test_a_question_whose_run_never_starts_is_interrupted_while_others_have_signs_of_life(
    url: str, monkeypatch: pytest.MonkeyPatch, failure: Break
) -> None:
    async def scenario(services: Services, user_id: UUID) -> None:
        failure(monkeypatch, services, 2)
        row = await ask(services, user_id)
        assert row["status"] == "answering"
        for _ in range(CHECKS_PER_TIMEOUT + 1):
            await services.database.write(processes.beat, row["process_id"], now())
            await services.orphans.check()
        assert (await stored(services, user_id))["status"] == "interrupted"
        assert await tokens(services, row) > 0

    run(url, scenario)


def test_the_text_of_a_run_that_fails_after_it_is_not_stored_twice(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while its end cannot be stored: the row is what others read, and what a crash leaves."""
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 0.02)
    ticks = Mock(wraps=answer_log._store)
    monkeypatch.setattr(answer_log, "_store", ticks)

    async def scenario(services: Services, user_id: UUID) -> None:
        ends, may_end = asyncio.Event(), asyncio.Event()

        async def reads(text: str) -> None:
            while (await stored(services, user_id))["answer"] != text:
                await asyncio.sleep(0.01)

        async def in_parts(_: Any) -> AsyncGenerator[Piece, None]:
            yield Begin("scripted", 1)
            for piece, text in (("one ", "one "), ("two ", "one two ")):
                yield piece
                await reads(text)
            fail_once(monkeypatch, Attempts, "end")
            monkeypatch.setattr(services.database, "write_entry", end)
            yield Finish("end_turn", "scripted", 1, 2)

        write_entry = services.database.write_entry

        async def end(*args: Any) -> Any:
            ends.set()
            await may_end.wait()
            return await write_entry(*args)

        monkeypatch.setattr(services.answerer, "stream", in_parts)
        await services.questions.ask(user_id, Ask("hello"), "key")
        await ends.wait()
        written = ticks.call_count
        while ticks.call_count < written + 3:
            await asyncio.sleep(0.01)
        assert (await stored(services, user_id))["answer"] == "one two "
        may_end.set()
        assert (await stored_at_the_end(services, user_id))["answer"] == "one two "

    run(url, scenario)


def test_a_question_whose_statement_was_refused_has_no_run(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as would try to store its end for as long as its statements are refused, too."""

    async def scenario(services: Services, user_id: UUID) -> None:
        refused = ProgrammingError("", {}, Exception())
        monkeypatch.setattr(services.database, "write_entry", Mock(side_effect=refused))
        with pytest.raises(ProgrammingError):
            await services.questions.ask(user_id, Ask("hello"), "key")
        assert services.runs.active == 0

    run(url, scenario)
