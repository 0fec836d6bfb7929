"""SQLite's writer, held until the units of a test have queued up, and its commits counted."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

from sqlalchemy import Connection, event, insert
from sqlalchemy.exc import OperationalError

from askcli.store.database import Database
from askcli.store.tables import limits


def put(connection: Connection, key: str) -> str:
    """Store a row; returns its key. Raises IntegrityError where it is stored already."""
    connection.execute(insert(limits).values(key=key, full_at=1))
    return key


def stored(database: Database) -> list[str]:
    """The keys of the rows that are committed, as another process sees them."""
    with closing(sqlite3.connect(str(database.file))) as other:
        return [key for (key,) in other.execute("SELECT key FROM limits ORDER BY key")]


class Commits:
    """Counts a database's commits; `error` fails each to which `applies`."""

    def __init__(self, database: Database) -> None:
        self.number = 0
        self.error: int | None = None
        self.applies: Callable[[Connection], bool] = lambda _: True
        event.listen(database.engine, "commit", self._count)

    def _count(self, connection: Connection) -> None:
        self.number += 1
        if self.error is not None and self.applies(connection):
            orig = sqlite3.OperationalError("disk I/O error or database or disk is full")
            orig.sqlite_errorcode = self.error
            raise OperationalError("COMMIT", {}, orig)


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[None]:
    """Hold the writer in a unit of its own until the end of the block."""
    has_begun, go_on = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        has_begun.set()
        assert go_on.wait(60)

    holding = asyncio.create_task(database.write(hold))
    assert await asyncio.to_thread(has_begun.wait, 60)
    try:
        yield
    finally:
        go_on.set()
        await asyncio.gather(holding, return_exceptions=True)


async def together(database: Database, *writes: Callable[[], Any]) -> Sequence[Any]:
    """Let these writes queue up in their order, while the writer is held; returns their outcomes.

    They are in the group of the unit that holds it, as far as it goes.
    """
    async with held(database):
        tasks = [asyncio.ensure_future(write()) for write in writes]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)
