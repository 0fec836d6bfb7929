"""What is reserved for a question that was not sent is released by its owner's deletion alone."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, insert

from askcli.answerers.base import Request
from askcli.errors import NotFound
from askcli.services.questions.ask import Ask, new_row
from askcli.services.questions.history import History
from askcli.store.database import Database
from askcli.store.queries import usage
from askcli.store.tables import questions
from tests.support.people import new_user


class Releases:
    """Notes the questions whose reservations are released."""

    def __init__(self) -> None:
        self.questions: list[UUID] = []

    def release_unsent(self, connection: Connection, question_id: UUID) -> None:
        self.questions.append(question_id)
        usage.change(connection, question_id, {"output_tokens": 7}, is_settled=False)


def ask(connection: Connection, email: str) -> tuple[UUID, UUID]:
    """Store a running question of a new user; returns both ids."""
    values = new_row(new_user(connection, email), Ask("q"), Request("m", (), "", 9))
    connection.execute(insert(questions).values(**values, request_hash="", is_queued=False))
    reservation = {"question_id": values["id"], "user_id": values["user_id"], "model": "m"}
    amounts = {"created_at": values["created_at"], "input_tokens": 1, "output_tokens": 9}
    usage.reserve(connection, reservation | amounts)
    return values["user_id"], values["id"]


def test_anothers_running_question_is_not_looked_at(database_url: str) -> None:
    database, releases = Database(database_url), Releases()
    history = History(database, cast(Any, releases))
    with database.transaction("BEGIN") as connection:
        alice, question_id = ask(connection, f"{uuid4().hex}@example.org")
        bob, _ = ask(connection, f"{uuid4().hex}@example.org")

    async def scenario() -> None:
        for absent in (question_id, uuid4()):
            with pytest.raises(NotFound):
                await history.remove(bob, absent)
        assert not releases.questions
        await history.remove(alice, question_id)

    asyncio.run(scenario())
    assert releases.questions == [question_id]
    with database.transaction("BEGIN") as connection:
        reservation = usage.cost(connection, question_id, is_settled=False)
    assert reservation is not None
    assert reservation["output_tokens"] == 7
    database.close()
