"""What has expired is deleted, in batches, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Table, func, insert, select, update

from askcli.services import housekeeping
from askcli.services.clock import new_id, now
from askcli.services.housekeeping import SESSION_DAYS, Housekeeping
from askcli.store.database import Database
from askcli.store.queries import answer_parts, old_sessions
from askcli.store.queries import api_tokens as api_token_queries
from askcli.store.tables import answer_parts as parts
from askcli.store.tables import (
    api_tokens,
    audit,
    invites,
    limits,
    processes,
    questions,
    refresh_tokens,
    sessions,
)
from tests.support.databases import NewDatabase
from tests.support.people import new_user
from tests.support.search_cases import store_question
from tests.support.search_work import explained, statements

TABLES = (api_tokens, audit, invites, limits, processes, refresh_tokens, sessions)
COUNTED = (*TABLES, parts)
BATCH = 3


def count(connection: Connection, table: Table) -> int:
    number: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return number


class CountingDatabase(Database):
    """A database that notes how many rows each transaction deletes."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.deleted: list[int] = []

    async def write(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        def counted(connection: Connection) -> Any:
            before = sum(count(connection, table) for table in COUNTED)
            result = work(connection, *args, **kwargs)
            self.deleted.append(before - sum(count(connection, table) for table in COUNTED))
            return result

        return await super().write(counted)


def add_rows(connection: Connection, days: int) -> None:
    """Add a row of each table, and seven refresh tokens of the session, of so many days ago."""
    then, long = now() - timedelta(days=days), "x" * 20
    user_id, session_id = new_user(connection, f"{new_id()}@example.org"), new_id()
    session = {
        "id": session_id, "user_id": user_id, "client": long, "used_generation": 0,
        "created_at": then, "last_used_at": then, "expires_at": then,
    }  # fmt: skip
    connection.execute(insert(sessions).values(session))
    for number in range(7):
        token = {"token_hash": new_id().hex, "session_id": session_id, "generation": number}
        connection.execute(insert(refresh_tokens).values(**token, created_at=then))
    token = {
        "id": new_id(),
        "user_id": user_id,
        "token_hash": new_id().hex,
        "name": "",
        "scopes": "",
    }
    connection.execute(insert(api_tokens).values(**token, created_at=then, expires_at=then))
    invite = {"id": new_id(), "code_hash": new_id().hex, "note": "", "uses_left": 1}
    connection.execute(insert(invites).values(**invite, created_at=then, expires_at=then))
    full_at = time.time_ns() // 1000 + (-1 if days > 0 else 1) * 10**12
    connection.execute(insert(limits).values(key=new_id().hex, full_at=full_at))
    connection.execute(insert(audit).values(id=new_id(), at=then, event="login"))
    connection.execute(insert(processes).values(id=new_id(), heartbeat_at=then))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_has_expired_is_deleted_in_batches(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", BATCH)
    database = CountingDatabase(new_database(kind))
    with database.transaction() as connection:
        for _ in range(5):
            add_rows(connection, SESSION_DAYS + 10)
        add_rows(connection, -1)
    asyncio.run(Housekeeping(database, audit_days=SESSION_DAYS)._clean())
    with database.transaction() as connection:
        left = {table.name: count(connection, table) for table in TABLES}
    database.close()
    assert left == dict.fromkeys(left, 1) | {"refresh_tokens": 7}
    assert max(database.deleted) == BATCH


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_parts_of_answers_that_have_ended_are_deleted_in_batches(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", BATCH)
    database = CountingDatabase(new_database(kind))
    with database.transaction() as connection:
        user_id = str(new_user(connection, "a@example.org"))
        for status in ("answered", "cancelled", "answering"):
            question_id = UUID(store_question(connection, user_id, "hello", ""))
            those = update(questions).where(questions.c.id == question_id)
            connection.execute(those.values(status=status))
            rows = [{"question_id": question_id, "position": n, "text": "a"} for n in range(5)]
            answer_parts.add(connection, rows)
    asyncio.run(Housekeeping(database, audit_days=1)._clean())
    with database.transaction() as connection:
        left = connection.scalars(select(parts.c.question_id)).all()
    database.close()
    assert left == [question_id] * 5
    assert max(database.deleted) == BATCH


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_dead_process_is_remembered_while_answers_of_it_are_left(
    new_database: NewDatabase, kind: str
) -> None:
    database = Database(new_database(kind))
    with database.transaction() as connection:
        user_id, process_id = new_user(connection, "a@example.org"), new_id()
        long_ago = now() - timedelta(days=10)
        connection.execute(insert(processes).values(id=process_id, heartbeat_at=long_ago))
        store_question(connection, str(user_id), "hello", "")
        running = {"process_id": process_id, "status": "answering"}
        connection.execute(update(questions).values(running))
    for status, left in (("answering", 1), ("interrupted", 0)):
        with database.transaction() as connection:
            connection.execute(update(questions).values(status=status))
        asyncio.run(Housekeeping(database, audit_days=SESSION_DAYS)._clean())
        with database.transaction() as connection:
            assert count(connection, processes) == left
    database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    ("prune", "indexes"),
    [
        (old_sessions.prune_tokens, ("ix_sessions_ended_at", "ix_sessions_expires_at")),
        (old_sessions.prune, ("ix_sessions_ended_at", "ix_sessions_expires_at")),
        (api_token_queries.prune, ("ix_api_tokens_expires_at",)),
    ],
)
def test_what_is_old_is_found_without_looking_at_all(
    new_database: NewDatabase, kind: str, prune: Callable[..., int], indexes: Sequence[str]
) -> None:
    database = Database(new_database(kind))
    with database.transaction() as connection:
        if kind == "postgres":  # it reads small tables, or indexes of theirs, as a whole
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_indexscan = off")
        with statements(connection) as executed:
            prune(connection, now() - timedelta(days=1), BATCH)
        explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
        statement, parameters = explained(*executed[0])
        plan = str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())
    database.close()
    assert kind == "postgres" or "SCAN " not in plan
    assert all(index in plan for index in indexes)
