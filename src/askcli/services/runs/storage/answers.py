"""Stores the ends of this process's runs; their text so far is in `answer_log`.

Each statement names the run as well as the question. A question that another process has found
dead, or has started again, is no longer this run's: nothing of it is overwritten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from askcli.contract.shapes import Question
from askcli.errors import AskcliError, Cancelled, DatabaseUnavailable
from askcli.services.clock import now
from askcli.services.indexing import Indexing
from askcli.services.runs.run import Run
from askcli.services.runs.storage.endings import REPORTED_FIELDS, STORED_FIELDS, ended
from askcli.services.runs.stream import deletion_error, other_run_error, stored_error
from askcli.services.shapes import as_question
from askcli.services.usage.metering import Metering, Outcome
from askcli.store.database import Database
from askcli.store.queries import ended_elsewhere, questions, usage, users
from askcli.store.search import Entry

log = logging.getLogger("askcli.storage")

LONGEST_OUTAGE_SECONDS = 60.0  # before an answer begins: then nobody waits for it any more
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 30.0

# With which the database refuses values: it will again.
REFUSALS = (DataError, UnicodeError)

T = TypeVar("T")


class AnswerStorage:
    """Stores what runs generate."""

    def __init__(self, database: Database, metering: Metering, indexing: Indexing) -> None:
        self._database = database
        self._metering = metering
        self._indexing = indexing

    async def dequeue(self, run: Run) -> None:
        """Store that the run is no longer queued, before its request is sent. Raises as `confirm`.

        One that never was, and has just been stored, needs no confirmation.
        """
        if run.is_queued or not run.is_confirmed:
            await self.confirm(run)

    async def confirm(self, run: Run) -> None:
        """Store that the run is not queued, as long as the question is this run's.

        Raises Cancelled where it is not, or was not stored; DatabaseUnavailable after
        LONGEST_OUTAGE_SECONDS.
        """
        try:
            async with asyncio.timeout(LONGEST_OUTAGE_SECONDS):
                is_own = await self._persist(run, partial(self._database.write, _dequeue, run))
        except TimeoutError:
            raise DatabaseUnavailable() from None
        if not is_own:
            raise Cancelled()  # how it ends is in its row
        run.is_queued = False

    async def entry(self, run: Run, outcome: Outcome) -> Entry:
        """Return the entry of the search index for the whole answer.

        However often it takes: the thread that splits long texts may have failed to start.
        """
        question = run.stream.question["question"]
        make = partial(self._indexing.ended, run.user_id, question, outcome.text)
        return await self._persist(run, make)

    async def end(self, run: Run, outcome: Outcome, cost: float | None, entry: Entry) -> None:
        """Store the end of the answer, and end its stream with what is stored.

        Where the database refuses to, it is stored without the provider's report. Where it refuses
        that, the answer has failed, with the text that is stored, and at its real cost.
        """
        try:
            await self._store_either(run, outcome, cost, entry, is_whole=True)
        except REFUSALS:
            log.exception("run %s: its text cannot be stored", run.question_id)
            known = await self.entry(run, replace(outcome, text=""))
            await self._store_either(run, _failed(outcome), cost, known, is_whole=False)

    async def _store_either(
        self, run: Run, outcome: Outcome, cost: float | None, entry: Entry, *, is_whole: bool
    ) -> None:
        """Store the end, with the provider's report or without."""
        try:
            await self._store(run, outcome, cost, entry, is_whole=is_whole)
        except REFUSALS:
            log.exception(
                "run %s: its end is stored without the provider's report", run.question_id
            )
            bare = replace(outcome, begin=None, finish=None)
            await self._store(run, bare, None, entry, is_whole=is_whole)

    async def _store(
        self, run: Run, outcome: Outcome, cost: float | None, entry: Entry, *, is_whole: bool
    ) -> None:
        """Store the end with the whole text, or with the text that is stored."""
        answered_at = now()
        question = ended(run.stream.question, outcome, answered_at, cost)
        values: dict[str, Any] = {"answered_at": answered_at, "is_queued": False}
        names = STORED_FIELDS if is_whole else STORED_FIELDS - {"answer"}
        values |= {name: value for name, value in question.items() if name in names}
        error = outcome.error
        write = partial(self._database.write_entry, entry)
        store = partial(write, self._end, run, values, outcome, entry)
        if not await self._persist(run, store):
            question, error = await self._end_in_row(run, question, error)
        if error is not None:
            error.question_id, error.question_status = question["id"], question["status"]
        run.stream.end(question, error)

    async def _persist(self, run: Run, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work however often it takes; raise REFUSALS, which stay."""
        pause = RETRY_SECONDS
        while True:
            try:
                return await work()
            except DatabaseUnavailable:
                pause = RETRY_SECONDS
            except REFUSALS:
                raise
            except Exception:
                log.exception("run %s: its state could not be stored yet", run.question_id)
                pause = min(LONGEST_RETRY_SECONDS, 2 * pause)
            await asyncio.sleep(pause)

    def _end(
        self,
        connection: Connection,
        run: Run,
        values: Mapping[str, Any],
        outcome: Outcome,
        entry: Entry,
    ) -> bool:
        """Store the end; False where the row has another one, or text, and the cost counts."""
        _resolve_doubt(connection, run)
        ids, is_whole = (run.question_id, run.id), "answer" in values
        finish = partial(questions.finish, has_parts=lambda: run.has_parts)
        if is_whole and finish(connection, *ids, values, entry):
            self._metering.settle(connection, outcome)
            return True
        row = ended_elsewhere.lock(connection, run.question_id)
        if row is not None and row["run_id"] == run.id:
            if is_whole:
                known = {name: values[name] for name in REPORTED_FIELDS}
                ended_elsewhere.complete(connection, row, known, entry)
            else:
                ended_elsewhere.end_here(connection, row, values, entry)
        elif row is not None or not usage.is_of(connection, run.question_id, run.reserved_at):
            # A later run's. That of a question that is gone may be this run's, too: where the reply
            # to `_dequeue` was lost, it is not known whether the deletion has released it.
            return False
        self._metering.settle(connection, outcome)
        self._metering.correct(connection, outcome)  # where a check of orphans has settled it
        return False

    async def _end_in_row(
        self, run: Run, question: Question, error: AskcliError | None
    ) -> tuple[Question, AskcliError | None]:
        """Return the end that is stored in place of this run's."""
        read = partial(self._database.read, questions.by_id, run.user_id, run.question_id)
        row = await self._persist(run, read)
        if row is None:
            return run.stream.question, deletion_error()
        stored = as_question(row)
        if row["run_id"] != run.id:
            run.is_replaced = True
            return stored, stored_error(stored) or other_run_error()
        if stored["status"] == question["status"]:  # stored, and the database's reply was lost
            return stored, error
        return stored, stored_error(stored)


def _failed(outcome: Outcome) -> Outcome:
    """Return the end of an answer whose text cannot be stored: its own error, or that."""
    failure = AskcliError("The database cannot store this answer; ask again, in other words.")
    return replace(outcome, error=outcome.error or failure)


def _dequeue(connection: Connection, run: Run) -> bool:
    _resolve_doubt(connection, run)
    return questions.change(connection, run.question_id, run.id, {"is_queued": False})


def _resolve_doubt(connection: Connection, run: Run) -> None:
    """Wait for the transaction that stores the run's row, where its commit was not confirmed.

    It holds the lock of the user until it ends. Then the row is there, or never will be.
    """
    if not run.is_confirmed:
        users.lock(connection, run.user_id)
