"""The registry of runs: an answer of this process, and the same one followed from its row."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import uuid4

from askcli.answerers.base import Request
from askcli.contract.shapes import Question
from askcli.errors import ProviderOverloaded
from askcli.services.fair_queue import FairQueue, Place
from askcli.services.runs.generation import Generator
from askcli.services.runs.registry import Runs
from askcli.services.runs.run import Run
from askcli.services.runs.storage import AnswerStorage
from askcli.store.database import Database


class HeldGenerator:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def generate(self, run: Run) -> None:
        await self.go_on.wait()
        run.stream.end(run.stream.question, None)


class GoneDatabase:
    """A database in which the question's row is gone: who follows it sees the end."""

    async def read(self, *_: Any) -> None:
        return None


class WritingDatabase:
    """A database that takes whatever is written."""

    async def write(self, *_: Any) -> bool:
        return True


class NoIndexing:
    """Makes no entries."""

    async def ended(self, *_: Any) -> None:
        return None


def answering() -> Question:
    fields = dict.fromkeys(Question.__annotations__) | {"status": "answering", "answer": ""}
    ids = {name: str(uuid4()) for name in ("id", "user_id", "conversation_id")}
    return cast(Question, fields | ids)


def test_a_repeated_request_that_comes_before_its_run_hides_no_run() -> None:
    """It finds the stored row and follows it, and the run starts beside it."""

    async def scenario() -> None:
        generator, question = HeldGenerator(), answering()
        runs = Runs(cast(Database, GoneDatabase()), cast(Generator, generator))
        this = {asyncio.current_task()}
        runs.join(question)
        following = asyncio.all_tasks() - this
        started = runs.start(
            uuid4(), question, Request("model", (), None, 10), Place(lambda _: None)
        )
        generating = asyncio.all_tasks() - this - following
        await asyncio.wait(following)
        assert runs.active == 1
        assert runs.join(question) is started
        generator.go_on.set()
        await asyncio.wait(generating)
        assert not any(task.exception() for task in following | generating)
        assert runs.active == 0

    asyncio.run(scenario())


def test_a_question_that_loses_its_place_in_line_fails_and_was_not_sent() -> None:
    async def scenario() -> None:
        turns = FairQueue(1, 4, ProviderOverloaded)
        turns.reserve("somebody")
        run = Run(uuid4(), answering(), Request("model", (), None, 10), turns.reserve("greedy"))
        nothing = cast(Any, None)
        storage = AnswerStorage(cast(Database, WritingDatabase()), nothing, cast(Any, NoIndexing()))
        generator = Generator(nothing, nothing, storage)
        generating = asyncio.create_task(generator.generate(run))
        run.place.refuse(ProviderOverloaded(retry_after=10))
        await asyncio.wait_for(generating, 10)
        question = run.stream.question
        assert (question["status"], question["error"]) == ("failed", "provider_overloaded")
        assert not run.outcome().may_be_billed

    asyncio.run(scenario())
