"""Searches are bounded in time and in number; what else is asked of the database goes on."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from askcli.errors import Unavailable
from askcli.services.questions.history import SEARCHES, SEARCHES_WAITING, Filters, History
from askcli.store import listing, search
from askcli.store.database import Database
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
    """A database whose searches end when they are let go."""

    def __init__(self) -> None:
        self.searching: list[UUID] = []
        self.go_on = asyncio.Event()

    async def read(self, work: Any, user_id: UUID, *_: Any) -> listing.Page:
        if work is listing.search_page:
            self.searching.append(user_id)
            await self.go_on.wait()
        return listing.Page([], None)


def test_many_searches_of_one_user_leave_room_for_others() -> None:
    async def scenario() -> None:
        database, alice, bob = HeldDatabase(), uuid4(), uuid4()
        history = History(cast(Database, database))
        searching = Filters(limit=20, search="word")
        hers = [asyncio.create_task(history.page(alice, searching)) for _ in range(24)]
        await asyncio.sleep(0)
        his = asyncio.create_task(history.page(bob, searching))
        await asyncio.sleep(0)
        await history.page(alice, Filters(limit=20))  # a page without a search waits for nothing
        assert database.searching == [alice] * (SEARCHES - 1) + [bob]
        database.go_on.set()
        assert (await his)["items"] == []
        ended = await asyncio.gather(*hers, return_exceptions=True)
        refused = [error for error in ended if isinstance(error, Unavailable)]
        assert len(refused) == 24 - (SEARCHES - 1) - SEARCHES_WAITING // 4
        assert all(error.retry_after for error in refused)

    asyncio.run(scenario())
