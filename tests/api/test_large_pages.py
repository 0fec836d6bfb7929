"""A page of long answers is bounded by its bytes, and the next one follows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psutil
import pytest
from sqlalchemy import Connection, select, update

from askcli.services.clock import now
from askcli.store import migrations
from askcli.store.database import Database
from askcli.store.queries import listing, older, questions, sizes
from askcli.store.queries.sizes import MAX_BYTES
from askcli.store.tables import questions as questions_table
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase, database_of
from tests.support.owners import Owner, run
from tests.support.people import NewPerson, new_user
from tests.support.processes import ServerProcess
from tests.support.search_cases import store_question
from tests.support.soak import SOAK

# Two fit into a page, three do not; in characters, four would.
LONG = "é" * (MAX_BYTES // 5)
SHORTER = 1 if SOAK else 40  # so many times, the page and its texts alike
LARGER_THAN_A_PAGE = "é" * (MAX_BYTES // 2 + 1)  # in characters, one and most of another fit


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_page_ends_where_its_texts_are_large_and_the_next_one_follows(
    kind: str, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes.fitting, "__defaults__", (MAX_BYTES // SHORTER,))
    long, larger = (text[: len(text) // SHORTER + 1] for text in (LONG, LARGER_THAN_A_PAGE))

    async def scenario(owner: Owner) -> None:
        with owner.database.transaction() as connection:
            for number, text in enumerate((long, long, long, larger, long)):
                store_question(connection, str(owner.id), f"bulky {number}", text)
        in_order = [f"bulky {number}" for number in (4, 3, 2, 1, 0)]
        assert await pages_of(owner) == ([1, 1, 2, 1], in_order)
        assert await pages_of(owner, search="bulky") == ([1, 1, 2, 1], in_order)

    run(new_database(kind), scenario)


async def pages_of(owner: Owner, **params: str) -> tuple[list[int], list[str]]:
    """How many questions are on each page, and all of them."""
    counts, asked, cursor = [], [], ""
    while True:
        params |= {"limit": "100"} | ({"cursor": cursor} if cursor else {})
        page = (await owner.http.get("/api/users/me/questions", params=params)).json()
        counts.append(len(page["items"]))
        asked += [item["question"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return counts, asked


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
    sqlite_server: ServerProcess, new_person: NewPerson, new_cli: NewCli
) -> None:
    alice = new_person(sqlite_server)
    with database_of(sqlite_server) as connection:
        ids = [store_question(connection, alice.id, str(n), LARGER_THAN_A_PAGE) for n in range(2)]
    cli = new_cli(sqlite_server, ASKCLI_TOKEN=alice.tokens["access_token"])
    listed = cli.in_process("history", "list", "--json", "-n", "2")
    assert [item["id"] for item in json.loads(listed.out)["items"]] == ids[::-1]
    # What ids have in common for four hours.
    ambiguous = cli.in_process("history", "show", ids[0][:6])
    assert (ambiguous.code, "several ids" in ambiguous.err) == (2, True)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_long_questions_are_deleted_and_read_a_few_at_a_time(
    kind: str, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "MAX_DELETED_BYTES", sizes.MAX_DELETED_BYTES // SHORTER)
    text = LARGER_THAN_A_PAGE[: len(LARGER_THAN_A_PAGE) // SHORTER + 1]
    later = now() + timedelta(hours=1)

    async def scenario(owner: Owner) -> None:
        with owner.database.transaction() as connection:
            for number in range(3):
                id_ = store_question(connection, str(owner.id), str(number), text)
            (oldest,) = older.ids(connection, owner.id, later, 100)
            assert older.remove(connection, owner.id, [oldest]) == 1
            row = questions.by_id(connection, owner.id, UUID(id_))
            assert row
            conversation_id = row["conversation_id"]
            (turn,) = questions.turns(connection, owner.id, conversation_id, row["id"], 20, 50)
            assert turn["answer"] == "é" * 50
        until = {"until": later.isoformat()}
        deleted = await owner.http.delete("/api/users/me/questions", params=until)
        assert deleted.json() == {"deleted": 2}

    run(new_database(kind), scenario)
