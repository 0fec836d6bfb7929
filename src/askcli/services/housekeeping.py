"""Housekeeping: forget what has had its days. One server at a time does no harm to another."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import Connection

from askcli.errors import DatabaseUnavailable
from askcli.services.clock import now
from askcli.store import audit, invites, limits, sessions
from askcli.store.database import Database

EVERY_SECONDS = 3600.0
# An ended session is remembered this long: as a network its user is known from, and so that its
# stolen tokens are told apart from tokens that never were.
SESSION_DAYS = 90

log = logging.getLogger("askcli.housekeeping")


class Housekeeping:
    """Forgets old sessions, invites, limits and audit entries."""

    def __init__(self, database: Database, audit_days: int) -> None:
        self._database = database
        self._audit_days = audit_days

    async def keep(self) -> None:
        """Look at once and every hour, until cancelled."""
        while True:
            with suppress(DatabaseUnavailable):
                await self._database.write(self._forget)
            await asyncio.sleep(EVERY_SECONDS)

    def _forget(self, connection: Connection) -> None:
        moment = now()
        limits.prune(connection, time.time_ns() // 1000)
        invites.prune(connection, moment - timedelta(days=SESSION_DAYS))
        ended = sessions.prune(connection, moment - timedelta(days=SESSION_DAYS))
        entries = audit.prune(connection, moment - timedelta(days=self._audit_days))
        if ended or entries:
            log.info("forgot %d old sessions and %d audit entries", ended, entries)
