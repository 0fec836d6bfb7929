"""Stores questions that are to be answered, each with the reservation of its cost."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from askcli.errors import AskcliError, DatabaseUnavailable
from askcli.services.indexing import Indexing, is_long
from askcli.services.runs.run import Run
from askcli.services.usage.metering import Metering
from askcli.store.database import Database, admission
from askcli.store.queries import questions, usage, users
from askcli.store.search import Entry


class QuestionStorage:
    """Stores the questions of new runs."""

    def __init__(self, database: Database, metering: Metering, indexing: Indexing) -> None:
        self._database = database
        self._metering = metering
        self._indexing = indexing

    async def store(self, row: dict[str, Any], run: Run, *, is_new: bool) -> bool:
        """Store a question to be answered; False where its key was used meanwhile.

        Of a failure, `may_be_stored` says whether the question may be stored all the same.
        """
        if not is_new:
            return await self._database.write(self._start_again, row, run)
        if is_long(row["question"]):  # no work for those who only send what is refused
            await self._database.read(self._metering.check, row["user_id"], run.request)
        entry = await self._indexing.new(row["user_id"], row["question"])
        if is_long(row["question"]):
            admission.renew()  # it has waited
        try:
            await self._database.write_entry(entry, self._add, row, entry, run)
        except IntegrityError:
            if row["idempotency_key"] is None:
                raise
            return False
        return True

    def _add(self, connection: Connection, row: dict[str, Any], entry: Entry, run: Run) -> None:
        """One transaction: the cost is reserved if and only if the question is stored."""
        self._metering.reserve(connection, row, run.request, at=run.reserved_at)
        questions.add(connection, row, entry)

    def _start_again(self, connection: Connection, row: dict[str, Any], run: Run) -> bool:
        """Make a failed question a running one, its cost reserved anew; False if it is not failed.

        Of any number of requests at once, one succeeds.
        """
        users.lock(connection, row["user_id"])  # before its questions, as everywhere
        if not questions.start_again(connection, row):
            return False
        usage.release(connection, row["id"])
        self._metering.reserve(connection, row, run.request, at=run.reserved_at, is_new=False)
        return True


def may_be_stored(error: Exception) -> bool:
    """Whether the question whose storing, or start, has failed so may be in the database."""
    if isinstance(error, AskcliError):
        return isinstance(error, DatabaseUnavailable) and error.may_be_done
    return not isinstance(error, DBAPIError)  # a statement was refused, and nothing committed
