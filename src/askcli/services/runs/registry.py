"""Registry of the answers in progress, which belong to the server and not to a request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

from askcli.contract.shapes import Question
from askcli.errors import AskcliError, Cancelled, Interrupted, ShuttingDown
from askcli.services.clock import now
from askcli.services.runs.elsewhere.remote import Feeds
from askcli.services.runs.generation import Generator
from askcli.services.runs.run import Run
from askcli.services.runs.stream import AnswerStream, ended_stream
from askcli.store.database import Database, failures
from askcli.store.queries import questions

log = logging.getLogger("askcli.runs")

# After a drain: time to store what was interrupted.
STORE_SECONDS = 10.0
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class _Job:
    """A stream and the task that feeds it."""

    stream: AnswerStream
    task: asyncio.Task[None]


@dataclass(frozen=True, slots=True)
class _OwnJob(_Job):
    """A job that generates the answer in this process."""

    run: Run


class Runs:
    """The runs of this process, and the answers of other processes that are followed here."""

    def __init__(self, database: Database, generator: Generator, feeds: Feeds) -> None:
        self._database = database
        self._generator = generator
        self._feeds = feeds
        # By question id. Apart, because both may have the same one for a moment: a repeated request
        # can find the stored row before the first request has started its run.
        self._own: dict[str, _OwnJob] = {}
        self._followed: dict[str, _Job] = {}
        # Questions that were let in, and whose runs have not started yet, by user and key.
        self._arriving: dict[tuple[UUID, str | None], set[asyncio.Future[None]]] = {}
        self.is_leaving = False  # a stop was asked for; new questions may still be taken
        self.stopping = False
        self.unstored = 0  # answers whose ends were given up when the server stopped
        self._interrupting = False

    @property
    def active(self) -> int:
        """Number of answers that this process generates."""
        return len(self._own)

    def own_ids(self) -> set[UUID]:
        """Return the ids of the questions that this process answers."""
        return {job.run.question_id for job in self._own.values()}

    def leave(self, *, takes_questions: bool) -> None:
        """Be no longer ready; new questions are taken until `drain`, or are refused at once."""
        self.is_leaving, self.stopping = True, not takes_questions

    def check_staying(self) -> None:
        """Raise ShuttingDown once the server is to get no more requests."""
        if self.is_leaving:
            raise ShuttingDown(retry_after=RETRY_AFTER_SECONDS)

    def check_open(self) -> None:
        """Raise ShuttingDown once the server takes no new questions."""
        if self.stopping:
            raise ShuttingDown(retry_after=RETRY_AFTER_SECONDS)

    @contextmanager
    def arrival(self, user_id: UUID, key: str | None) -> Iterator[None]:
        """Let in a question with this idempotency key, whose run starts in the block.

        A drain waits for both. Raises ShuttingDown once the server has begun to stop.
        """
        self.check_open()
        has_arrived = asyncio.get_running_loop().create_future()
        same = self._arriving.setdefault((user_id, key), set())
        same.add(has_arrived)
        try:
            yield
        finally:
            same.discard(has_arrived)
            if not same:
                del self._arriving[user_id, key]
            has_arrived.set_result(None)

    async def arrivals(self, user_id: UUID, key: str) -> None:
        """Wait until the user's questions that are let in with this key are stored, or refused."""
        if same := self._arriving.get((user_id, key)):
            await asyncio.wait(set(same))

    def start(self, run: Run) -> AnswerStream:
        """Start to answer a stored question."""
        if self._interrupting:
            run.stop(_interrupted())
        work = self._work(run.stream, partial(self._generator.generate, run), self._own)
        # In a context of its own: its caller was checked, and what stores an answer does not wait
        # behind its user's requests.
        task = asyncio.create_task(work, context=Context())
        self._own[str(run.question_id)] = _OwnJob(run.stream, task, run)
        return run.stream

    def start_unconfirmed(self, run: Run, *, is_wanted: bool) -> None:
        """Start a run whose row may have been stored: the database's reply was lost.

        Nothing is sent before its row is found. It ends without being sent where it is not wanted:
        its asker was told of a failure, and cannot ask for it again without a key.
        """
        run.is_confirmed = False
        if not is_wanted:
            run.stop(Interrupted("The question was stored, and could not be answered; ask again."))
        self.start(run)

    def join(self, question: Question) -> AnswerStream:
        """Return the stream of a question's answer, whichever process generates it."""
        for jobs in (self._own, self._followed):
            # An ended one is about to be removed, and its question may have been started again.
            if (job := jobs.get(question["id"])) and not job.stream.ended:
                return job.stream
        if question["status"] != "answering":
            return ended_stream(question)
        stream = AnswerStream(question)
        work = self._work(stream, partial(self._feeds.feed, stream), self._followed)
        # In a context of its own: others follow it when the request that was the first has ended.
        self._followed[question["id"]] = _Job(stream, asyncio.create_task(work, context=Context()))
        return stream

    @staticmethod
    async def _work(
        stream: AnswerStream, work: Callable[[], Awaitable[None]], jobs: MutableMapping[str, Any]
    ) -> None:
        """Do the work, and remove its job at the end."""
        question_id = stream.question["id"]
        job = jobs.get(question_id)
        if job is None or job.task is not asyncio.current_task():
            return  # its job could not be added, and another task may do the work
        try:
            await work()
        except Exception:
            log.exception("run %s failed", question_id)
            stream.end(stream.question, AskcliError("The server failed; ask again."))
        finally:
            job = jobs.get(question_id)
            if job and job.stream is stream:  # and not that of the question started again
                del jobs[question_id]

    async def cancel(self, user_id: UUID, question_id: UUID) -> None:
        """End the answer of a user's question in any process; returns when its row is updated.

        Raises DatabaseUnavailable; an answer of this process ends all the same, and its row later.
        """
        job = self._own.get(str(question_id))
        # The question of an earlier run may have been started again, here or in another process.
        if job is None or job.stream.ended or not await self._stop(job):
            await self._database.write(questions.cancel, user_id, question_id, now())

    async def _stop(self, job: _OwnJob) -> bool:
        """End the run; return whether its question has ended. Raises DatabaseUnavailable."""
        job.run.stop(Cancelled())
        try:
            async with asyncio.timeout(self._database.unit_seconds):
                await job.stream.wait()
        except TimeoutError:
            raise failures.no_answer() from None
        return job.stream.question["status"] != "answering"

    async def drain(self, seconds: float) -> None:
        """Refuse new questions, wait `seconds` for the runs, then interrupt and store the rest."""
        self.leave(takes_questions=False)
        await self._wait_for_runs(seconds)
        self.interrupt()
        await self._wait_for_runs(STORE_SECONDS)
        self.unstored = max(self.unstored, len(self._own))
        for job in [*self._own.values(), *self._followed.values()]:
            if not job.stream.ended:
                error = ShuttingDown("The server is stopping; rejoin shortly.")
                job.stream.end(job.stream.question, error)
            job.task.cancel()

    def interrupt(self) -> None:
        """End all runs of this process now, and those that start later; their text is stored."""
        self._interrupting = True
        for job in self._own.values():
            job.run.stop(_interrupted())

    async def _wait_for_runs(self, seconds: float) -> None:
        """Wait until no run is left and no question is arriving, for at most `seconds`."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        while pending := [
            *chain.from_iterable(self._arriving.values()),
            *(job.task for job in self._own.values()),
        ]:
            if clock() >= deadline:
                return
            await asyncio.wait(pending, timeout=deadline - clock())


def _interrupted() -> Interrupted:
    return Interrupted("The server stopped in mid-answer; ask again.")
