"""Metrics and spans of units of work: how long they take, and how they end."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from askcli.errors import DatabaseUnavailable
from askcli.metrics import names
from askcli.store.database.traced import unit_span
from askcli.traces import spans

if TYPE_CHECKING:
    from askcli.store.database import Database
    from askcli.store.database.pool import Turn
    from askcli.store.database.unit import RunUnit, Work

T = TypeVar("T")
Run = Callable[["Database", "RunUnit[T]", "Work[T]", "Turn | None", bool], Awaitable[T]]


def timed(run: Run[T]) -> Run[T]:
    """Return the method that runs a unit, such that each is counted, and recorded in a trace."""

    @wraps(run)
    async def run_timed(
        database: Database, start: RunUnit[T], work: Work[T], turn: Turn | None, is_read: bool
    ) -> T:
        began, kind = time.perf_counter(), "long" if turn else "read" if is_read else "write"
        try:
            if not spans.current():
                return await run(database, start, work, turn, is_read)
            with unit_span(database.dialect, kind, work):
                return await run(database, start, work, turn, is_read)
        except DatabaseUnavailable:
            names.DATABASE_ERRORS.add()
            raise
        finally:
            names.UNITS.observe(time.perf_counter() - began, kind)

    return run_timed
