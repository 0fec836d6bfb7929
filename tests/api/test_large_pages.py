"""A page of long answers is bounded by its bytes, and the next one follows."""

from __future__ import annotations

import json

import pytest

from askcli.store.listing import MAX_PAGE_BYTES
from tests.support.cli import NewCli
from tests.support.databases import database_of
from tests.support.people import Person
from tests.support.processes import ServerProcess
from tests.support.search_cases import store_question

# Two fit into a page, three do not; in characters, four would.
LONG = "é" * (MAX_PAGE_BYTES // 5)
LARGER_THAN_A_PAGE = "é" * MAX_PAGE_BYTES


@pytest.mark.parametrize("params", [{}, {"search": "bulky"}])
def test_a_page_ends_where_its_texts_are_large_and_the_next_one_follows(
    server: ServerProcess, alice: Person, params: dict[str, str]
) -> None:
    with database_of(server) as connection:
        for number, text in enumerate((LONG, LONG, LONG, LARGER_THAN_A_PAGE, LONG)):
            store_question(connection, alice.id, f"bulky {number}", text)
    sizes, questions, cursor = [], [], ""
    while True:
        page = alice.http.get(
            "/api/users/me/questions",
            params={"limit": "100", **params} | ({"cursor": cursor} if cursor else {}),
        ).json()
        sizes.append(len(page["items"]))
        questions += [item["question"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sizes == [1, 1, 2, 1]
    assert questions == [f"bulky {number}" for number in (4, 3, 2, 1, 0)]


def test_commands_follow_the_pages_however_few_questions_are_in_one(
    server: ServerProcess, alice: Person, new_cli: NewCli
) -> None:
    with database_of(server) as connection:
        ids = [store_question(connection, alice.id, str(n), LARGER_THAN_A_PAGE) for n in range(2)]
    cli = new_cli(server, ASKCLI_TOKEN=alice.tokens["access_token"])
    listed = cli.in_process("history", "list", "--json", "-n", "2")
    assert [item["id"] for item in json.loads(listed.out)["items"]] == ids[::-1]
    ambiguous = cli.in_process("history", "show", ids[0][:9])
    assert (ambiguous.code, "several ids" in ambiguous.err) == (2, True)
