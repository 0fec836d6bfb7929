"""Runs: the answers in the making. They belong to the server and not to a request.

A run of this process is made here; a run of another process is read along from its row, which is
all that processes need to have in common.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from askcli.answerers.base import Request
from askcli.contract import Question
from askcli.errors import (
    AskcliError,
    Cancelled,
    DatabaseUnavailable,
    Interrupted,
    NotFound,
    ShuttingDown,
)
from askcli.services.clock import now
from askcli.services.runs.generation import Answering
from askcli.services.runs.run import Run, ended_run, stored_error
from askcli.services.shapes import as_question
from askcli.store import questions
from askcli.store.database import Database

log = logging.getLogger("askcli.runs")

WATCH_SECONDS = 0.2
STORE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Working:
    """A run, and the task that makes or watches it."""

    run: Run
    task: asyncio.Task[None]


Kept = dict[str, Working]


class Runs:
    """The runs of this process, and those of others that somebody here follows."""

    def __init__(self, database: Database, answering: Answering) -> None:
        self._database = database
        self._answering = answering
        self._own: Kept = {}
        self._watched: Kept = {}
        self.stopping = False

    @property
    def active(self) -> int:
        """How many answers this process is making."""
        return len(self._own)

    def own_ids(self) -> set[UUID]:
        """The questions that this process is answering."""
        return {UUID(question_id) for question_id in self._own}

    def check_open(self) -> None:
        """Raises ShuttingDown once the server has begun to stop."""
        if self.stopping:
            raise ShuttingDown(retry_after=5)

    def start(self, question: Question, request: Request) -> Run:
        """Begin to answer a question whose row is stored."""
        run = Run(question)
        self._keep(self._own, run, self._answering.answer(run, request))
        return run

    def join(self, question: Question) -> Run:
        """The run of a question that was asked before, whichever process answers it."""
        known = self._own.get(question["id"]) or self._watched.get(question["id"])
        if known:
            return known.run
        if question["status"] != "answering":
            return ended_run(question)
        run = Run(question)
        self._keep(self._watched, run, self._watch(run))
        return run

    @staticmethod
    def _keep(where: Kept, run: Run, work: Coroutine[Any, Any, None]) -> None:
        """Do a run's work in a task, and know the run for as long as it takes."""
        question_id = run.question["id"]

        async def working() -> None:
            try:
                await work
            except Exception:
                log.exception("run %s failed", question_id)
                run.end(run.question, AskcliError("The server failed; ask again."))
            finally:
                del where[question_id]

        where[question_id] = Working(run, asyncio.create_task(working()))

    async def cancel(self, user_id: UUID, question_id: UUID) -> None:
        """End the run of a user's question, wherever it is made; returns when its row says so."""
        own = self._own.get(str(question_id))
        if own is None:
            await self._database.write(questions.cancel, user_id, question_id, now())
            return
        own.run.stop(Cancelled())
        await own.run.wait()

    async def drain(self, seconds: float) -> None:
        """Take no more; let the runs finish for so long, then interrupt the rest, text kept."""
        self.stopping = True
        await self._settle(seconds)
        self.interrupt()
        await self._settle(STORE_SECONDS)
        if self._own:
            log.error("%d answers could not be stored to their end", len(self._own))
        for watched in list(self._watched.values()):
            run = watched.run
            run.end(run.question, ShuttingDown("The server is stopping; rejoin shortly."))
        for kept in [*self._own.values(), *self._watched.values()]:
            kept.task.cancel()

    def interrupt(self) -> None:
        """End all runs of this process now; their text so far is stored."""
        for own in self._own.values():
            own.run.stop(Interrupted("The server stopped in mid-answer; ask again."))

    async def _settle(self, seconds: float) -> None:
        tasks = [own.task for own in self._own.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def _watch(self, run: Run) -> None:
        """Feed a run from its row, which another process writes."""
        user_id, question_id = UUID(run.question["user_id"]), UUID(run.question["id"])
        while not run.ended:
            with suppress(DatabaseUnavailable):
                row = await self._database.read(questions.by_id, user_id, question_id)
                _catch_up(run, as_question(row) if row else None)
            await asyncio.sleep(WATCH_SECONDS)


def _catch_up(run: Run, question: Question | None) -> None:
    if question is None:
        run.end(
            run.question, NotFound(detail="The question was deleted while it was being answered.")
        )
        return
    if new := question["answer"][len(run.text) :]:
        run.add(new)
    if question["status"] != "answering":
        run.end(question, stored_error(question))
