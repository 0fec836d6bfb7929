"""A search shows nothing of other users' questions, neither by its order nor by its work."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest

from askcli.store.database import Database
from tests.support.databases import NewDatabase, database_of
from tests.support.people import NewPerson, new_user
from tests.support.processes import ServerProcess
from tests.support.search_cases import search_ids, store_question
from tests.support.search_work import search_work, tidy

QUERIES = ("ab*", "abacus", "cats ab*", "and-ab*", "cats -abz*")


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
            store_question(connection, str(mine), "about cats and abacus", "")
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
