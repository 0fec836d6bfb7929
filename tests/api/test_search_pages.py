"""Pages of a search: what is ranked and looked at is bounded, and nothing is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, delete

from askcli.search_terms import terms
from askcli.services.clock import new_id, now
from askcli.store.database import Database
from askcli.store.queries import search_pages
from askcli.store.queries.listing import Filter
from askcli.store.queries.search_pages import Cursor
from askcli.store.search import found, postgresql_find
from askcli.store.tables import questions
from tests.support.databases import NewDatabase, database_of
from tests.support.people import NewPerson, new_user
from tests.support.processes import ServerProcess
from tests.support.search_cases import CASES, STORED, store_question
from tests.support.search_work import search_work, statements, tidy
from tests.support.soak import SOAK

RANKED = 6
# Queries whose pages are turned while others ask and delete: words alone, and beside conditions.
TURNED = ["common", "-half", "wide*", '"an answer" wide0*']
if SOAK:
    TURNED += ["old", "rare", "common -old"]
# Pages of one question are many; a history that is longer than is looked at has them in the soak.
SMALLEST_PAGE = 1 if SOAK else 3


@dataclass
class Searcher:
    """A user with an open transaction on a database."""

    connection: Connection
    user_id: UUID

    def store(self, question: str, answer: str = "") -> str:
        return store_question(self.connection, str(self.user_id), question, answer)

    def delete(self, *ids: str) -> set[str]:
        self.connection.execute(delete(questions).where(questions.c.id.in_(map(UUID, ids))))
        return set(ids)

    def page(self, query: str, cursor: Cursor | None, **filters: Any) -> tuple[list[str], Any]:
        page = search_pages.search_page(
            self.connection, self.user_id, terms(query), Filter(**{"limit": 4} | filters), cursor
        )
        cursor = page.cursor and Cursor.parse(str(page.cursor))
        return [row["id"] for row in page.rows], cursor

    def pages(self, query: str, **filters: Any) -> Iterator[list[str]]:
        cursor, is_first = None, True
        while cursor or is_first:
            ids, cursor = self.page(query, cursor, **filters)
            is_first = False
            yield ids

    def all(self, query: str, **filters: Any) -> list[str]:
        return [id_ for page in self.pages(query, **filters) for id_ in page]


@pytest.fixture(params=["sqlite", "postgres"])
def searcher(
    request: pytest.FixtureRequest, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Searcher]:
    """Few questions are ranked or looked at here, so that few are many."""
    monkeypatch.setattr(search_pages, "RANKED", RANKED)
    monkeypatch.setattr(found, "EXAMINED", 30)
    monkeypatch.setattr(postgresql_find, "SAMPLE", 10)
    monkeypatch.setattr(postgresql_find, "COMMON", 3)
    monkeypatch.setattr(postgresql_find, "MOST_BY_INDEX", 40)
    database = Database(new_database(request.param))
    with database.transaction() as connection:
        other = Searcher(connection, new_user(connection, "other@example.org"))
        person = Searcher(connection, new_user(connection, "searcher@example.org"))
        for _ in range(8):
            other.store("common rare seldom widest")
        yield person
    database.close()


def stored(searcher: Searcher, count: int = 80) -> dict[str, list[str]]:
    """Store questions; the ids of those that each query finds, the newest first."""
    expected: dict[str, list[str]] = {}
    for number in range(count):
        text = f"common wide{number:03}"
        text += " rare" * (number % 12 == 1) + " seldom" * (number < 5) + " half" * (number % 2)
        text += " old" * (number < 60) + " reversed common" * (number % 3 == 0)
        id_ = searcher.store(text, "an answer")
        for query, matches in {
            "common": True,
            "common answer": True,
            "rare": number % 12 == 1,
            "rare common": number % 12 == 1,
            "seldom": number < 5,
            "old": number < 60,
            "common -half": not number % 2,
            "-half": not number % 2,
            "common -answer": False,
            '"an answer"': True,
            '"answer an"': False,
            '"reversed common"': number % 3 == 0,
            "wide*": True,
            "wide00*": number < 10,
            "wide00* -wide*": False,
            "half wide* -rare": bool(number % 2) and number % 12 != 1,
            "old wide07*": False,
            "nowhere": False,
        }.items():
            expected.setdefault(query, [])
            if matches:
                expected[query].insert(0, id_)
    return expected


def test_all_that_match_are_found_once_whatever_is_looked_at(searcher: Searcher) -> None:
    expected = stored(searcher)
    for query, ids in expected.items():
        for limit in (SMALLEST_PAGE, 50):
            assert sorted(searcher.all(query, limit=limit)) == sorted(ids), (query, limit)


def test_the_newest_are_ranked_and_the_older_follow_the_newest_first(searcher: Searcher) -> None:
    texts = ("common", "an answer"), ("a question", "common"), ("a question", "common")
    ids = [searcher.store(*texts[number % 3]) for number in range(20)]
    ranked = [18, 15, 19, 17, 16, 14]
    for limit in (1, 4, 6, 7, 100):
        found_ids = searcher.all("common", limit=limit)
        assert [ids.index(id_) for id_ in found_ids] == [*ranked, *range(13, -1, -1)]
    within = [ids.index(id_) for id_ in searcher.all("common", limit=100, last_id=UUID(ids[8]))]
    assert within == [6, 3, 8, 7, 5, 4, 2, 1, 0]


@pytest.mark.parametrize("count", [3, 40])
@pytest.mark.parametrize("is_deleting", [False, True])
def test_what_is_asked_or_deleted_meanwhile_moves_nothing(
    searcher: Searcher, count: int, is_deleting: bool
) -> None:
    """Fewer matches than are ranked, or more; and the questions that the cursor names go, too."""
    stored(searcher, count)
    for query in TURNED:
        for limit in (1, 4) if SOAK or count == 3 else (SMALLEST_PAGE,):
            before = searcher.all(query, limit=100)
            seen, gone, cursor = list[str](), set[str](), None
            for number in range(1000):
                ids, cursor = searcher.page(query, cursor, limit=limit)
                seen += ids
                if number < 5:
                    for better in ("", " common", " rare rare wide00000 an answer"):
                        searcher.store(f"common old rare wide{better}", "an answer")
                if cursor is None:
                    break
                if is_deleting and seen:
                    gone |= searcher.delete(seen[-1], str(cursor.oldest), seen[len(seen) // 2])
            assert len(seen) == len(set(seen)), (query, limit)
            assert [id_ for id_ in before if id_ in set(seen) or id_ not in gone] == [
                id_ for id_ in seen if id_ in before
            ], (query, limit)


def test_conditions_leave_nothing_out(searcher: Searcher) -> None:
    expected = stored(searcher)["common"]
    whole = searcher.all("common", since=now() - timedelta(days=1), limit=50)
    assert sorted(whole) == sorted(expected)
    assert searcher.all("common", until=now() - timedelta(days=1)) == []
    assert searcher.all("common", conversation_id=new_id()) == []
    assert searcher.all("common", first_id=UUID(expected[-1]), last_id=UUID(expected[-1])) == [
        expected[-1]
    ]
    one = searcher.connection.execute(
        questions.select().where(questions.c.id == UUID(expected[-1]))
    ).one()
    of_conversation = list(
        searcher.pages("common wide* -half", conversation_id=one.conversation_id)
    )
    assert of_conversation == [[expected[-1]]]


def test_the_work_does_not_grow_with_the_number_of_matches(searcher: Searcher) -> None:
    queries = (
        "common", "common answer", "common -rare", '"common wide"', "wid*", "-rare", "wide*",
    )  # fmt: skip

    def more(count: int) -> dict[str, int]:
        for _ in range(count):
            searcher.store(f"common wide wide{uuid4().hex}", "an answer")
        searcher.connection.exec_driver_sql("ANALYZE")
        tidy(searcher.connection)
        return {
            query: search_work(searcher.connection, searcher.user_id, query) for query in queries
        }

    few, many = more(60), more(900 if SOAK else 300)
    assert not {query: many[query] for query in queries if many[query] >= 1.3 * few[query] + 20}


def test_a_first_page_compares_so_many_questions_and_no_more(searcher: Searcher) -> None:
    stored(searcher, 100)
    with statements(searcher.connection) as executed:
        ids, cursor = searcher.page("nowhere*", None, limit=4)
    assert not ids
    assert cursor
    assert len([statement for statement, _ in executed if "AS rank" in statement]) == 1


def test_matches_are_read_in_their_order_without_a_sort(searcher: Searcher) -> None:
    if searcher.connection.dialect.name != "sqlite":
        pytest.skip("PostgreSQL's planner sorts few rows as it likes")
    stored(searcher, 20)
    with statements(searcher.connection) as executed:
        searcher.all("common")
    searches = [each for each in executed if "MATCH" in each[0]]
    assert searches
    for statement, parameters in searches:
        assert "*" not in str(parameters)
        plan = searcher.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        assert "TEMP B-TREE" not in str(plan.all())


def test_the_index_is_asked_for_whole_words_alone(searcher: Searcher) -> None:
    """In any script: FTS5 would go through all words that begin alike before the first match."""
    names = {searcher.store(*texts): name for name, texts in STORED.items()}
    with statements(searcher.connection) as executed:
        results = [
            (query, " ".join(names[id_] for id_ in searcher.all(query)))
            for query, _ in CASES
            if terms(query)
        ]
    assert results == [case for case in CASES if terms(case[0])]
    asked = [value for statement, values in executed if "MATCH" in statement for value in values]
    assert not [value for value in asked if "@" in str(value) and "*" in str(value)]


def test_the_pages_of_a_long_history(server: ServerProcess, people: NewPerson) -> None:
    person = people(server)
    with database_of(server) as connection:
        ids = [
            store_question(connection, person.id, "marmot" if n in (3, 80) else "", "marmot")
            for n in range(520)
        ]
    seen, cursors, cursor = list[str](), list[str](), None
    url = "/api/users/me/questions"
    while not seen or cursor:
        params = {"search": "marmot", "limit": "100"} | ({"cursor": cursor} if cursor else {})
        page = person.http.get(url, params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        cursors.append(cursor)
    newest_first = ids[::-1]
    assert seen == [ids[80], *(id_ for id_ in newest_first if id_ != ids[80])]
    assert [cursor and cursor.count(".") for cursor in cursors] == [2, 2, 2, 2, 2, None]
    for wrong in (
        {"cursor": cursors[0]},
        {"search": "marmot", "cursor": f"{cursors[0]}.{uuid4()}"},
        {"search": "marmot", "cursor": ids[3]},
    ):
        assert person.http.get(url, params=wrong).status_code == 422, wrong
