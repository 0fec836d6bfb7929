"""Long texts are split for search outside of every transaction, and the users take turns at it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from askcli.errors import Unavailable
from askcli.search_terms import Word, words
from askcli.server.bootstrap import Services, build
from askcli.services.indexing import MAX_WAITING, SHORT_CHARACTERS
from askcli.services.questions.ask import Ask
from askcli.settings import Settings
from askcli.store import search
from askcli.store.tables import users
from tests.support.databases import database_of, migrated
from tests.support.people import add_user

LONG = "long " * SHORT_CHARACTERS


@dataclass
class Database:
    """The database of a test."""

    database_url: str

    def new_user(self) -> UUID:
        email = add_user(self)
        with database_of(self) as connection:
            user_id: UUID = connection.execute(
                select(users.c.id).where(users.c.email == email)
            ).scalar_one()
        return user_id


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(migrated(f"sqlite:///{tmp_path / 'askcli.db'}"))


@asynccontextmanager
async def services_on(database: Database, tmp_path: Path) -> AsyncIterator[Services]:
    """The services of a server without its HTTP."""
    services = build(
        Settings(answerer="scripted", db_conn_string=database.database_url, data_dir=tmp_path)
    )
    try:
        yield services
    finally:
        await services.close()


class HeldSplitting:
    """Splits texts as the search does; a long one only when it is let go."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def words(self, text: str) -> Iterator[Word]:
        if len(text) > SHORT_CHARACTERS:
            self.reached.set()
            assert self.go_on.wait(60)
        return words(text)


@pytest.fixture
def splitting(monkeypatch: pytest.MonkeyPatch) -> HeldSplitting:
    held = HeldSplitting()
    monkeypatch.setattr(search, "words", held.words)
    return held


def test_a_long_text_that_is_being_split_holds_up_nobody(
    database: Database, splitting: HeldSplitting, tmp_path: Path
) -> None:
    async def scenario() -> None:
        alice, bob = database.new_user(), database.new_user()
        async with services_on(database, tmp_path) as services:
            try:
                long = asyncio.create_task(services.questions.ask(alice, Ask(LONG), None))
                assert await asyncio.to_thread(splitting.reached.wait, 60)
                async with asyncio.timeout(60):
                    stream = await services.questions.ask(bob, Ask("short"), None)
                    await stream.wait()
                assert not long.done()
            finally:
                splitting.go_on.set()
            await (await long).wait()

    asyncio.run(scenario())


def test_one_users_long_texts_do_not_take_the_room_of_others(
    database: Database, splitting: HeldSplitting, tmp_path: Path
) -> None:
    async def scenario() -> None:
        alice, bob = database.new_user(), database.new_user()
        async with services_on(database, tmp_path) as services:
            indexing = services.indexing
            try:
                tasks = [
                    asyncio.create_task(indexing.new(alice, LONG))
                    for _ in range(1 + MAX_WAITING // 4)
                ]
                assert await asyncio.to_thread(splitting.reached.wait, 60)
                with pytest.raises(Unavailable):
                    await services.questions.ask(alice, Ask(LONG), None)
                await indexing.new(alice, "short")
                tasks.append(asyncio.create_task(indexing.new(bob, LONG)))
            finally:
                splitting.go_on.set()
            await asyncio.gather(*tasks)

    asyncio.run(scenario())
