"""A search shows nothing of other users' questions, neither by its order nor by its work."""

from __future__ import annotations

import random
import re
from uuid import uuid4

import pytest
from sqlalchemy import delete, text

from askcli.store.database import Database
from askcli.store.tables import questions
from tests.support.databases import NewDatabase, database_of
from tests.support.people import NewPerson, new_user
from tests.support.processes import ServerProcess
from tests.support.search_cases import copy_question, search_ids, store_question
from tests.support.search_work import search_work, statements, tidy
from tests.support.soak import SOAK

MANY = 600 if SOAK else 200
QUERIES = ("ab*", "wi*", "abacus", "cats ab*", "with-ca*", "cats -abz*", "wi* -abz")
_KEYS = text(
    """SELECT DISTINCT replace(CAST(user_id AS text), '-', ''), encode(key, 'hex')
    FROM question_words JOIN questions ON questions.id = question_id,
        unnest(question_keys(words)) AS key"""
)


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
    database = Database(new_database(kind))
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


def test_the_work_says_nothing_about_how_many_others_have_the_words(
    new_database: NewDatabase,
) -> None:
    """On PostgreSQL: so many rows that the lists of their words in an index have many pages."""
    database = Database(new_database("postgres"))
    words = [f"word{number}" for number in range(40)]
    queries = (words[0], " ".join(words[0] for _ in range(40)), " ".join(words), "word0 wor*")
    with database.transaction("BEGIN") as connection:
        mine, theirs = (new_user(connection, f"{name}@example.org") for name in "ab")
        copy_question(connection, mine, "nothing of that", 600)
        copy_question(connection, mine, " ".join(words), 1)
        copy_question(connection, theirs, "something else", 1_000)
        before = [search_work(connection, mine, query) for query in queries]
        copy_question(connection, theirs, " ".join(words), 10_000)
        after = [search_work(connection, mine, query) for query in queries]
    database.close()
    # A larger index has a few more levels, for each of the words.
    assert after == [pytest.approx(count, abs=50) for count in before]


def test_the_work_says_nothing_about_how_much_others_have_asked_since(
    new_database: NewDatabase,
) -> None:
    """On PostgreSQL: a user with most of all questions, which its planner may read by their ids."""
    database = Database(new_database("postgres"))
    with database.transaction("BEGIN") as connection:
        mine, theirs = (new_user(connection, f"{name}@example.org") for name in "ab")
        copy_question(connection, mine, "about abacus", 1)
        copy_question(connection, mine, "nothing of that", 6_000)

        def work() -> list[int]:
            connection.exec_driver_sql("ANALYZE")
            return [search_work(connection, mine, query) for query in ("abacus", "ab*", "of")]

        before = work()
        copy_question(connection, theirs, "something else", 4_000)
        assert work() == [pytest.approx(count, abs=50) for count in before]
    database.close()


def test_the_index_of_postgresql_has_the_words_of_each_user_apart(
    new_database: NewDatabase,
) -> None:
    """Each key begins with its owner, and a search names only such keys."""
    database = Database(new_database("postgres"))
    with database.transaction("BEGIN") as connection:
        users = [new_user(connection, f"{name}@example.org") for name in "ab"]
        for user_id in users:
            copy_question(connection, user_id, "nothing of that", 600)
            copy_question(connection, user_id, "about abacus with cats", 1)
        keys = connection.execute(_KEYS).all()
        assert len(keys) == 14
        assert {key[16:] for owner, key in keys if owner == users[0].hex} == {
            key[16:] for owner, key in keys if owner == users[1].hex
        }
        assert all(key.startswith(owner[16:]) for owner, key in keys)
        for query in ("abacus", "cats ab*", '"about abacus" -dogs'):
            with statements(connection) as executed:
                search_work(connection, users[0], query)
            plans = [
                line
                for statement, parameters in executed
                if statement.startswith("WITH candidates")
                for line in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars()
            ]
            (asked,) = [line for line in plans if "Index Cond: (question_keys" in line]
            named = re.findall(r"x([0-9a-f]{32})", asked)
            assert named
            assert {key[:16] for key in named} == {users[0].hex[16:]}
    database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_work_says_nothing_about_what_others_have_deleted(
    new_database: NewDatabase, kind: str
) -> None:
    """Neither of users whose words are before one's own in the index, nor of those after."""
    database = Database(new_database(kind))
    chance = random.Random(0)
    with database.transaction() as connection:
        users = [new_user(connection, f"{name}@example.org") for name in "abc"]
        for user_id in users:
            for _ in range(MANY):
                store_question(connection, str(user_id), "abacus with cats", "")
        tidy(connection)

    def work() -> list[int]:
        with database.transaction("BEGIN") as connection:
            return [search_work(connection, users[1], query) for query in QUERIES]

    # Each transaction adds a part to SQLite's index, in which each word is looked up.
    before = [pytest.approx(count, abs=1000 if kind == "sqlite" else 10) for count in work()]
    for other in (users[0], users[2]):
        with database.transaction() as connection:
            for _ in range(MANY // 6):
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
