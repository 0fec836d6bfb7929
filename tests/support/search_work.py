"""What a query costs, as a page of a search, in units that a busy machine does not change."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, event

from askcli.search_terms import terms
from askcli.store.queries import search_pages
from askcli.store.queries.listing import Filter


def tidy(connection: Connection) -> None:
    """Merge the parts of SQLite's index, whose number depends on how it was written."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            "INSERT INTO question_index (question_index) VALUES ('optimize')"
        )


def search_work(connection: Connection, user_id: UUID, query: str, **filters: Any) -> int:
    """Return the work of a page of a search."""
    return work(connection, lambda: _page(connection, user_id, query, filters))


def work(connection: Connection, query: Callable[[], object]) -> int:
    """Return the instructions of SQLite's machine, or the pages that PostgreSQL reads."""
    if connection.dialect.name == "sqlite":
        return _instructions(connection, query)
    with statements(connection) as executed:
        query()
    return pages_read(connection, executed)


def pages_read(connection: Connection, executed: Sequence[tuple[str, Any]]) -> int:
    """Return the pages that PostgreSQL reads for the selects among the statements."""
    plans = [_plan(connection, *statement) for statement in executed if "SELECT" in statement[0]]
    return sum(int(p["Shared Hit Blocks"]) + int(p["Shared Read Blocks"]) for p in plans)


@contextmanager
def statements(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """Record the statements of the block, each with its parameters."""
    executed: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        executed.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    yield executed
    event.remove(connection, "before_cursor_execute", note)


def explained(statement: str, parameters: Any) -> tuple[str, Any]:
    """Return a statement of `statements`, and its parameters, as psycopg takes them."""
    if isinstance(parameters, dict) or "$1" not in statement:
        return statement, parameters
    named = {str(number): value for number, value in enumerate(parameters, 1)}
    return re.sub(r"\$(\d+)", r"%(\1)s", statement), named


def _page(connection: Connection, user_id: UUID, query: str, filters: dict[str, Any]) -> None:
    page = search_pages.search_page(
        connection, user_id, terms(query), Filter(**{"limit": 20} | filters)
    )
    assert page
    assert page.rows or page.cursor


def _instructions(connection: Connection, query: Callable[[], object]) -> int:
    query()  # since 3.41 SQLite calls the handler as it prepares a statement, too
    count = itertools.count()
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: next(count) < 0, 1)
    query()
    driver.set_progress_handler(None, 0)
    return next(count)


def _plan(connection: Connection, statement: str, parameters: Any) -> dict[str, Any]:
    statement, parameters = explained(statement, parameters)
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    plan: dict[str, Any] = connection.exec_driver_sql(explain, parameters).scalar_one()[0]["Plan"]
    return plan
