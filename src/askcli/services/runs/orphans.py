"""Orphans: questions whose process died in mid-answer. Any server marks them interrupted.

One that was cancelled or deleted meanwhile has its cost settled, and what there is of its answer
indexed, which its process would have done.

A question is an orphan when the heartbeat of its process is the same at several checks in a row, at
each of which this process could write, and nobody held a lock of either row. Comparing the
heartbeat with a clock would take running answers for dead ones when clocks differ, after an outage
of the database, or after a pause of the whole machine.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import DatabaseUnavailable
from askcli.metrics import names
from askcli.services import background
from askcli.services.clock import now
from askcli.services.indexing import Indexing
from askcli.services.runs.registry import Runs
from askcli.services.usage.metering import Metering
from askcli.store.database import Database
from askcli.store.queries import orphans
from askcli.store.queries.orphans import Sign

log = logging.getLogger("askcli.orphans")

CHECKS_PER_TIMEOUT = 4

T = TypeVar("T")


class Orphans:
    """Finds orphans; `timeout` is the seconds without a heartbeat that make one."""

    def __init__(
        self,
        database: Database,
        runs: Runs,
        metering: Metering,
        indexing: Indexing,
        process_id: UUID,
        timeout: float,
    ) -> None:
        self._database = database
        self._runs = runs
        self._metering = metering
        self._indexing = indexing
        self._process_id = process_id
        self._interval, self._longest_wait = timeout / CHECKS_PER_TIMEOUT, timeout / 2
        # The sign of life of each question at the last check, and at how many before it was the
        # same; None for one that has ended, or was deleted, and whose cost is not settled.
        self._signs: dict[UUID, tuple[Sign | None, int]] = {}

    async def run(self) -> None:
        """Check until cancelled."""
        await background.repeat(self.check, self._interval)

    async def check(self) -> None:
        """Compare the signs of life with those of the last check; interrupt or settle orphans."""
        try:
            await self._read_signs()
            await self._drop_unwritable()
        except Exception:
            self._signs.clear()  # they could not change during an outage
            raise
        for question_id, (sign, checks) in list(self._signs.items()):
            if checks >= CHECKS_PER_TIMEOUT:
                await self._end(question_id, sign)

    async def _read_signs(self) -> None:
        own_ids = self._runs.own_ids()
        previous, self._signs = self._signs, {}
        for question_id, sign in (await self._database.read(_signs)).items():
            if question_id not in own_ids:
                if sign and sign.process_id == self._process_id:
                    # Its run could not be started, or failed: the heartbeats are those of others.
                    sign = Sign(sign.run_id, None, None)
                last, checks = previous.get(question_id, (sign, -1))
                self._signs[question_id] = sign, checks + 1 if last == sign else 0

    async def _drop_unwritable(self) -> None:
        """Forget the silent questions that are locked: their signs could not change either.

        Raises DatabaseUnavailable where nothing can be written.
        """
        is_silent = False
        signs = dict[UUID, Sign]()
        for question_id, (sign, checks) in self._signs.items():
            is_silent = is_silent or checks > 0
            if checks and sign:
                signs[question_id] = sign
        if not is_silent:
            return
        touch = partial(orphans.touch, signs=signs)
        for question_id in signs.keys() - await self._database.write(self._at_once(touch)):
            del self._signs[question_id]

    def _at_once(self, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """Return the work such that it fails after a wait, in which no heartbeat may be written."""
        start = time.monotonic()

        def work_at_once(connection: Connection) -> T:
            result = work(connection)
            if time.monotonic() - start > self._longest_wait:
                raise DatabaseUnavailable()
            return result

        return work_at_once

    async def _end(self, question_id: UUID, sign: Sign | None) -> None:
        """Interrupt or settle an orphan. One for which that fails holds up no other."""
        try:
            if sign is None:
                await self._settle(question_id)
            else:
                await self._interrupt(question_id, sign)
        except Exception as error:
            del self._signs[question_id]
            if not isinstance(error, DatabaseUnavailable):
                log.exception("question %s is an orphan, which could not be ended", question_id)

    async def _settle(self, question_id: UUID) -> None:
        row = await self._database.read(orphans.by_id, question_id)
        if row is None:
            await self._database.write(self._metering.settle_abandoned, question_id)
            return
        entry = await self._indexing.ended(row["user_id"], row["question"], row["answer"])

        def settle(connection: Connection) -> None:
            self._metering.settle_abandoned(connection, question_id)  # which locks the row
            orphans.index(connection, row, entry)

        await self._database.write_entry(entry, settle)

    async def _interrupt(self, question_id: UUID, sign: Sign) -> None:
        row = await self._database.read(orphans.by_id, question_id)
        if row is None:
            return
        entry = await self._indexing.ended(row["user_id"], row["question"], row["answer"])

        def interrupt(connection: Connection) -> bool:
            is_orphan = orphans.interrupt(connection, row, sign, now(), entry)
            if is_orphan:
                is_sent = not row["is_queued"]
                self._metering.settle_orphan(connection, question_id, is_sent=is_sent)
            return is_orphan

        if await self._database.write_entry(entry, self._at_once(interrupt)):
            names.ORPHANS.add()
            log.warning("question %s was orphaned and is now interrupted", question_id)


def _signs(connection: Connection) -> dict[UUID, Sign | None]:
    """Return the signs of life of all questions that are being answered.

    None for those that have ended, or were deleted, and whose cost is not settled.
    """
    return dict.fromkeys(orphans.abandoned(connection)) | orphans.answering(connection)
