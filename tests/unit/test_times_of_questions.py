"""Questions of a time are found within a range of ids, and none is missed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from askcli.search_terms import terms
from askcli.store.queries import listing, older, search_pages
from tests.support.databases import NewDatabase, opened
from tests.support.people import new_user
from tests.support.search_work import work
from tests.support.stored import add_question, id_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
CONVERSATION = UUID(int=1)
LONG = "long " * 300  # few fit into a page of PostgreSQL
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FAR = 40 * DAY
SECOND, INSTANT = timedelta(seconds=1), timedelta(microseconds=1)


@pytest.fixture(params=["sqlite", "postgres"])
def connection(request: pytest.FixtureRequest, new_database: NewDatabase) -> Iterator[Connection]:
    with opened(new_database(request.param)) as connection:
        yield connection


@pytest.fixture
def user_id(connection: Connection) -> UUID:
    return new_user(connection, "a@example.org")


def ask(
    connection: Connection, user_id: UUID, time: datetime, clock: timedelta = timedelta(0)
) -> UUID:
    """Store a question of that time, whose id is of a clock that was ahead by so much."""
    values = {"id": id_of(time + clock), "created_at": time, "conversation_id": CONVERSATION}
    return add_question(connection, user_id, "", 0, question=LONG, **values)


def listed(connection: Connection, user_id: UUID, **filters: Any) -> list[UUID]:
    page = listing.page(connection, user_id, listing.Filter(limit=5, **filters))
    return [UUID(row["id"]) for row in page.rows]


def found(connection: Connection, user_id: UUID, **filters: Any) -> list[UUID]:
    filter_ = listing.Filter(limit=5, **filters)
    page = search_pages.search_page(connection, user_id, terms("answer0"), filter_)
    return [UUID(row["id"]) for row in page.rows]


@pytest.mark.parametrize(
    ("query", "others"),
    [
        (partial(listed, since=NOON), -FAR),
        (partial(listed, until=NOON + HOUR), FAR),
        (partial(listed, until=NOON + HOUR, conversation_id=CONVERSATION), FAR),
    ],
    ids=["since", "until", "of a conversation"],
)
def test_questions_of_other_times_are_not_read(
    connection: Connection,
    user_id: UUID,
    query: Callable[[Connection, UUID], list[UUID]],
    others: timedelta,
) -> None:
    asked, seconds = ask(connection, user_id, NOON), itertools.count()
    other_users = [new_user(connection, f"{name}@example.org") for name in "bcd"]

    def work_among_more() -> int:
        for _ in range(200):
            time = NOON + others + next(seconds) * SECOND
            for owner in (user_id, *other_users):
                ask(connection, owner, time)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")
        assert query(connection, user_id) == [asked]
        return work(connection, lambda: query(connection, user_id))

    assert work_among_more() == pytest.approx(work_among_more(), abs=20)


def test_a_time_ends_at_its_microsecond(connection: Connection, user_id: UUID) -> None:
    before, at = (ask(connection, user_id, time) for time in (NOON - INSTANT, NOON))
    for query in (listed, found):
        assert query(connection, user_id, since=NOON) == [at]
        assert query(connection, user_id, until=NOON) == [before]
        assert query(connection, user_id, since=NOON, last_id=before) == []
        assert query(connection, user_id, until=NOON, first_id=at) == []
        any_time = {"since": datetime.min, "until": datetime.max}
        always = {name: time.replace(tzinfo=UTC) for name, time in any_time.items()}
        assert query(connection, user_id, **always) == [at, before]
    assert older.ids(connection, user_id, NOON, 5) == [before]
    assert older.ids(connection, user_id, NOON + INSTANT, 5) == [before, at]


@pytest.mark.parametrize("clock", [14 * HOUR, 30 * DAY])
def test_the_id_may_be_of_another_clock(
    connection: Connection, user_id: UUID, clock: timedelta
) -> None:
    """One that was ahead: of the question before, or of a host that had local time for UTC.

    A deletion leaves none, however far it was ahead.
    """
    asked = ask(connection, user_id, NOON, clock)
    for query in (listed, found):
        assert query(connection, user_id, since=NOON, until=NOON + INSTANT) == [asked]
    later = ask(connection, user_id, NOON, 1_000 * DAY)
    assert older.ids(connection, user_id, NOON + INSTANT, 5) == [asked, later]
