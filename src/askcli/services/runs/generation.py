"""Generation of one answer: waits for a slot, reads the model's stream, stores the answer.

The row gets the text so far twice a second, which is the run's heartbeat too, and the end when it
comes. Whether anybody follows the stream makes no difference.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.answerers.base import Answerer, Begin, Finish
from askcli.contract.limits import MAX_ANSWER_CHARACTERS
from askcli.contract.shapes import Question, Status
from askcli.errors import (
    AnswerTooLong,
    AskcliError,
    Cancelled,
    DatabaseUnavailable,
    Interrupted,
    ProviderFailed,
)
from askcli.services.clock import now, rfc3339
from askcli.services.indexing import Indexing
from askcli.services.runs.retries import RetryPolicy
from askcli.services.runs.run import Run
from askcli.services.runs.storable_text import StorableText
from askcli.services.runs.stream import AnswerStream, wait_for_event
from askcli.services.usage.metering import Metering, Outcome
from askcli.store import questions
from askcli.store.database import Database
from askcli.store.search import Entry

log = logging.getLogger("askcli.generation")

CHECKPOINT_SECONDS = 0.5  # so that a crash loses less than a second of text, writing it included
RETRY_SECONDS = 0.5


class Generator:
    """Generates answers in this process."""

    def __init__(
        self,
        database: Database,
        answerer: Answerer,
        retries: RetryPolicy,
        metering: Metering,
        indexing: Indexing,
    ) -> None:
        self._database = database
        self._answerer = answerer
        self._retries = retries
        self._metering = metering
        self._indexing = indexing

    async def generate(self, run: Run) -> None:
        """Generate the run's answer and store its end; `run.stop` ends it early."""
        async with self._checkpoints(run):
            outcome = await self._outcome(run)
            question = run.stream.question
            entry = await self._indexing.ended(
                UUID(question["user_id"]), question["question"], outcome.text
            )
        await self._store(run, outcome, entry)

    async def _outcome(self, run: Run) -> Outcome:
        try:
            with run.place, run.stoppable():
                await run.place.slot()
                return await self._read_answer(run)
        except AskcliError as error:
            return run.outcome(error=error)
        except Exception:
            log.exception("run %s failed", run.question_id)
            failure = AskcliError("The server failed while it answered; ask again.")
            return run.outcome(error=failure)

    async def _read_answer(self, run: Run) -> Outcome:
        run.is_sent = True
        text = StorableText()
        # Closed at once when the answer is too long: the provider stops, and bills no more.
        async with aclosing(self._retries.stream(self._answerer, run.request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Finish):
                    _append(run.stream, text.end())
                    return run.outcome(piece, None if run.stream.text else _empty_answer(piece))
                if isinstance(piece, Begin):
                    run.begin = piece
                elif piece:
                    _append(run.stream, text.add(piece))
        raise Interrupted()

    @asynccontextmanager
    async def _checkpoints(self, run: Run) -> AsyncIterator[None]:
        """Store the text so far at intervals during the block."""
        is_over = asyncio.Event()
        task = asyncio.create_task(self._checkpoint(run, is_over))
        try:
            yield
        finally:
            is_over.set()
            await task  # not cancelled: a checkpoint under way must not be written after the end

    async def _checkpoint(self, run: Run, is_over: asyncio.Event) -> None:
        stored = ""
        while not await wait_for_event(is_over, CHECKPOINT_SECONDS):
            with suppress(DatabaseUnavailable):
                text = run.stream.text
                values: dict[str, Any] = {"heartbeat_at": now()}
                if text != stored:  # a long answer is not written again while its model thinks
                    values["answer"] = text
                if not await self._database.write(questions.change, run.question_id, values):
                    run.stop(Cancelled("The answer was cancelled, or its question deleted."))
                stored = text

    async def _store(self, run: Run, outcome: Outcome, entry: Entry) -> None:
        cost = self._answerer.cost_usd(outcome.finish) if outcome.finish else None
        answered_at = now()
        question = _ended(run.stream.question, outcome, answered_at, cost)
        while True:
            try:
                if not await self._database.write(self._end, question, answered_at, outcome, entry):
                    await self._indexing.update(run.question_id)  # the text it was cancelled with
                break
            except DatabaseUnavailable:  # the answer is paid for: keep it until it is stored
                await asyncio.sleep(RETRY_SECONDS)
        if (error := outcome.error) is not None:
            error.question_id, error.question_status = question["id"], question["status"]
        run.stream.end(question, outcome.error)

    def _end(
        self,
        connection: Connection,
        question: Question,
        answered_at: datetime,
        outcome: Outcome,
        entry: Entry,
    ) -> bool:
        """Store the end; False where the question was cancelled or deleted: the cost counts."""
        values: dict[str, Any] = {"answered_at": answered_at}
        values |= {name: value for name, value in question.items() if name in _STORED_FIELDS}
        is_stored = questions.finish(connection, outcome.question_id, values, entry)
        self._metering.settle(connection, outcome)
        return is_stored


_STORED_FIELDS = frozenset(
    {
        "answer",
        "status",
        "stop_reason",
        "error",
        "model",
        "input_tokens",
        "output_tokens",
        "cost_usd",
    }
)


def _ended(
    question: Question, outcome: Outcome, answered_at: datetime, cost: float | None
) -> Question:
    ended = Question(**question)
    ended["answer"] = outcome.text
    ended["status"] = _status(outcome.error)
    ended["error"] = outcome.error.code if outcome.error else None
    ended["answered_at"] = rfc3339(answered_at)
    ended["cost_usd"] = cost
    if begin := outcome.begin:  # an answer that broke off has cost its input at least
        ended["model"], ended["input_tokens"] = begin.model, begin.input_tokens
    if finish := outcome.finish:
        ended["stop_reason"] = finish.stop_reason
        ended["model"] = finish.model
        ended["input_tokens"] = finish.input_tokens
        ended["output_tokens"] = finish.output_tokens
    return ended


def _status(error: AskcliError | None) -> Status:
    if error is None:
        return "answered"
    if isinstance(error, Cancelled):
        return "cancelled"
    return "interrupted" if isinstance(error, Interrupted) else "failed"


def _empty_answer(finish: Finish) -> AskcliError | None:
    if finish.stop_reason == "refusal":
        return None
    return ProviderFailed("The model gave an empty answer; ask again, or in other words.")


def _append(stream: AnswerStream, text: str) -> None:
    """Append the text as far as an answer may go. Raises AnswerTooLong for what is beyond."""
    room = MAX_ANSWER_CHARACTERS - stream.characters
    if text[:room]:
        stream.append(text[:room])
    if len(text) > room:
        raise AnswerTooLong()
