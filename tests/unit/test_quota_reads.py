"""What a user has spent is added up by a reader, before SQLite's only writer does so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from askcli.errors import QuotaExceeded
from askcli.server.bootstrap import Services
from askcli.services.clock import now
from askcli.services.questions import storage
from askcli.services.questions.ask import Ask
from askcli.services.usage import quotas
from askcli.store.database import Database
from askcli.store.queries import usage, users
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, log_out_after_the_next_read, services_on
from tests.support.people import new_user
from tests.support.search_work import explained, statements

OWN = pytest.mark.parametrize("is_own", [True, False], ids=["own", "the server's"])
FAILED = text("UPDATE questions SET status = 'failed' WHERE idempotency_key = 'key'")
UNBILLED = text(
    """UPDATE usage SET input_tokens = 0, output_tokens = 0
    WHERE question_id IN (SELECT id FROM questions WHERE status = 'failed')"""
)


class Sums:
    """Whether each sum of what was spent was made in the writer's thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
        self.in_writer: list[bool] = []
        services.database.start_threads()
        self._spent, self._services = usage.spent, services
        monkeypatch.setattr(usage, "spent", self._noted)

    def _noted(self, connection: Connection, *args: Any) -> Any:
        writer: Any = self._services.database._writer
        threads = writer._thread._threads if writer else ()
        self.in_writer.append(threading.current_thread() in threads)
        return self._spent(connection, *args)


@asynccontextmanager
async def limited(
    url: str, user_id: UUID, *, is_own: bool, tokens: int = 1
) -> AsyncIterator[Services]:
    """The services where the user has a quota of so many tokens, their own or the server's."""
    async with services_on(url, **({} if is_own else {"quota_tokens_month": tokens})) as services:
        if is_own:
            limit = partial(users.change, user_id=user_id, quota_tokens_month=tokens)
            await services.database.write(lambda connection: limit(connection))
        yield services


async def user_with_questions(url: str) -> UUID:
    """Return a new user with a question whose answer has failed, and one that was answered."""
    async with services_on(url) as services:
        user_id = await services.database.write(new_user, "a@example.org")
        for question, key in (("again", "key"), ("spent", None)):
            await (await services.questions.ask(user_id, Ask(question), key)).wait()
        for statement in (FAILED, UNBILLED):
            await services.database.write(Connection.execute, statement)
        return user_id


@OWN
def test_an_ask_that_the_quota_refuses_adds_up_nothing_in_the_writer(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    """Neither a new question nor one that is started again under its key."""
    url = new_database("sqlite")

    async def scenario() -> None:
        user_id = await user_with_questions(url)
        async with limited(url, user_id, is_own=is_own) as services:
            sums = Sums(monkeypatch, services)
            for question, key in (("new", None), ("again", "key")):
                with pytest.raises(QuotaExceeded):
                    await services.questions.ask(user_id, Ask(question), key)
                assert sums.in_writer == [False], question
                sums.in_writer.clear()

    asyncio.run(scenario())


@OWN
def test_an_ask_that_the_quota_allows_is_checked_again_in_the_writer(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    """There it is exact: between the two another question may have been accepted."""
    url = new_database("sqlite")

    async def scenario() -> None:
        async with services_on(url) as services:
            user_id = await services.database.write(new_user, "a@example.org")
        async with limited(url, user_id, is_own=is_own) as services:
            sums = Sums(monkeypatch, services)
            asks = (services.questions.ask(user_id, Ask(name), None) for name in "abc")
            outcomes = await asyncio.gather(*asks, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes].count(QuotaExceeded) == 2
            assert sums.in_writer.count(False) == 3
            assert sums.in_writer.count(True) >= 1

    asyncio.run(scenario())


@OWN
def test_asks_for_which_much_is_added_up_are_stored_one_at_a_time(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    """New ones and those that are started again: others write between them."""
    monkeypatch.setattr(storage, "MANY_ROWS", 0)
    url, slow = new_database("sqlite"), list[str]()

    async def scenario() -> None:
        user_id = await user_with_questions(url)
        async with limited(url, user_id, tokens=1_000_000_000, is_own=is_own) as services:
            write_long = services.database.write_long

            async def noted(work: Any, *args: Any) -> Any:
                slow.append(work.func.__name__)
                return await write_long(work, *args)

            monkeypatch.setattr(services.database, "write_long", noted)
            for question, key in (("new", None), ("again", "key")):
                await (await services.questions.ask(user_id, Ask(question), key)).wait()

    asyncio.run(scenario())
    assert slow == ["_add", "_start_again"]


def test_a_session_that_ends_between_the_check_and_the_storing_asks_nothing(
    new_database: NewDatabase,
) -> None:
    async def scenario() -> None:
        url = new_database("sqlite")
        async with (
            services_on(url, quota_tokens_month=1) as services,
            client_of(services) as client,
        ):
            header = await access_token(services, "a@example.org")
            log_out_after_the_next_read(services, client, header)
            asked = await client.post("/api/questions", headers=header, json={"question": "x"})
            assert asked.json()["code"] == "session_ended"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("kind", "plan"), [("sqlite", "USING COVERING INDEX"), ("postgres", "Index Only Scan")]
)
def test_what_was_spent_is_read_from_an_index_alone(
    new_database: NewDatabase, kind: str, plan: str
) -> None:
    database = Database(new_database(kind))
    with database.transaction("BEGIN") as connection:
        user_id = new_user(connection, "a@example.org")
        if kind == "postgres":  # it has no statistics of an empty table
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        with statements(connection) as executed:
            usage.spent(connection, user_id, *quotas.periods(now()))
        explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
        statement, parameters = explained(*executed[0])
        rows = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    assert plan in str(rows)
    database.close()
