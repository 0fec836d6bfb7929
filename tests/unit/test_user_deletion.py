"""A user with very many questions is deleted a few of them at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, func, insert, select

from askcli.services import admin
from askcli.services.clock import new_id, now
from askcli.store.database import Database
from askcli.store.tables import questions, users
from tests.support.people import new_user

EMAIL = "with-many-questions@example.org"


def test_others_write_between_the_questions_of_a_user_who_is_deleted(database_url: str) -> None:
    database = Database(database_url)
    deleted: list[int] = []

    @contextmanager
    def transaction() -> Iterator[Connection]:
        with database.transaction() as connection:
            before = _number(connection)
            yield connection
            deleted.append(before - _number(connection))

    with database.transaction() as connection:
        user_id = new_user(connection, EMAIL)
        of_all = {"user_id": user_id, "question": "q", "answer": "a", "model": "m"}
        of_all |= {"request_hash": "0" * 64, "is_queued": False, "created_at": now()}
        rows = [
            {"id": new_id(), "run_id": new_id(), "conversation_id": new_id(), **of_all}
            for _ in range(2 * admin.DELETED_AT_ONCE + 2)
        ]
        ended = [row | {"status": "answered", "answered_at": now()} for row in rows[1:]]
        running = rows[0] | {"status": "answering", "answered_at": None}
        connection.execute(insert(questions), [running, *ended])
    assert admin.delete(transaction, EMAIL)["id"] == user_id
    assert deleted == [0, admin.DELETED_AT_ONCE, admin.DELETED_AT_ONCE, 1, 0, 1]
    with database.transaction() as connection:
        assert connection.scalar(select(users.c.id).where(users.c.id == user_id)) is None
    database.close()


def _number(connection: Connection) -> int:
    query = select(func.count()).select_from(questions.join(users))
    return connection.execute(query.where(users.c.email == EMAIL)).scalar_one()
