"""Long texts are split for search outside of every transaction, and the users take turns at it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, select

from askcli.errors import QuotaExceeded, Unavailable
from askcli.search_terms import folded_words
from askcli.server.bootstrap import Services, build
from askcli.services.indexing import MAX_WAITING, SHORT_CHARACTERS
from askcli.services.questions.ask import Ask
from askcli.settings import Settings
from askcli.store import search
from askcli.store.queries import questions
from askcli.store.search import LONG_CHARACTERS
from askcli.store.tables import users
from tests.support.databases import database_of, migrated_file
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
    return Database(migrated_file(tmp_path / "askcli.db"))


@asynccontextmanager
async def services_on(
    database: Database, tmp_path: Path, quota_tokens_day: int | None = None
) -> AsyncIterator[Services]:
    """The services of a server without its HTTP."""
    services = build(
        Settings(
            answerer="scripted",
            db_conn_string=database.database_url,
            data_dir=tmp_path,
            quota_tokens_day=quota_tokens_day,
        )
    )
    try:
        yield services
    finally:
        await services.close()


class HeldSplitting:
    """Splits texts as the search does; a long one only when it is let go."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def folded_words(self, text: str) -> list[str]:
        if len(text) > SHORT_CHARACTERS:
            self.reached.set()
            assert self.go_on.wait(60)
        return folded_words(text)


@pytest.fixture
def splitting(monkeypatch: pytest.MonkeyPatch) -> HeldSplitting:
    held = HeldSplitting()
    monkeypatch.setattr(search, "folded_words", held.folded_words)
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


class HeldWriter:
    """A unit of work that ends when it is let go; notes what is split and stored meanwhile."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.split, self.stored = threading.Semaphore(0), list[str]()
        self._make_entry, self._add = search.entry, questions.add
        patch.setattr(search, "entry", self._entry)
        patch.setattr(questions, "add", self._add_noting)

    def hold(self, _connection: Connection) -> None:
        self.reached.set()
        assert self.go_on.wait(60)

    def _entry(self, *texts: Any) -> search.Entry:
        entry = self._make_entry(*texts)
        self.split.release()
        return entry

    def _add_noting(self, connection: Connection, row: dict[str, Any], entry: search.Entry) -> None:
        self.stored.append(row["question"])
        self._add(connection, row, entry)


def test_short_questions_are_stored_between_long_ones(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However many long ones had queued up before."""
    writer, long, short = HeldWriter(monkeypatch), "long " * LONG_CHARACTERS, "short"

    async def scenario() -> None:
        people = [database.new_user() for _ in range(4)]
        async with services_on(database, tmp_path) as services:
            holding = asyncio.create_task(services.database.write(writer.hold))
            try:
                assert await asyncio.to_thread(writer.reached.wait, 60)
                asks = []
                for person, text in zip(people, (long, long, long, short), strict=True):
                    ask = services.questions.ask(person, Ask(text), None)
                    asks.append(asyncio.create_task(ask))
                    assert await asyncio.to_thread(writer.split.acquire, timeout=60)
                await settle()
            finally:
                writer.go_on.set()
            await asyncio.gather(holding, *asks)

    asyncio.run(scenario())
    assert [len(text) for text in writer.stored] == [len(long), len(short), len(long), len(long)]


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


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


def test_no_long_text_is_split_of_a_user_whose_quota_is_used_up(
    database: Database, splitting: HeldSplitting, tmp_path: Path
) -> None:
    splitting.go_on.set()

    async def scenario() -> None:
        alice = database.new_user()
        async with services_on(database, tmp_path, quota_tokens_day=1) as services:
            await (await services.questions.ask(alice, Ask("short"), None)).wait()
            with pytest.raises(QuotaExceeded):
                await services.questions.ask(alice, Ask(LONG), None)

    asyncio.run(scenario())
    assert not splitting.reached.is_set()
