"""The migration to the answer log and back, without answers and with running ones."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Connection, column, insert, table, text, update

from askcli.services.clock import new_id, now
from askcli.store import migrations, search
from askcli.store.queries import answer_parts, orphans, processes, questions
from askcli.store.tables import questions as questions_table
from tests.support.databases import NewDatabase, opened
from tests.support.migrating import migrate, schema
from tests.support.people import new_user
from tests.support.search_cases import store_question

BEFORE = "0013"


@pytest.fixture(params=["sqlite", "postgres"])
def connection(request: pytest.FixtureRequest, new_database: NewDatabase) -> Iterator[Connection]:
    with opened(new_database(request.param)) as connection:
        yield connection


def test_an_empty_database_goes_there_and_back(connection: Connection) -> None:
    new = schema(connection)
    migrate(connection, BEFORE)
    old = schema(connection)
    assert "heartbeat_at" in {name for name, *_ in old["questions"][0]}
    assert "answer_parts" not in old
    migrate(connection, migrations.HEAD)
    assert schema(connection) == new
    migrate(connection, BEFORE)
    assert schema(connection) == old


def store_as_before(connection: Connection, user_id: UUID, answer: str, status: str) -> UUID:
    """Store a question as the version before does."""
    columns = [
        column(name, questions_table.c.get(name, questions_table.c.created_at).type)
        for name in (*questions_table.c.keys(), "heartbeat_at")
    ]
    row = {
        "id": new_id(), "user_id": user_id, "conversation_id": new_id(), "run_id": new_id(),
        "question": "hello", "answer": answer, "status": status, "model": "m",
        "created_at": now(), "heartbeat_at": now(), "request_hash": "", "is_queued": False,
    }  # fmt: skip
    connection.execute(insert(table("questions", *columns)).values(row))
    return row["id"]  # type: ignore[return-value]


def test_answers_that_were_running_keep_their_text_and_become_orphans(
    connection: Connection,
) -> None:
    migrate(connection, BEFORE)
    user_id = new_user(connection, "a@example.org")
    running = store_as_before(connection, user_id, "the text so far", "answering")
    ended = store_as_before(connection, user_id, "all of it", "answered")
    migrate(connection, migrations.HEAD)
    texts = [
        row["answer"]
        for id_ in (running, ended)
        if (row := questions.by_id(connection, user_id, id_))
    ]
    assert texts == ["the text so far", "all of it"]
    (sign,) = orphans.answering(connection).items()
    assert (sign[0], sign[1].process_id, sign[1].heartbeat) == (running, None, None)
    row = orphans.by_id(connection, running)
    assert row
    entry = search.entry(connection.dialect.name, user_id, "hello", row["answer"])
    assert orphans.interrupt(connection, row, sign[1], now(), entry)
    after = questions.by_id(connection, user_id, running)
    assert after
    assert (after["status"], after["answer"]) == ("interrupted", "the text so far")


def test_the_version_before_finds_the_text_of_running_answers(connection: Connection) -> None:
    user_id = new_user(connection, "a@example.org")
    ids = [UUID(store_question(connection, str(user_id), "hello", "")) for _ in range(3)]
    process_id = new_id()
    running = update(questions_table).values(status="answering", process_id=process_id)
    connection.execute(running)
    parts = [(ids[0], 0, "the text "), (ids[0], 9, "so far"), (ids[1], 0, "another")]
    keys = "question_id", "position", "text"
    answer_parts.add(connection, [dict(zip(keys, part, strict=True)) for part in parts])
    processes.beat(connection, process_id, now())
    migrate(connection, BEFORE)
    rows = connection.execute(
        text("SELECT answer, heartbeat_at = created_at AS is_there FROM questions ORDER BY id")
    )
    assert [tuple(row) for row in rows] == [("the text so far", 1), ("another", 1), ("", 1)]
    if connection.dialect.name == "sqlite":
        known = connection.exec_driver_sql("SELECT bytes FROM question_sizes ORDER BY question_id")
        assert list(known.scalars()) == [
            len("hello") + len(row) for row in ("the text so far", "another", "")
        ]
