"""Deletes expired rows every hour; safe to run on every server."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from sqlalchemy import Connection

from askcli.services import background
from askcli.services.clock import now
from askcli.store import audit, invites, limits, sessions
from askcli.store.database import Database

INTERVAL_SECONDS = 3600.0
# Ended sessions are kept this long: their networks count as known to the user's account, and their
# stolen refresh tokens are told apart from strings that never were tokens.
SESSION_DAYS = 90

log = logging.getLogger("askcli.housekeeping")


class Housekeeping:
    """Deletes old sessions, invites, rate limits and audit entries."""

    def __init__(self, database: Database, audit_days: int) -> None:
        self._database = database
        self._audit_days = audit_days

    async def run(self) -> None:
        """Delete at once and then every hour, until cancelled."""
        await background.repeat(self._clean, INTERVAL_SECONDS)

    async def _clean(self) -> None:
        await self._database.write(self._delete_expired)

    def _delete_expired(self, connection: Connection) -> None:
        timestamp = now()
        limits.prune(connection, time.time_ns() // 1000)
        invites.prune(connection, timestamp - timedelta(days=SESSION_DAYS))
        ended = sessions.prune(connection, timestamp - timedelta(days=SESSION_DAYS))
        entries = audit.prune(connection, timestamp - timedelta(days=self._audit_days))
        if ended or entries:
            log.info("deleted %d old sessions and %d audit entries", ended, entries)
