"""Orphans: answers whose process died. Whoever sees one marks it interrupted, its text kept.

A row is an orphan when its heartbeat has stood still for long, by this process's own clock and
in its own sight: a server whose clock is wrong, or that could not reach the database for a while
either, never takes a living answer for a dead one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import DatabaseUnavailable
from askcli.services.clock import now
from askcli.services.runs.registry import Runs
from askcli.services.usage.metering import Spending
from askcli.store import questions, search
from askcli.store.database import Database

log = logging.getLogger("askcli.orphans")


class Orphans:
    """Looks for orphans, four times in the time that makes one."""

    def __init__(
        self, database: Database, runs: Runs, spending: Spending, still_seconds: float
    ) -> None:
        self._database = database
        self._spending = spending
        self._runs = runs
        self._still_seconds = still_seconds
        self._seen: dict[UUID, tuple[datetime, float]] = {}

    async def look(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self._look_once()
            except DatabaseUnavailable:
                self._seen.clear()  # what stood still while we were blind may live
            await asyncio.sleep(self._still_seconds / 4)

    async def _look_once(self) -> None:
        own, moment = self._runs.own_ids(), time.monotonic()
        before, self._seen = self._seen, {}
        for row in await self._database.read(questions.answering):
            if row["id"] in own:
                continue
            heartbeat, since = before.get(row["id"], (row["heartbeat_at"], moment))
            if heartbeat != row["heartbeat_at"]:
                heartbeat, since = row["heartbeat_at"], moment
            self._seen[row["id"]] = (heartbeat, since)
            if moment - since > self._still_seconds:
                await self._interrupt(row["id"], heartbeat)

    async def _interrupt(self, question_id: UUID, heartbeat: datetime) -> None:
        def end(connection: Connection) -> bool:
            is_orphan = questions.interrupt(connection, question_id, heartbeat, now())
            if is_orphan:
                self._spending.settle_orphan(connection, question_id)
                search.put_as_stored(connection, question_id)
            return is_orphan

        if await self._database.write(end):
            log.warning("question %s was orphaned and is now interrupted", question_id)
