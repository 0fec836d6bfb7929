"""Any cursor that has the form of one is a place in a search, or a refusal."""

from __future__ import annotations

import itertools

import pytest

from tests.support.people import Person

IDS = [f"00000000-0000-0000-0000-{0:012}", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
RANKS = ["7ff8000000000000", "7ff0000000000000", "fff0000000000000", "0" * 16, "0" * 15 + "1"]
CURSORS = [
    *IDS,
    *(f".{id_}" for id_ in IDS),
    *(f"{a}.{rank}.{b}" for a, rank, b in itertools.product(IDS, RANKS, IDS)),
]


@pytest.mark.parametrize("in_conversation", [False, True])
def test_a_page_after_any_cursor_is_one_or_is_refused(alice: Person, in_conversation: bool) -> None:
    question = alice.ask("what is findable").json()
    own = {"conversation_id": question["conversation_id"]} if in_conversation else {}
    for cursor, search in itertools.product(CURSORS, [{}, {"search": "findable"}]):
        params = {"cursor": cursor, **own, **search}
        answer = alice.http.get("/api/users/me/questions", params=params)
        assert answer.status_code in (200, 422), (cursor, answer.text)
    before_all = {"cursor": f".{IDS[0]}", "search": "findable", **own}
    page = alice.http.get("/api/users/me/questions", params=before_all).json()
    assert page == {"items": [], "next_cursor": None}
