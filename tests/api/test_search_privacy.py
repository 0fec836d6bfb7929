"""A search shows nothing of other users' questions, not even by its order."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.databases import database_of
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.search_cases import search_ids, store_question

pytestmark = pytest.mark.xdist_group("search")


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
