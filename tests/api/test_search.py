"""Search: one table of cases in many scripts holds on both databases; ranked, paged, private."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from askcli.services.clock import new_id
from tests.support.databases import database_of
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.search_cases import CASES, STORED, search_ids, store_question
from tests.support.soak import SOAK, report, seeded


@pytest.fixture(scope="module")
def searcher(server: ServerProcess, people: NewPerson) -> tuple[Person, dict[str, str]]:
    """A user who has asked all that, and the ids; and another one who has asked it too."""
    ids: dict[str, str] = {}
    person: Person = people(server)
    for asker in (people(server), person):
        with database_of(server) as connection:
            for name, (question, answer) in STORED.items():
                ids[name] = store_question(connection, asker.id, question, answer)
    return person, ids


def test_the_table_of_cases(searcher: tuple[Person, dict[str, str]]) -> None:
    person, ids = searcher
    names = {question_id: name for name, question_id in ids.items()}
    results = [(query, " ".join(names[i] for i in search_ids(person, query))) for query, _ in CASES]
    assert results == CASES


def test_the_best_comes_first_and_of_equals_the_newest(
    server: ServerProcess, people: NewPerson
) -> None:
    person = people(server)
    with database_of(server) as connection:
        texts = {
            "often": ("a quokka is a quokka is a quokka", "a quokka"),
            "older": ("what is a quokka now", "it is small"),
            "newer": ("what is a quokka now", "it is small"),
            "in the answer": ("something else entirely", "the quokka is small"),
        }
        ids = {
            store_question(connection, person.id, *results): name for name, results in texts.items()
        }
        for number in range(20):  # so that the word is rare enough to say something
            store_question(connection, person.id, f"filler {number}", "no such animal")
    ranked = [ids[question_id] for question_id in search_ids(person, "quokka")]
    assert ranked == ["often", "newer", "older", "in the answer"]
    assert search_ids(person, "quokka", until="2020-01-01T00:00:00Z") == []
    assert len(search_ids(person, "quokka", since="2020-01-01T00:00:00Z")) == 4


def test_wide_searches_of_many_users_leave_room_for_others(
    server: ServerProcess, people: NewPerson
) -> None:
    random, searchers = seeded(), [people(server) for _ in range(12 if SOAK else 2)]
    words = [f"{random.randrange(16**4):04x}" for _ in range(5000 if SOAK else 500)]
    with database_of(server) as connection:
        for person in searchers:
            for _ in range(300 if SOAK else 10):
                text = " ".join(random.choices(words, k=200))
                store_question(connection, person.id, text, text)

    def search(person: Person) -> int:
        begun = random.sample("0123456789abcdef", 4)
        params = {"search": " ".join(f"{digit}{digit}*" for digit in begun)}
        answer = person.http.get("/api/users/me/questions", params=params)
        assert answer.status_code == 200 or answer.headers["retry-after"]
        return answer.status_code

    other = people(server)
    with ThreadPoolExecutor(8 * len(searchers)) as pool:
        searching = [pool.submit(search, person) for person in searchers * (40 if SOAK else 8)]
        asked = [other.ask("is there room?").status_code for _ in range(5)]
    statuses = [future.result() for future in searching]
    report(f"{len(statuses)} wide searches at once: {statuses.count(200)} answered")
    assert set(statuses) <= {200, 503}
    assert asked == [201] * 5


def test_a_search_has_pages(server: ServerProcess, people: NewPerson) -> None:
    person = people(server)
    with database_of(server) as connection:
        ids = {store_question(connection, person.id, f"page me {n % 3}", "") for n in range(25)}
    url, seen, cursor = f"/api/users/{person.id}/questions", [], None
    while True:
        params = {"search": "page me", "limit": "7"} | ({"cursor": cursor} if cursor else {})
        page = person.http.get(url, params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 25
    assert set(seen) == ids
    response = person.http.get(url, params={"search": "page", "cursor": str(new_id())})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_all_of_the_users_questions_are_found_by_how_their_ids_begin(
    searcher: tuple[Person, dict[str, str]],
) -> None:
    person, ids = searcher
    url = f"/api/users/{person.id}/questions"

    def beginning(prefix: str) -> set[str]:
        params = {"id_prefix": prefix, "limit": "100"}
        return {item["id"] for item in person.http.get(url, params=params).json()["items"]}

    whole = ids["thai"]
    assert beginning(whole) == beginning(whole.replace("-", "").upper()) == {whole}
    assert beginning(whole[:35]) <= set(ids.values())
    assert whole in beginning(whole[:9])
    assert beginning("ffffff") == set()
    assert person.http.get(url, params={"id_prefix": "xyz"}).status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "a " + "-b " * 160,
        "-b " * 166,
        "a " * 250,
        "a* " * 160,
        '"' + "a " * 240 + '"',
        '"" ' * 160,
        "東" * 500,
        "-" * 500,
        "*" * 500,
        "\ud7ff\u200d\ufe0f" * 160,
    ],
)
def test_no_query_is_too_much(searcher: tuple[Person, dict[str, str]], query: str) -> None:
    person, _ = searcher
    answer = person.http.get("/api/users/me/questions", params={"search": query})
    assert answer.status_code in (200, 422), answer.text


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (" ".join(f"w{number}" for number in range(101)), "at most 100 words"),
        ("東" * 101, "at most 100 words"),
        ("ab* cd* ef* gh* ij*", "at most 4 beginnings"),
        ("a*", "2 letters or more before each *"),
        ("no such -x*", "2 letters or more before each *"),
        ("foo-b*", "2 letters or more before each *"),
    ],
)
def test_a_search_too_wide_is_refused(
    searcher: tuple[Person, dict[str, str]], query: str, message: str
) -> None:
    person, _ = searcher
    answer = person.http.get("/api/users/me/questions", params={"search": query})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert message in answer.json()["detail"]


def test_one_character_is_enough_where_it_is_a_word(
    searcher: tuple[Person, dict[str, str]],
) -> None:
    person, ids = searcher
    assert search_ids(person, "首* 都* 北* 京* 是*") == [ids["chinese"]]


def test_nobody_finds_what_is_anothers(
    server: ServerProcess, searcher: tuple[Person, dict[str, str]], new_person: NewPerson
) -> None:
    person, ids = searcher
    stranger = new_person(server)
    assert search_ids(stranger, "commit") == []
    # Not even with the words of the index itself, put into a question of one's own.
    stranger.ask(f"commit @{UUID(person.id).hex} {UUID(person.id).hex}")
    assert len(search_ids(stranger, "commit")) == 1
    assert set(search_ids(stranger, UUID(person.id).hex)).isdisjoint(ids.values())
    assert search_ids(person, "commit") == [ids["english"]]
