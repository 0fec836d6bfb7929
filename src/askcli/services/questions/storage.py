"""Stores questions that are to be answered, each with the reservation of its cost."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from askcli.errors import AskcliError, DatabaseUnavailable
from askcli.services.indexing import Indexing, is_long
from askcli.services.runs.run import Run
from askcli.services.usage.metering import Metering
from askcli.services.usage.quotas import Unchecked
from askcli.store.database import Database, admission
from askcli.store.queries import questions, usage, users
from askcli.store.search import Entry

# Rows of usage that take some ten milliseconds or more to add up.
MANY_ROWS = 20_000


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
        # Checked before the write, so that a question that is refused costs none: on SQLite all
        # writes would wait while what its user has spent is added up.
        is_checked = (is_new and is_long(row["question"])) or (
            self._database.is_sqlite and self._metering.has_quota
        )
        if not is_checked:
            with suppress(Unchecked):
                is_certain = not self._database.is_sqlite
                return await self._store(row, run, is_new=is_new, is_checked=is_certain)
        check = partial(self._metering.check, is_new=is_new)
        rows = await self._database.read(check, row["user_id"], run.request)
        admission.renew()  # until it is stored it may wait
        is_slow = rows > MANY_ROWS
        return await self._store(row, run, is_new=is_new, is_checked=True, is_slow=is_slow)

    async def _store(
        self,
        row: dict[str, Any],
        run: Run,
        *,
        is_new: bool,
        is_checked: bool,
        is_slow: bool = False,
    ) -> bool:
        """Store it. Raises Unchecked for a user with a quota unless it `is_checked`."""
        if not is_new:
            start_again = partial(self._start_again, is_checked=is_checked)
            write = self._database.write_long if is_slow else self._database.write
            return await write(start_again, row, run)
        entry = await self._indexing.new(row["user_id"], row["question"])
        add = partial(self._add, is_checked=is_checked)
        try:
            if is_slow:
                await self._database.write_long(add, row, entry, run)
            else:
                await self._database.write_entry(entry, add, row, entry, run)
        except IntegrityError:
            if row["idempotency_key"] is None:
                raise
            return False
        return True

    def _add(
        self,
        connection: Connection,
        row: dict[str, Any],
        entry: Entry,
        run: Run,
        *,
        is_checked: bool,
    ) -> None:
        """One transaction: the cost is reserved if and only if the question is stored."""
        reserve = partial(self._metering.reserve, at=run.reserved_at, is_checked=is_checked)
        reserve(connection, row, run.request)
        questions.add(connection, row, entry)

    def _start_again(
        self, connection: Connection, row: dict[str, Any], run: Run, *, is_checked: bool
    ) -> bool:
        """Make a failed question a running one, its cost reserved anew; False if it is not failed.

        Of any number of requests at once, one succeeds.
        """
        users.lock(connection, row["user_id"])  # before its questions, as everywhere
        if not questions.start_again(connection, row):
            return False
        usage.release(connection, row["id"])
        reserve = partial(self._metering.reserve, at=run.reserved_at, is_checked=is_checked)
        reserve(connection, row, run.request, is_new=False)
        return True


def may_be_stored(error: Exception) -> bool:
    """Whether the question whose storing, or start, has failed so may be in the database."""
    if isinstance(error, AskcliError):
        return isinstance(error, DatabaseUnavailable) and error.may_be_done
    return not isinstance(error, DBAPIError)  # a statement was refused, and nothing committed
