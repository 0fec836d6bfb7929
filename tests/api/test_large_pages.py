"""A page of long answers is bounded by its bytes, and the next one follows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psutil
from sqlalchemy import Connection, select, update

from askcli.services.clock import now
from askcli.store import migrations
from askcli.store.database import Database
from askcli.store.queries import listing, older, questions, sizes
from askcli.store.queries.sizes import MAX_BYTES
from askcli.store.tables import questions as questions_table
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase, database_of
from tests.support.people import Person, new_user
from tests.support.processes import ServerProcess
from tests.support.search_cases import store_question

# Two fit into a page, three do not; in characters, four would.
LONG = "é" * (MAX_BYTES // 5)
LARGER_THAN_A_PAGE = "é" * (MAX_BYTES // 2 + 1)  # in characters, one and most of another fit


def test_a_page_ends_where_its_texts_are_large_and_the_next_one_follows(
    server: ServerProcess, alice: Person
) -> None:
    with database_of(server) as connection:
        for number, text in enumerate((LONG, LONG, LONG, LARGER_THAN_A_PAGE, LONG)):
            store_question(connection, alice.id, f"bulky {number}", text)
    in_order = [f"bulky {number}" for number in (4, 3, 2, 1, 0)]
    assert pages_of(alice) == ([1, 1, 2, 1], in_order)
    assert pages_of(alice, search="bulky") == ([1, 1, 2, 1], in_order)


def pages_of(person: Person, **params: str) -> tuple[list[int], list[str]]:
    """How many questions are on each page, and all of them."""
    sizes, asked, cursor = [], [], ""
    while True:
        page = person.http.get(
            "/api/users/me/questions",
            params={"limit": "100", **params} | ({"cursor": cursor} if cursor else {}),
        ).json()
        sizes.append(len(page["items"]))
        asked += [item["question"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return sizes, asked


def test_sqlite_reads_the_texts_of_a_page_and_no_others(new_database: NewDatabase) -> None:
    """Neither to choose those of a page nor to choose those to delete."""
    database = Database(new_database("sqlite"))
    with database.transaction() as connection:
        user_id = new_user(connection, "a@example.org")
        for number in range(6):
            store_question(connection, str(user_id), str(number), LONG)
    process = psutil.Process()

    def texts_read(work: Callable[[Connection], object]) -> float:
        database.engine.dispose()  # and with it what the connection has read before
        with database.transaction("BEGIN IMMEDIATE") as connection:
            before = process.io_counters().read_chars
            work(connection)
            return float(process.io_counters().read_chars - before) / len(LONG.encode())

    filter_ = listing.Filter(limit=10)
    later = now() + timedelta(hours=1)
    assert texts_read(lambda connection: listing.page(connection, user_id, filter_)) < 2.5
    assert texts_read(lambda c: older.ids(c, user_id, later, 10)) < 3.5
    database.close()


def test_sizes_of_questions_asked_before_are_known(new_database: NewDatabase) -> None:
    """And follow what is asked, answered and deleted after it, also on an older version again."""
    from alembic import command

    database = Database(new_database("sqlite"))
    with database.transaction() as connection:
        user_id = new_user(connection, "a@example.org")
        command.downgrade(migrations.config(connection), "0010")
        store_question(connection, str(user_id), "é", "1")
        command.upgrade(migrations.config(connection), "head")
        store_question(connection, str(user_id), "two", "")
        deleted = store_question(connection, str(user_id), "three", "")
        questions.remove(connection, user_id, UUID(deleted))
        change = update(questions_table).where(questions_table.c.question == "two")
        connection.execute(change.values(answer="éé", system="s"))
        known = select(questions_table.c.id, sizes.of_texts("sqlite"))
        in_order = known.order_by(questions_table.c.id)
        assert [size for _, size in connection.execute(in_order)] == [3, 8]
        count = connection.exec_driver_sql("SELECT count(*) FROM question_sizes").scalar()
        assert count == 2
    database.close()


def test_commands_follow_the_pages_however_few_questions_are_in_one(
    server: ServerProcess, alice: Person, new_cli: NewCli
) -> None:
    with database_of(server) as connection:
        ids = [store_question(connection, alice.id, str(n), LARGER_THAN_A_PAGE) for n in range(2)]
    cli = new_cli(server, ASKCLI_TOKEN=alice.tokens["access_token"])
    listed = cli.in_process("history", "list", "--json", "-n", "2")
    assert [item["id"] for item in json.loads(listed.out)["items"]] == ids[::-1]
    # What ids have in common for four hours.
    ambiguous = cli.in_process("history", "show", ids[0][:6])
    assert (ambiguous.code, "several ids" in ambiguous.err) == (2, True)


def test_long_questions_are_deleted_and_read_a_few_at_a_time(
    server: ServerProcess, alice: Person
) -> None:
    later = now() + timedelta(hours=1)
    user_id = UUID(alice.id)
    with database_of(server) as connection:
        for number in range(3):
            question_id = store_question(connection, alice.id, str(number), LARGER_THAN_A_PAGE)
        (oldest,) = older.ids(connection, user_id, later, 100)
        assert older.remove(connection, user_id, [oldest]) == 1
        row = questions.by_id(connection, user_id, UUID(question_id))
        assert row
        (turn,) = questions.turns(connection, user_id, row["conversation_id"], 20, 50)
        assert turn["answer"] == "é" * 50
    deleted = alice.http.delete("/api/users/me/questions", params={"until": later.isoformat()})
    assert deleted.json() == {"deleted": 2}
