"""A search shows nothing of other users' questions, neither by its order nor by its work."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest
from sqlalchemy import delete

from askcli.store.database import Database
from askcli.store.tables import questions
from tests.support.databases import NewDatabase, database_of
from tests.support.people import NewPerson, new_user
from tests.support.processes import ServerProcess
from tests.support.search_cases import search_ids, store_question
from tests.support.search_work import search_work, tidy

QUERIES = ("ab*", "wi*", "abacus", "cats ab*", "with-ca*", "cats -abz*", "wi* -abz")


def test_the_order_says_nothing_about_what_others_have_asked(
    server: ServerProcess, people: NewPerson
) -> None:
    """Two decoys of one's own, of which a rank by rarity would put the rarer word's first."""
    mine, theirs = people(server), people(server)
    one, other = f"one{uuid4().hex}", f"other{uuid4().hex}"
    with database_of(server) as connection:
        for number in range(8):
            store_question(connection, mine.id, f"decoy {number}", "")
        store_question(connection, mine.id, f"{one} {one} {other}", "")
        store_question(connection, mine.id, f"{one} {other} {other}", "")

    def order() -> list[str]:
        return search_ids(mine, f"{one} {other}")

    before = order()
    for word in (other, one):
        with database_of(server) as connection:
            for _ in range(50):
                store_question(connection, theirs.id, f"{word} {word} {word}", word)
        assert order() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_work_says_nothing_about_what_others_have_asked(
    new_database: NewDatabase, kind: str
) -> None:
    """Only the user's own words are looked at, so no time depends on those of others."""
    database = Database(new_database(kind, migrated=True))
    chance = random.Random(0)
    with database.transaction() as connection:
        mine, theirs = (new_user(connection, f"{name}@example.org") for name in "ab")
        for _ in range(5):
            store_question(connection, str(mine), "about abacus with cats", "")
        tidy(connection)
        before = [search_work(connection, mine, query) for query in QUERIES]
        for _ in range(100):
            different = " ".join(f"ab{chance.randbytes(31).hex()}" for _ in range(30))
            store_question(connection, str(theirs), f"about cats abacus {different}", "abz")
        tidy(connection)
        after = [search_work(connection, mine, query) for query in QUERIES]
    database.close()
    # A larger index has a few more levels.
    assert after == [pytest.approx(count, abs=10) for count in before]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_work_says_nothing_about_what_others_have_deleted(
    new_database: NewDatabase, kind: str
) -> None:
    """Neither of users whose words are before one's own in the index, nor of those after."""
    database = Database(new_database(kind, migrated=True))
    chance = random.Random(0)
    with database.transaction() as connection:
        users = [new_user(connection, f"{name}@example.org") for name in "abc"]
        for user_id in users:
            for _ in range(600):
                store_question(connection, str(user_id), "abacus with cats", "")
        tidy(connection)

    def work() -> list[int]:
        with database.transaction("BEGIN") as connection:
            return [search_work(connection, users[1], query) for query in QUERIES]

    # Each transaction adds a part to SQLite's index, in which each word is looked up.
    before = [pytest.approx(count, abs=1000 if kind == "sqlite" else 10) for count in work()]
    for other in (users[0], users[2]):
        with database.transaction() as connection:
            for _ in range(100):
                different = " ".join(f"ab{chance.randbytes(31).hex()}" for _ in range(300))
                store_question(connection, str(other), different, "zz " * 300)
        assert work() == before
        with database.transaction() as connection:
            tidy(connection)
        with database.transaction() as connection:
            connection.execute(delete(questions).where(questions.c.user_id == other))
            assert work() == before
        assert work() == before
    database.close()
