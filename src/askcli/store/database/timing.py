"""Metrics of units of work: how long they take, and those that fail for the database's sake."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from askcli.errors import DatabaseUnavailable
from askcli.metrics import names

if TYPE_CHECKING:
    from askcli.store.database import Database
    from askcli.store.database.pool import Turn
    from askcli.store.database.unit import RunUnit, Work

T = TypeVar("T")
Run = Callable[["Database", "RunUnit[T]", "Work[T]", "Turn | None", bool], Awaitable[T]]


def timed(run: Run[T]) -> Run[T]:
    """Return the method that runs a unit, such that each is counted."""

    @wraps(run)
    async def run_timed(
        database: Database, start: RunUnit[T], work: Work[T], turn: Turn | None, is_read: bool
    ) -> T:
        began = time.perf_counter()
        try:
            return await run(database, start, work, turn, is_read)
        except DatabaseUnavailable:
            names.DATABASE_ERRORS.add()
            raise
        finally:
            kind = "long" if turn else "read" if is_read else "write"
            names.UNITS.observe(time.perf_counter() - began, kind)

    return run_timed
