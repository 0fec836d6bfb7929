"""Make one answer: wait for a turn, listen to the model, store what it says.

The row gets the text so far twice a second, which is its sign of life too, and the end when it
comes. Whoever listens to the run, or nobody, makes no difference here.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.answerers.base import Answerer, Begin, Finish, Request
from askcli.contract import Question, Status
from askcli.errors import AskcliError, Cancelled, DatabaseUnavailable, Interrupted, ProviderFailed
from askcli.services.clock import now, rfc3339
from askcli.services.fair_queue import Turns
from askcli.services.runs.retries import Patience
from askcli.services.runs.run import Run, happens
from askcli.services.usage.metering import Spending
from askcli.store import questions, search
from askcli.store.database import Database

log = logging.getLogger("askcli.answering")

CHECKPOINT_SECONDS = 0.5  # so that a crash takes less than a second of text, writing it included
RETRY_SECONDS = 0.5

Outcome = tuple[Finish | None, AskcliError | None]


class Answering:
    """How this process makes answers."""

    def __init__(
        self,
        database: Database,
        answerer: Answerer,
        patience: Patience,
        turns: Turns,
        spending: Spending,
    ) -> None:
        self._database = database
        self._spending = spending
        self._answerer = answerer
        self._patience = patience
        self._turns = turns

    async def answer(self, run: Run, request: Request) -> None:
        """Make the run's answer and store its end; stop the run to make it end early."""
        over = asyncio.Event()
        checkpoints = asyncio.create_task(self._checkpoint(run, over))
        try:
            finish, error = await run.listen(self._listen(run, request))
        except asyncio.CancelledError:  # stopped before it had begun to listen
            finish, error = None, _stopped(run)
        over.set()
        await checkpoints  # not cancelled: one under way must not overtake the end
        await self._store(run, finish, error)

    async def _listen(self, run: Run, request: Request) -> Outcome:
        try:
            async with self._turns.turn(run.question["user_id"]):
                return await self._hear(run, request)
        except AskcliError as error:
            return None, error
        except asyncio.CancelledError:
            return None, _stopped(run)
        except Exception:
            log.exception("run %s failed", run.question["id"])
            return None, AskcliError("The server failed while it answered; ask again.")

    async def _hear(self, run: Run, request: Request) -> Outcome:
        run.is_sent = True
        async for piece in self._patience.stream(self._answerer, request):
            if isinstance(piece, Finish):
                return piece, None if run.text else _empty(piece)
            if isinstance(piece, Begin):
                run.begin = piece
            elif piece:
                run.add(storable(piece))
        raise Interrupted()

    async def _checkpoint(self, run: Run, over: asyncio.Event) -> None:
        question_id, kept = UUID(run.question["id"]), ""
        while not await happens(over, CHECKPOINT_SECONDS):
            with suppress(DatabaseUnavailable):
                text = run.text
                values: dict[str, Any] = {"heartbeat_at": now()}
                if text != kept:  # a long answer is not written again while its model thinks
                    values["answer"] = text
                if not await self._database.write(questions.change, question_id, values):
                    run.stop(Cancelled("The answer was cancelled, or its question deleted."))
                kept = text

    async def _store(self, run: Run, finish: Finish | None, error: AskcliError | None) -> None:
        moment = now()
        cost = self._answerer.cost_usd(finish) if finish else None
        question = _ended(run, finish, error, rfc3339(moment), cost)
        values: dict[str, Any] = {"answered_at": moment} | {
            name: value for name, value in question.items() if name in _STORED
        }
        while True:
            try:
                await self._database.write(self._end, run, values, finish, error)
                break
            except DatabaseUnavailable:  # the answer is paid for: keep it until it is stored
                await asyncio.sleep(RETRY_SECONDS)
        if error is not None:
            error.question_id, error.question_status = question["id"], question["status"]
        run.end(question, error)

    def _end(
        self,
        connection: Connection,
        run: Run,
        values: dict[str, Any],
        finish: Finish | None,
        error: AskcliError | None,
    ) -> None:
        """What it cost counts, also where the question was cancelled or deleted meanwhile."""
        question_id = UUID(run.question["id"])
        user_id, question = UUID(run.question["user_id"]), run.question["question"]
        if questions.change(connection, question_id, values):
            search.put(connection, user_id, question_id, question, run.text)
        else:  # cancelled meanwhile, or deleted
            search.put_as_stored(connection, question_id)
        self._spending.settle(connection, run, finish, error)


_STORED = {
    "answer",
    "status",
    "stop_reason",
    "error",
    "model",
    "input_tokens",
    "output_tokens",
    "cost_usd",
}


def _ended(
    run: Run, finish: Finish | None, error: AskcliError | None, moment: str, cost: float | None
) -> Question:
    question = Question(**run.question)
    question["answer"] = run.text
    question["status"] = _status(error)
    question["error"] = error.code if error else None
    question["answered_at"] = moment
    question["cost_usd"] = cost
    if run.begin is not None:  # an answer that broke off has cost its input at least
        question["model"], question["input_tokens"] = run.begin.model, run.begin.input_tokens
    if finish is not None:
        question["stop_reason"] = finish.stop_reason
        question["model"] = finish.model
        question["input_tokens"] = finish.input_tokens
        question["output_tokens"] = finish.output_tokens
    return question


def _status(error: AskcliError | None) -> Status:
    if error is None:
        return "answered"
    if isinstance(error, Cancelled):
        return "cancelled"
    return "interrupted" if isinstance(error, Interrupted) else "failed"


def _stopped(run: Run) -> AskcliError:
    return run.stopped_by or Interrupted("The server stopped in mid-answer; ask again.")


def _empty(finish: Finish) -> AskcliError | None:
    if finish.stop_reason == "refusal":
        return None
    return ProviderFailed("The model gave an empty answer; ask again, or in other words.")


def storable(text: str) -> str:
    """The text without what no database keeps: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
