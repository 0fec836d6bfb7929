"""The work of a list tells nothing of how much others have asked."""

from __future__ import annotations

from typing import Any

import pytest

from askcli.store.database import Database
from askcli.store.queries import listing
from tests.support.databases import NewDatabase
from tests.support.people import new_user
from tests.support.search_cases import copy_question
from tests.support.search_work import pages_read, statements


def test_a_page_reads_no_questions_of_others(new_database: NewDatabase) -> None:
    """On PostgreSQL: a user with most of all questions, which its planner may read by their ids."""
    database = Database(new_database("postgres"))
    with database.transaction("BEGIN") as connection:
        mine, theirs = (new_user(connection, f"{name}@example.org") for name in "ab")
        copy_question(connection, mine, "mine", 6_000)
        oldest = listing.page(connection, mine, listing.Filter(limit=100)).cursor
        assert oldest

        def work(**filters: Any) -> int:
            with statements(connection) as executed:
                page = listing.page(connection, mine, listing.Filter(limit=100, **filters))
            assert len(page.rows) == 100
            return pages_read(connection, executed)

        ranges: list[dict[str, Any]] = [
            {},
            {"before": oldest},
            {"last_id": oldest},
            {"first_id": oldest},
        ]

        def works() -> list[int]:
            connection.exec_driver_sql("ANALYZE")
            return [work(**filters) for filters in ranges]

        before = works()
        copy_question(connection, theirs, "theirs", 4_000)
        assert works() == [pytest.approx(count, abs=20) for count in before]
    database.close()
