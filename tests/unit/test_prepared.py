"""Statements that the driver runs give what SQLAlchemy would, and cost a fixed number of calls."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Select, bindparam, column, event, select, table
from sqlalchemy.exc import DBAPIError, IntegrityError

from askcli.services.clock import now
from askcli.store.database import Database
from askcli.store.prepared import Prepared, PreparedChange
from askcli.store.queries import listing, shown
from askcli.store.tables import users
from tests.support.databases import NewDatabase
from tests.support.people import new_user
from tests.support.search_cases import store_question

_c = users.c
_SINCE = bindparam("since", type_=_c.created_at.type)


def of_user(_dialect: str) -> Select[Any]:
    """With each kind of column, a constant and parameters that are converted."""
    query = select(_c.id, _c.name, _c.created_at, _c.disabled_at, _c.quota_usd_day)
    own = query.where(_c.id == bindparam("id"), _c.created_at >= _SINCE, _c.name != "nobody's")
    return own.limit(bindparam("limit"))


def test_values_are_those_of_their_types(database_url: str) -> None:
    database, statements = Database(database_url), list[str]()
    with database.transaction() as connection:
        user_id = new_user(connection, f"{uuid4().hex}@example.org")
        connection.execute(users.update().where(_c.id == user_id).values(disabled_at=now()))
        values = {"id": user_id, "since": now() - timedelta(hours=1), "limit": 5}
        expected = [tuple(row) for row in connection.execute(of_user(""), values)]
        prepared = Prepared(of_user)
        event.listen(
            database.engine, "before_cursor_execute", lambda *args: statements.append(args[2])
        )
        for _ in range(2):
            assert [*prepared.rows(connection, values)] == expected
            assert prepared.first(connection, values) == expected[0]
        assert not prepared.rows(connection, values | {"id": uuid4()})
        assert prepared.first(connection, values | {"since": now() + timedelta(hours=1)}) is None
    assert len(statements) == 6
    assert expected[0][0] == user_id
    assert expected[0][2].tzinfo
    database.close()


def test_a_wrong_statement_raises_as_any_other_and_shows_no_parameter(database_url: str) -> None:
    database = Database(database_url)
    absent: Select[Any] = (
        select(column("x")).select_from(table("absent")).where(column("x") == bindparam("x"))
    )
    with database.reading() as connection, pytest.raises(DBAPIError) as error:
        Prepared(lambda _: absent).rows(connection, {"x": "secret"})
    assert "secret" not in str(error.value)
    assert not error.value.connection_invalidated
    with database.reading() as connection:
        assert (
            Prepared(of_user).first(connection, {"id": uuid4(), "since": now(), "limit": 1}) is None
        )
    database.close()


def test_a_change_stores_what_sqlalchemy_would_and_tells_how_many_rows(database_url: str) -> None:
    database, statements = Database(database_url), list[str]()
    change = PreparedChange(users.update().where(_c.id == bindparam("user"), _c.name != "nobody's"))
    with database.transaction() as connection:
        user_id = new_user(connection, f"{uuid4().hex}@example.org")
        event.listen(
            database.engine, "before_cursor_execute", lambda *args: statements.append(args[2])
        )
        time = now()
        assert change.run(connection, {"user": user_id, "disabled_at": time}) == 1
        assert change.run(connection, {"user": user_id, "name": "N", "quota_usd_day": 0.5}) == 1
        assert change.run(connection, {"user": user_id, "quota_usd_day": None}) == 1
        assert change.run(connection, {"user": uuid4(), "name": "other"}) == 0
        assert len(statements) == 4
        row = connection.execute(select(users).where(_c.id == user_id)).one()
        assert (row.disabled_at, row.name, row.quota_usd_day) == (time, "N", None)
    database.close()


def test_a_row_that_exists_is_the_error_that_sqlalchemy_raises(database_url: str) -> None:
    database, add = Database(database_url), PreparedChange(users.insert())
    with database.transaction() as connection:
        user_id = new_user(connection, f"{uuid4().hex}@example.org")
        row = dict(connection.execute(select(users).where(_c.id == user_id)).mappings().one())
        other = row | {"id": uuid4(), "email": "secret", "email_key": "secret"}
        assert add.run(connection, other) == 1
        assert connection.scalar(select(_c.email_key).where(_c.id == other["id"])) == "secret"
        undone = connection.begin_nested()
        with pytest.raises(IntegrityError) as error:
            add.run(connection, other)
        undone.rollback()
        connection.execute(users.delete().where(_c.id == other["id"]))
    assert "secret" not in str(error.value).partition("DETAIL")[0]
    database.close()


def calls(work: Callable[[], object]) -> list[str]:
    """The modules of the functions of Python that are called, one for each call."""
    modules: list[str] = []

    def note(frame: FrameType, kind: str, _: object) -> None:
        if kind == "call":
            modules.append(str(frame.f_globals.get("__name__")))

    gc.collect()
    gc.disable()  # what it finalizes is of other tests
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return modules


def with_questions(connection: Connection, count: int) -> UUID:
    """A user with so many questions."""
    user_id = new_user(connection, f"{uuid4().hex}@example.org")
    for number in range(count):
        store_question(connection, str(user_id), f"question {number}", "answer")
    return user_id


def test_a_row_of_a_page_costs_a_few_calls_and_a_statement_few_of_sqlalchemy(
    new_database: NewDatabase,
) -> None:
    """On SQLite, where all that is Python's is the server's."""
    database = Database(new_database("sqlite"))
    with database.transaction() as connection:
        user_id = with_questions(connection, 60)

        def read(limit: int) -> list[str]:
            return calls(lambda: listing.page(connection, user_id, listing.Filter(limit)))

        read(10)  # what is made once
        few, many = read(10), read(50)
        # A step of the iterator, the row, and three ids and two times as texts.
        assert len(many) - len(few) <= 40 * 7
        assert sum(module == "uuid" for module in many) == sum(module == "uuid" for module in few)
        of_page = sum(module.startswith("sqlalchemy.") for module in many)
        question_id = UUID(
            next(iter(listing.page(connection, user_id, listing.Filter(1)).rows))["id"]
        )
        shown.question(connection, user_id, question_id)
        of_read = calls(lambda: shown.question(connection, user_id, question_id))
        # Of a page there are two statements: for each, the connection, its cursor and the events.
        assert of_page <= 2 * 20
        assert sum(module.startswith("sqlalchemy.") for module in of_read) <= 20
    database.close()
