"""Work of another process at a certain moment of a transaction, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import Any

import psycopg
from sqlalchemy import Connection

from askcli.store.database import Database
from tests.support.waiting import eventually


class Meanwhile:
    """Work that begins, once, right after a function has returned what it returns.

    The transaction goes on when the work is done, or waits for a lock.
    """

    def __init__(self, url: str, work: Callable[[Connection], Any]) -> None:
        self._url, self._work = url, work
        self._thread = Thread(target=self._do)
        self._result: Any = None

    def after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with the work after it."""

        def with_work(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            if self._thread.ident is None:
                self._thread.start()
                eventually(lambda: waits(self._url) or not self._thread.is_alive())
            return result

        return with_work

    def _do(self) -> None:
        database = Database(self._url)
        try:
            with database.transaction() as connection:
                self._result = self._work(connection)
        finally:
            database.close()

    async def result(self) -> Any:
        """Wait for the work; returns its result."""
        await asyncio.to_thread(self._thread.join)
        return self._result


def waits(url: str) -> bool:
    """Whether a transaction on this database waits for another one."""
    with psycopg.connect(url) as connection:
        query = (
            "SELECT FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return connection.execute(query).rowcount > 0
