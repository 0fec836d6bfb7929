"""Orphans: questions whose process died in mid-answer. Any server marks them interrupted.

A question is an orphan when its heartbeat has not changed for a while by this process's own clock.
Comparing the heartbeat with a clock would take running answers for dead ones when clocks differ, or
after an outage of the database.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from askcli.services import background
from askcli.services.clock import now
from askcli.services.indexing import Indexing
from askcli.services.runs.registry import Runs
from askcli.services.usage.metering import Metering
from askcli.store import questions
from askcli.store.database import Database

log = logging.getLogger("askcli.orphans")

CHECKS_PER_TIMEOUT = 4


class Orphans:
    """Finds orphans; `timeout` is the seconds without a heartbeat that make one."""

    def __init__(
        self,
        database: Database,
        runs: Runs,
        metering: Metering,
        indexing: Indexing,
        timeout: float,
    ) -> None:
        self._database = database
        self._runs = runs
        self._metering = metering
        self._indexing = indexing
        self._timeout = timeout
        # The last heartbeat of each question, and when it was first read here.
        self._heartbeats: dict[UUID, tuple[datetime, float]] = {}

    async def run(self) -> None:
        """Check until cancelled."""
        await background.repeat(self._check, self._timeout / CHECKS_PER_TIMEOUT)

    async def _check(self) -> None:
        try:
            await self._compare_heartbeats()
        except Exception:
            self._heartbeats.clear()  # they could not change during an outage
            raise

    async def _compare_heartbeats(self) -> None:
        own_ids, clock = self._runs.own_ids(), time.monotonic()
        previous, self._heartbeats = self._heartbeats, {}
        for row in await self._database.read(questions.answering):
            question_id, heartbeat = row["id"], row["heartbeat_at"]
            if question_id in own_ids:
                continue
            last, since = previous.get(question_id, (heartbeat, clock))
            if last != heartbeat:
                since = clock
            self._heartbeats[question_id] = (heartbeat, since)
            if clock - since > self._timeout:
                await self._interrupt(question_id, heartbeat)

    async def _interrupt(self, question_id: UUID, heartbeat: datetime) -> None:
        row = await self._database.read(questions.orphan, question_id)
        if row is None:
            return
        # The row is the stored one for as long as the heartbeat is: a run changes both together.
        entry = await self._indexing.ended(row["user_id"], row["question"], row["answer"])

        def interrupt(connection: Connection) -> bool:
            is_orphan = questions.interrupt(connection, question_id, heartbeat, now(), entry)
            if is_orphan:
                is_sent = not row["is_queued"]
                self._metering.settle_orphan(connection, question_id, is_sent=is_sent)
            return is_orphan

        if await self._database.write_entry(entry, interrupt):
            log.warning("question %s was orphaned and is now interrupted", question_id)
