"""The feeds of answers that other processes generate: only as long as somebody follows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, aclosing
from typing import Any, cast
from uuid import UUID

import pytest

from askcli.answerers.base import Request
from askcli.contract.shapes import Question
from askcli.errors import Unavailable
from askcli.services.clock import new_id
from askcli.services.questions.ask import Ask, new_row
from askcli.services.runs.elsewhere import remote
from askcli.services.runs.elsewhere.remote import Feeds
from askcli.services.runs.registry import Runs
from askcli.services.runs.stream import AnswerStream
from askcli.services.shapes import as_question
from askcli.store.database import Database, pool
from askcli.store.listener import Listener


class RunningAnswer:
    """A database in which all answers go on and on, a character with each poll."""

    def __init__(self, *, is_queued: bool = False) -> None:
        self.polls = 0
        self.polled = list[int]()  # how many answers at once
        self.polling = 0
        self._row = {"status": "answering", "run_id": new_id(), "is_queued": is_queued}
        self._row |= {"position": 0, "process_id": new_id()}

    async def read(self, _work: Any, known: Mapping[UUID, int]) -> list[dict[str, Any]]:
        assert not self.polling
        assert pool._owner.get() is None
        self.polling = True
        self.polls += 1
        self.polled.append(len(known))
        for _ in range(9):
            await asyncio.sleep(0)
        self.polling = False
        text = "a" * self.polls
        return [self._row | {"question_id": id_, "text": text} for id_ in known]

    def runs(self) -> Runs:
        """The registry of a process with this database, to which no notifications come."""
        this = cast(Database, self)
        feeds = Feeds(this, Listener(this, new_id()), new_id())
        return Runs(this, cast(Any, None), feeds)


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
        runs, asked = database.runs(), question()
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
        runs = database.runs()
        stream = runs.join(question())
        (feeding,) = asyncio.all_tasks() - {this}
        await asyncio.wait_for(feeding, 30)
        assert (database.polls, stream.ended) == (0, True)

    asyncio.run(scenario())


def test_many_answers_are_polled_for_together_and_one_poll_at_a_time() -> None:
    """However many a user follows: they take one thread, and no user's turns."""

    async def scenario() -> None:
        database = RunningAnswer()
        runs = database.runs()
        pool.take_turns_as("site of the first")
        with ExitStack() as followed:
            streams = list[AnswerStream]()
            for _ in range(2):  # the second half comes while the first is being read
                for _ in range(25):
                    streams.append(runs.join(question()))
                    followed.enter_context(streams[-1].followed())
                while not database.polling:
                    await asyncio.sleep(0)
            for stream in streams:
                async with aclosing(stream.follow()) as texts:
                    await first(texts, 3)
        assert database.polled[:2] == [25, 25]
        await runs.drain(0)

    asyncio.run(scenario())


def test_a_question_in_the_queue_is_polled_for_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = list[float | None]()

    async def scenario() -> None:
        database = RunningAnswer(is_queued=True)
        runs = database.runs()

        async def noted(_event: asyncio.Event, seconds: float | None) -> bool:
            waits.append(seconds)
            await asyncio.sleep(0)
            return False

        monkeypatch.setattr(remote, "wait_for_event", noted)
        async with aclosing(runs.join(question()).follow()) as texts:
            await first(texts, 2)
        await runs.drain(0)

    asyncio.run(scenario())
    assert set(waits) == {remote.QUEUED_SECONDS}
