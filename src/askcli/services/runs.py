"""Runs: the answers that this process makes. They belong to the server and not to a request.

A run reads the answerer to the end, whoever still listens; the row gets the text so far every
second, and the end when it comes. A run of another process is read along from its row.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

from askcli.answerers.base import Answerer, Finish, Request
from askcli.contract import Question, Status
from askcli.errors import (
    AskcliError,
    DatabaseUnavailable,
    Interrupted,
    NotFound,
    ProviderFailed,
    ShuttingDown,
)
from askcli.services.clock import now, rfc3339
from askcli.services.rows import as_question
from askcli.services.run import Run, ended_run, stored_error
from askcli.store import questions
from askcli.store.database import Database

log = logging.getLogger("askcli.runs")

CHECKPOINT_SECONDS = 1.0
RETRY_SECONDS = 0.5
WATCH_SECONDS = 0.2


class Runs:
    """The runs of this process."""

    def __init__(self, database: Database, answerer: Answerer) -> None:
        self._database = database
        self._answerer = answerer
        self._runs: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._watched: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._stopping = False

    @property
    def active(self) -> int:
        """How many answers are in the making."""
        return len(self._runs)

    def join(self, question: Question) -> Run:
        """The run of a question that was asked before, whichever process answers it."""
        known = self._runs.get(question["id"]) or self._watched.get(question["id"])
        if known:
            return known[0]
        if question["status"] != "answering":
            return ended_run(question)
        run = Run(question)
        task = asyncio.create_task(self._watch(run), name=f"watch {question['id']}")
        self._watched[question["id"]] = (run, task)
        return run

    def check_open(self) -> None:
        """Raises ShuttingDown once the server has begun to stop."""
        if self._stopping:
            raise ShuttingDown("The server is stopping; try again shortly.", retry_after=5)

    def start(self, question: Question, request: Request) -> Run:
        """Begin to answer a question whose row is stored."""
        run = Run(question)
        task = asyncio.create_task(self._answer(run, request), name=f"run {question['id']}")
        self._runs[question["id"]] = (run, task)
        return run

    async def drain(self, seconds: float) -> None:
        """Take no more; let the runs finish for so long, then interrupt the rest, text kept."""
        self._stopping = True
        for _, watch in self._watched.values():
            watch.cancel()
        tasks = [task for _, task in self._runs.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _watch(self, run: Run) -> None:
        """Feed a run from its row, which another process writes."""
        user_id, question_id = UUID(run.question["user_id"]), UUID(run.question["id"])
        try:
            while not run.ended:
                with suppress(DatabaseUnavailable):
                    row = await self._database.read(questions.by_id, user_id, question_id)
                    _catch_up(run, as_question(row) if row else None)
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            del self._watched[run.question["id"]]

    async def _answer(self, run: Run, request: Request) -> None:
        checkpoints = asyncio.create_task(self._checkpoint(run))
        try:
            finish, error = await self._listen(run, request)
        finally:
            checkpoints.cancel()
        try:
            # Shielded: a server that stops must still store what it has.
            await asyncio.shield(self._store(run, finish, error))
        finally:
            del self._runs[run.question["id"]]

    async def _listen(self, run: Run, request: Request) -> tuple[Finish | None, AskcliError | None]:
        try:
            async for piece in self._answerer.stream(request):
                if isinstance(piece, Finish):
                    return piece, None if run.text else _empty(piece)
                run.add(storable(piece))
            return None, Interrupted("The model's answer broke off before its end; ask again.")
        except AskcliError as error:
            return None, error
        except asyncio.CancelledError:
            return None, Interrupted("The server stopped in mid-answer; ask again.")
        except Exception:
            log.exception("run %s failed", run.question["id"])
            return None, AskcliError("The server failed while it answered; ask again.")

    async def _checkpoint(self, run: Run) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            with suppress(DatabaseUnavailable):
                values = {"answer": run.text, "heartbeat_at": now()}
                await self._database.write(questions.change, UUID(run.question["id"]), values)

    async def _store(self, run: Run, finish: Finish | None, error: AskcliError | None) -> None:
        moment = now()
        question = _ended(run, finish, error, rfc3339(moment))
        values: dict[str, Any] = {"answered_at": moment} | {
            name: value for name, value in question.items() if name in _STORED
        }
        while True:
            try:
                await self._database.write(questions.change, UUID(question["id"]), values)
                break
            except DatabaseUnavailable:  # the answer is paid for: keep it until it is stored
                await asyncio.sleep(RETRY_SECONDS)
        if error is not None:
            error.question_id, error.question_status = question["id"], question["status"]
        run.end(question, error)


def _catch_up(run: Run, question: Question | None) -> None:
    if question is None:
        run.end(run.question, NotFound("The question was deleted while it was being answered."))
        return
    if new := question["answer"][len(run.text) :]:
        run.add(new)
    if question["status"] != "answering":
        run.end(question, stored_error(question))


_STORED = {"answer", "status", "stop_reason", "error", "model", "input_tokens", "output_tokens"}


def _ended(run: Run, finish: Finish | None, error: AskcliError | None, moment: str) -> Question:
    question = Question(**run.question)
    question["answer"] = run.text
    question["status"] = _status(error)
    question["error"] = error.code if error else None
    question["answered_at"] = moment
    if finish is not None:
        question["stop_reason"] = finish.stop_reason
        question["model"] = finish.model
        question["input_tokens"] = finish.input_tokens
        question["output_tokens"] = finish.output_tokens
    return question


def _status(error: AskcliError | None) -> Status:
    if error is None:
        return "answered"
    return "interrupted" if isinstance(error, Interrupted) else "failed"


def _empty(finish: Finish) -> AskcliError | None:
    if finish.stop_reason == "refusal":
        return None
    return ProviderFailed("The model gave an empty answer; ask again, or in other words.")


def storable(text: str) -> str:
    """The text without what no database keeps: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
