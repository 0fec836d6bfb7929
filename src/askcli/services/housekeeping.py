"""Deletes expired rows every hour; safe to run on every server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from askcli.services import background
from askcli.store.database import Database, shared_clock
from askcli.store.queries import (
    answer_parts,
    api_tokens,
    audit,
    invites,
    limits,
    old_sessions,
    processes,
    retention,
)

INTERVAL_SECONDS = 3600.0
# Ended sessions, of each user the last ones, are kept this long: their networks count as known to
# the user's account, and their stolen refresh tokens are told apart from strings that never were
# tokens.
SESSION_DAYS = 90

# A process that has died; until its answers are found to be orphans its row stays in any case.
PROCESS_DAYS = 1

# Users whose questions are looked for in one transaction.
USERS = 500

# Rows deleted in one transaction: other requests write too.
BATCH = 500
QUESTIONS = 100  # with their words, which takes longer

# Takes a connection, deletes at most `limit` rows, and returns how many.
Prune = Callable[..., int]

log = logging.getLogger("askcli.housekeeping")


class Housekeeping:
    """Deletes old sessions, tokens, invites, limits, audit entries, signs of life and questions.

    Questions only where they are not kept for ever (`retention_days` None, or a user's own).
    """

    def __init__(
        self, database: Database, audit_days: int, retention_days: int | None = None
    ) -> None:
        self._database = database
        self._audit_days = audit_days
        self._retention_days = retention_days

    async def run(self) -> None:
        """Delete at once and then every hour, until cancelled."""
        await background.repeat(self._clean, INTERVAL_SECONDS)

    async def _clean(self) -> None:
        # A clock of this server's own that is ahead would delete what others need.
        microseconds = await self._database.read(shared_clock.microseconds)
        timestamp = shared_clock.time_of(microseconds)
        old = timestamp - timedelta(days=SESSION_DAYS)
        *_, ended, entries = await self._prune(
            [
                partial(limits.prune, now=microseconds),
                partial(answer_parts.prune, before=timestamp),
                partial(processes.prune, before=timestamp - timedelta(days=PROCESS_DAYS)),
                partial(invites.prune, before=old),
                partial(api_tokens.prune, before=old),
                partial(old_sessions.prune_tokens, before=old),
                partial(old_sessions.prune, before=old),
                partial(audit.prune, before=timestamp - timedelta(days=self._audit_days)),
            ]
        )
        if ended or entries:
            log.info("deleted %d old sessions and %d audit entries", ended, entries)
        if removed := await self._remove_questions(timestamp):
            log.info("deleted %d questions that are kept no longer", removed)

    async def _remove_questions(self, timestamp: datetime) -> int:
        """Delete the questions of all users that ended too long ago; return how many."""
        removed, after, is_last = 0, None, False
        while not is_last:
            users, after = await self._database.read(
                retention.keepings, self._retention_days, after, USERS
            )
            for user in users:
                if user.is_due(timestamp):
                    before = timestamp - timedelta(days=user.days)
                    removed += await self._remove_ended(user.user_id, before)
            is_last = after is None
        return removed

    async def _remove_ended(self, user_id: UUID, before: datetime) -> int:
        """Delete what of a user ended before, until nothing is left or another server does it."""
        removed, batch, database = 0, 1, self._database
        while batch and (ids := await database.read(retention.ended, user_id, before, QUESTIONS)):
            batch = await database.write_long(retention.remove, user_id, ids, before)
            removed += batch
        return removed

    async def _prune(self, prunes: Sequence[Prune]) -> list[int]:
        """Delete batch by batch; return the number of rows that each has deleted."""
        deleted, batch = [0] * len(prunes), [BATCH]
        while sum(batch) == BATCH:
            batch = await self._database.write(_prune_batch, prunes)
            deleted = [sum(both) for both in zip(deleted, batch, strict=True)]
        return deleted


def _prune_batch(connection: Connection, prunes: Sequence[Prune]) -> list[int]:
    """Delete a batch of rows, of the first that have any; return how many each has deleted.

    In one transaction, however little there is of each: most times there is nothing.
    """
    deleted = list[int]()
    for prune in prunes:
        left = BATCH - sum(deleted)
        deleted.append(prune(connection, limit=left) if left else 0)
    return deleted
