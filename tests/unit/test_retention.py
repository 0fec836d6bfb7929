"""Questions are deleted some days after their end, in batches, and nothing else is."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Table, func, select, text, update

from askcli.services import housekeeping
from askcli.services.clock import now
from askcli.services.housekeeping import Housekeeping
from askcli.store.database import Database
from askcli.store.queries.retention import FOR_EVER
from askcli.store.tables import questions, usage, users
from tests.support.databases import NewDatabase
from tests.support.moves import opened
from tests.support.people import new_user
from tests.support.stored import add_question, id_of

both = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


def ago(days: float) -> datetime:
    return now() - timedelta(days=days)


def ask(
    connection: Connection, user_id: UUID, asked: float, ended: float | None = None, **values: Any
) -> str:
    """Store a question that was asked and has ended so many days ago; return its text."""
    name = f"asked{asked:g} ended{ended or asked:g} {values.get('status', '')}"
    times: dict[str, Any] = {"id": id_of(ago(asked)), "created_at": ago(asked)}
    times["answered_at"] = None if "status" in values else ago(ended or asked)
    add_question(connection, user_id, "", 0, **times, question=name, **values)
    return name


def number(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def clean(database: Database, days: int | None) -> None:
    asyncio.run(Housekeeping(database, 90, days)._clean())


def left(connection: Connection, user_id: UUID) -> set[str]:
    query = select(questions.c.question).where(questions.c.user_id == user_id)
    return set(connection.scalars(query))


@both
def test_questions_are_kept_for_their_days(new_database: NewDatabase, kind: str) -> None:
    with opened(new_database(kind, migrated=True)) as database:
        with database.transaction() as connection:
            ada, bob, cy, dee = (
                new_user(connection, f"{name}@example.org") for name in ("ada", "bob", "cy", "dee")
            )
            for user_id, days in ((bob, 2), (cy, FOR_EVER)):
                own = update(users).where(users.c.id == user_id)
                connection.execute(own.values(retention_days=days))
            kept = {
                user_id: {ask(connection, user_id, 1), ask(connection, user_id, 20, 1)}
                for user_id in (ada, bob, cy)
            }
            kept[ada].add(ask(connection, ada, 21, status="answering"))
            kept[ada].add(ask(connection, ada, 5))
            ask(connection, bob, 5)
            kept[cy].add(ask(connection, cy, 400))
            ask(connection, ada, 20)
            ask(connection, ada, 10.1)
            kept[ada].add(name := ask(connection, ada, 22, status="failed"))
            unsettled = select(questions.c.id).where(questions.c.question == name)
            which = update(usage).where(usage.c.question_id.in_(unsettled))
            connection.execute(which.values(settled=False))
            costs = number(connection, usage)
        clean(database, 10)
        with database.transaction() as connection:
            assert {user_id: left(connection, user_id) for user_id in kept} == kept
            assert left(connection, dee) == set()
            assert number(connection, usage) == costs
            words = connection.scalar(text("SELECT count(*) FROM question_words"))
            assert words == sum(map(len, kept.values()))
        clean(database, None)  # users' own numbers hold without one of the server's
        with database.transaction() as connection:
            assert {user_id: left(connection, user_id) for user_id in kept} == kept
            connection.execute(update(users).where(users.c.id == cy).values(retention_days=30))
        clean(database, None)
        with database.transaction() as connection:
            assert len(left(connection, cy)) == len(kept[cy]) - 1


@both
def test_servers_that_delete_at_once_delete_each_question_once(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """In batches, of users page by page."""
    monkeypatch.setattr(housekeeping, "QUESTIONS", 3)
    monkeypatch.setattr(housekeeping, "USERS", 2)
    url = new_database(kind, migrated=True)
    with opened(url) as one, opened(url) as other:
        with one.transaction() as connection:
            for name in "abcde":
                user_id = new_user(connection, f"{name}@example.org")
                for day in range(7):
                    ask(connection, user_id, 30 + day)
                ask(connection, user_id, 1)
        deleted = list[int]()

        def counting(database: Database) -> Housekeeping:
            write_long = database.write_long

            async def counted(*args: Any) -> Any:
                deleted.append(await write_long(*args))
                return deleted[-1]

            monkeypatch.setattr(database, "write_long", counted)
            return Housekeeping(database, 90, 10)

        async def both_at_once() -> None:
            servers = [counting(database) for database in (one, other)]
            await asyncio.gather(*(server._clean() for server in servers))

        asyncio.run(both_at_once())
        with one.transaction() as connection:
            assert number(connection, questions) == 5
    assert (sum(deleted), max(deleted)) == (35, 3)
