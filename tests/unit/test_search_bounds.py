"""Searches are bounded in time, searches and listings in number; users take turns at both."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from askcli.errors import Unavailable
from askcli.services.questions.history import (
    LISTINGS,
    LISTINGS_WAITING,
    SEARCHES,
    SEARCHES_WAITING,
    Filters,
    History,
)
from askcli.store import search
from askcli.store.database import Database
from askcli.store.queries import listing, search_pages, usage
from tests.support.databases import NewDatabase

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i FROM n) SELECT max(i) FROM n",
    "postgres": "SELECT pg_sleep(600)",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_search_that_takes_too_long_ends(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(search, "SECONDS", 0.1)
    database = Database(new_database(kind))
    with database.transaction("BEGIN") as connection:
        with (
            pytest.raises(Unavailable, match="took too long") as refused,
            search.bounded(connection),
        ):
            connection.execute(text(ENDLESS[kind])).all()
        assert refused.value.retry_after
        connection.rollback()
    database.close()


class HeldDatabase:
    """A database whose work of one kind ends when it is let go."""

    unit_seconds = 60.0

    def __init__(self, held: Any) -> None:
        self._held = held
        self.reading: list[UUID] = []
        self.go_on = asyncio.Event()

    async def read(self, work: Any, user_id: UUID, *_: Any) -> Any:
        if work is self._held:
            self.reading.append(user_id)
            await self.go_on.wait()
        return [] if work is usage.by_day else listing.Page([], None)

    read_in_transaction = read

    async def check_caller(self) -> None:
        """Nobody is to be checked."""


def search_page(history: History, user_id: UUID) -> Any:
    return history.page(user_id, Filters(limit=20, search="word"))


def page(history: History, user_id: UUID) -> Any:
    return history.page(user_id, Filters(limit=20))


def usage_by_day(history: History, user_id: UUID) -> Any:
    return history.usage(user_id, None, None)


@pytest.mark.parametrize(
    ("work", "read", "other", "slots", "waiting"),
    [
        (search_pages.search_page, search_page, page, SEARCHES, SEARCHES_WAITING),
        (listing.page, page, search_page, LISTINGS, LISTINGS_WAITING),
        (usage.by_day, usage_by_day, search_page, LISTINGS, LISTINGS_WAITING),
    ],
)
def test_many_pages_of_one_user_leave_room_for_others(
    work: Any, read: Any, other: Any, slots: int, waiting: int
) -> None:
    async def scenario() -> None:
        database, alice, bob = HeldDatabase(work), uuid4(), uuid4()
        history = History(cast(Database, database), cast(Any, None))
        count = slots + waiting
        hers = [asyncio.create_task(read(history, alice)) for _ in range(count)]
        await asyncio.sleep(0)
        his = asyncio.create_task(read(history, bob))
        await asyncio.sleep(0)
        await other(history, alice)  # listings do not wait for searches, nor they for these
        assert database.reading == [alice] * (slots - 1) + [bob]
        database.go_on.set()
        await his
        ended = await asyncio.gather(*hers, return_exceptions=True)
        refused = [error for error in ended if isinstance(error, Unavailable)]
        assert len(refused) == count - (slots - 1) - waiting // 4
        assert all(error.retry_after for error in refused)

    asyncio.run(scenario())
