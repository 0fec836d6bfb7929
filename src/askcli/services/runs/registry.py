"""Registry of the answers in progress, which belong to the server and not to a request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from askcli.answerers.base import Request
from askcli.contract import Question
from askcli.errors import AskcliError, Cancelled, Interrupted, ShuttingDown
from askcli.services.clock import now
from askcli.services.runs import remote
from askcli.services.runs.generation import Generator
from askcli.services.runs.run import Run
from askcli.services.runs.stream import AnswerStream, ended_stream
from askcli.store import questions
from askcli.store.database import Database

log = logging.getLogger("askcli.runs")

# After a drain: time to store what was interrupted.
STORE_SECONDS = 10.0
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class _Job:
    """A stream and the task that feeds it; `run` is set where this process generates the answer."""

    stream: AnswerStream
    run: Run | None
    task: asyncio.Task[None]


class Runs:
    """The runs of this process, and the answers of other processes that are followed here."""

    def __init__(self, database: Database, generator: Generator) -> None:
        self._database = database
        self._generator = generator
        self._jobs: dict[str, _Job] = {}  # by question id
        self.stopping = False

    @property
    def active(self) -> int:
        """Number of answers that this process generates."""
        return len(self._own())

    def own_ids(self) -> set[UUID]:
        """Return the ids of the questions that this process answers."""
        return {run.question_id for run in self._own()}

    def check_open(self) -> None:
        """Raise ShuttingDown once the server has begun to stop."""
        if self.stopping:
            raise ShuttingDown(retry_after=RETRY_AFTER_SECONDS)

    def start(self, question: Question, request: Request) -> AnswerStream:
        """Start to answer a stored question."""
        run = Run(question, request)
        self._add(run.stream, run, self._generator.generate(run))
        return run.stream

    def join(self, question: Question) -> AnswerStream:
        """Return the stream of a question's answer, whichever process generates it."""
        if job := self._jobs.get(question["id"]):
            return job.stream
        if question["status"] != "answering":
            return ended_stream(question)
        stream = AnswerStream(question)
        self._add(stream, None, remote.feed(stream, self._database))
        return stream

    def _add(self, stream: AnswerStream, run: Run | None, work: Coroutine[Any, Any, None]) -> None:
        """Do the work in a task, and keep the job for as long as it takes."""
        question_id = stream.question["id"]

        async def work_and_remove() -> None:
            try:
                await work
            except Exception:
                log.exception("run %s failed", question_id)
                stream.end(stream.question, AskcliError("The server failed; ask again."))
            finally:
                del self._jobs[question_id]

        self._jobs[question_id] = _Job(stream, run, asyncio.create_task(work_and_remove()))

    async def cancel(self, user_id: UUID, question_id: UUID) -> None:
        """End the answer of a user's question in any process; returns when its row is updated."""
        job = self._jobs.get(str(question_id))
        if job is None or job.run is None:
            await self._database.write(questions.cancel, user_id, question_id, now())
            return
        job.run.stop(Cancelled())
        await job.stream.wait()

    async def drain(self, seconds: float) -> None:
        """Refuse new questions, wait `seconds` for the runs, then interrupt and store the rest."""
        self.stopping = True
        await self._wait_for_runs(seconds)
        self.interrupt()
        await self._wait_for_runs(STORE_SECONDS)
        if unfinished := self._own():
            log.error("%d answers could not be stored to their end", len(unfinished))
        for job in list(self._jobs.values()):
            if job.run is None:
                error = ShuttingDown("The server is stopping; rejoin shortly.")
                job.stream.end(job.stream.question, error)
            job.task.cancel()

    def interrupt(self) -> None:
        """End all runs of this process now; their text so far is stored."""
        for run in self._own():
            run.stop(Interrupted("The server stopped in mid-answer; ask again."))

    def _own(self) -> list[Run]:
        return [job.run for job in self._jobs.values() if job.run is not None]

    async def _wait_for_runs(self, seconds: float) -> None:
        tasks = [job.task for job in self._jobs.values() if job.run is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
