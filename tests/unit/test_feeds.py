"""The feed of an answer that another process generates: only as long as somebody follows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest

from askcli.answerers.base import Request
from askcli.contract.shapes import Question
from askcli.errors import Unavailable
from askcli.services.clock import new_id
from askcli.services.questions.ask import Ask
from askcli.services.questions.ask import row as new_row
from askcli.services.runs import remote
from askcli.services.runs.registry import Runs
from askcli.services.shapes import as_question
from askcli.store import pool
from askcli.store.database import Database


class RunningAnswer:
    """A database in which an answer goes on and on, a character with each poll."""

    def __init__(self, *, is_queued: bool = False) -> None:
        self.polls = 0
        self.owners = set[str | None]()
        self._row = {"status": "answering", "run_id": new_id(), "is_queued": is_queued}

    async def read(self, *_: Any) -> list[dict[str, Any]]:
        self.polls += 1
        self.owners.add(pool._owner.get())
        return [self._row | {"position": 0, "text": "a" * self.polls}]


def question() -> Question:
    row = new_row(new_id(), Ask("hello"), Request("model", (), None, 10))
    return as_question(row)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "POLL_SECONDS", 0)
    monkeypatch.setattr(remote, "UNFOLLOWED_SECONDS", 0)


async def first(texts: AsyncIterator[str], characters: int) -> None:
    """Read so many characters at least."""
    while characters > 0:
        characters -= len(await anext(texts))


def test_an_answer_is_polled_for_until_its_last_follower_has_left() -> None:
    async def scenario() -> None:
        database, this = RunningAnswer(), asyncio.current_task()
        runs, asked = Runs(cast(Database, database), cast(Any, None)), question()
        stream = runs.join(asked)
        (feeding,) = asyncio.all_tasks() - {this}
        async with aclosing(stream.follow()) as long, aclosing(stream.follow()) as short:
            await first(short, 1)
            await short.aclose()
            await first(long, database.polls + 3)
            assert runs.join(asked) is stream
        polls = database.polls
        await asyncio.wait_for(feeding, 30)
        assert database.polls <= polls + 1  # the one in progress
        assert isinstance(stream.error, Unavailable)  # to whom it was given and who comes too late
        again = runs.join(asked)
        assert again is not stream
        async with aclosing(again.follow()) as texts:
            await first(texts, 3)
        await runs.drain(0)

    asyncio.run(scenario())


def test_an_answer_that_nobody_comes_to_follow_is_not_polled_for() -> None:
    async def scenario() -> None:
        database, this = RunningAnswer(), asyncio.current_task()
        runs = Runs(cast(Database, database), cast(Any, None))
        stream = runs.join(question())
        (feeding,) = asyncio.all_tasks() - {this}
        await asyncio.wait_for(feeding, 30)
        assert (database.polls, stream.ended) == (0, True)

    asyncio.run(scenario())


def test_polls_take_turns_as_the_user_whoever_came_first() -> None:
    """The request that has begun to follow an answer may have ended, and others follow it."""

    async def scenario() -> None:
        database, asked = RunningAnswer(), question()
        runs = Runs(cast(Database, database), cast(Any, None))
        pool.take_turns_as("site of the first")
        async with aclosing(runs.join(asked).follow()) as texts:
            await first(texts, 2)
        assert database.owners == {asked["user_id"]}
        await runs.drain(0)

    asyncio.run(scenario())


def test_a_question_in_the_queue_is_polled_for_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = list[float]()

    async def scenario() -> None:
        database = RunningAnswer(is_queued=True)
        runs = Runs(cast(Database, database), cast(Any, None))
        sleep = asyncio.sleep

        async def noted(seconds: float) -> None:
            waits.append(seconds)
            await sleep(0)

        monkeypatch.setattr(asyncio, "sleep", noted)
        async with aclosing(runs.join(question()).follow()) as texts:
            await first(texts, 2)
        monkeypatch.undo()
        await runs.drain(0)

    asyncio.run(scenario())
    assert set(waits) == {remote.QUEUED_SECONDS}
