"""The work of a user's queries tells nothing of questions of others, newer ones or among theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from askcli.search_terms import terms
from askcli.store.database import Database
from askcli.store.queries import conversations, listing, older, questions, search_pages
from askcli.store.queries.own_range import GREATEST_ID
from tests.support.databases import NewDatabase
from tests.support.people import new_user
from tests.support.search_cases import copy_question
from tests.support.search_work import pages_read, statements

AMONG = text("""UPDATE questions SET user_id = :theirs WHERE id IN (SELECT id FROM (
    SELECT id, row_number() OVER (ORDER BY id DESC) AS n FROM questions WHERE user_id = :mine
    ) AS numbered WHERE n <= 600 AND n % 6 > 0)""")


def works(connection: Connection, mine: UUID, conversation: UUID) -> dict[str, int]:
    """The pages that PostgreSQL reads for each query."""
    whole = listing.Filter(limit=100)
    part = listing.Filter(limit=100, conversation_id=conversation)
    queries: dict[str, Callable[[], object]] = {
        "page": lambda: listing.page(connection, mine, whole),
        "page of a conversation": lambda: listing.page(connection, mine, part),
        "conversations": lambda: conversations.page(connection, mine, conversations.Filter(100)),
        "conversation": lambda: conversations.summary(connection, mine, conversation),
        "latest": lambda: questions.latest(connection, mine, conversation, GREATEST_ID),
        "turns": lambda: questions.turns(connection, mine, conversation, GREATEST_ID, 20, 1000),
        "search": lambda: search_pages.search_page(connection, mine, terms("zzz"), part),
        "older": lambda: older.ids(connection, mine, datetime.max.replace(tzinfo=UTC), 100),
    }
    connection.exec_driver_sql("ANALYZE")
    counts = {}
    for name, query in queries.items():
        undone = connection.begin_nested()
        with statements(connection) as executed:
            query()
        selects = [one for one in executed if _reads_tables(one[0])]
        undone.rollback()
        counts[name] = pages_read(connection, selects)
    return counts


def _reads_tables(statement: str) -> bool:
    """Not one of the search's settings, which would stay for the queries after it."""
    begins = statement.lstrip().startswith(("SELECT", "WITH"))
    return begins and "set_config" not in statement


@pytest.mark.parametrize("are_among", [False, True], ids=["newer", "among"])
def test_no_query_reads_questions_of_others(new_database: NewDatabase, are_among: bool) -> None:
    """On PostgreSQL, whose planner may read the questions of all users by their ids."""
    database = Database(new_database("postgres"))
    with database.transaction("BEGIN") as connection:
        mine, theirs = (new_user(connection, f"{name}@example.org") for name in "ab")
        copy_question(connection, mine, "mine", 6_000)
        conversation = UUID(int=1)
        all_in_one = text(
            "UPDATE questions SET conversation_id = :id, status = 'answered', answer = 'a'"
        )
        connection.execute(all_in_one, {"id": conversation})
        if are_among:
            undone = connection.begin_nested()
            connection.execute(AMONG, {"mine": mine, "theirs": theirs})
            connection.execute(text("DELETE FROM questions WHERE user_id = :u"), {"u": theirs})
            before = works(connection, mine, conversation)
            undone.rollback()
            connection.execute(AMONG, {"mine": mine, "theirs": theirs})
        else:
            before = works(connection, mine, conversation)
            copy_question(connection, theirs, "theirs", 4_000)
        after = works(connection, mine, conversation)
        # An index may become one level deeper, a page more for each row that is looked up in it.
        assert after == {name: pytest.approx(n, abs=max(20, n // 4)) for name, n in before.items()}
    database.close()
