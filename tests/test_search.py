"""Search: one table of cases in many scripts holds on both databases; ranked, paged, private."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from askcli.search_terms import matches, terms
from askcli.services.clock import new_id, now
from askcli.store import questions, search
from tests.conftest import Person, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess

pytestmark = pytest.mark.xdist_group("search")

# What is stored: a name for it, the question, the answer.
STORED = {
    "english": ("How do I undo a commit in Git?", "Use `git reset --soft HEAD~1`. Don't panic."),
    "accents": ("Où est le café Zoë?", "Le résumé est prêt."),
    "german": ("Wie heißt die STRASSE?", "Sie heißt Überseestraße."),
    "turkish": ("İstanbul nerede?", "Türkiye'de."),
    "greek": ("Πού είναι η Αθήνα;", "Στην Ελλάδα."),
    "russian": ("Где растёт ёлка?", "В лесу, около Москвы."),
    "arabic": ("ما هي عاصمة مِصْر؟", "القاهرة"),
    "hebrew": ("מה הבירה של ישראל?", "שָׁלוֹם, ירושלים."),
    "hindi": ("भारत की राजधानी क्या है?", "नई दिल्ली"),
    "thai": ("เมืองหลวงของประเทศไทย", "กรุงเทพมหานคร"),
    "chinese": ("中国的首都是哪里？", "北京是中国的首都。"),
    "japanese": ("東京都庁はどこですか", "新宿区にあります。Python入門。"),
    "korean": ("학교에서 무엇을 배워요?", "수학을 배워요."),
    "emoji": ("What does 👩‍👩‍👧 mean? ❤️", "A family 🎉."),
    "code": ("Why does foo_bar(x) fail?", "TypeError: v1.2.3 needs C++ at 192.168.10.1"),
    "forms": ("ＡＢＣ and ﬁle and x²", "①"),
    "nothing": ("!!! ???", "..."),
}

# What is searched for, and what is found.
CASES = [
    ("commit", "english"),
    ("COMMIT git", "english"),
    ("git commit reset", "english"),  # one word in the question, another in the answer
    ("git nothing-of-the-kind", ""),
    ('"undo a commit"', "english"),
    ('"commit undo"', ""),
    ("don't", "english"),
    ("pan*", "english"),
    ("pan", ""),
    ("the* -git", ""),
    ("a -commit", "emoji"),
    ("cafe", "accents"),
    ("CAFÉ", "accents"),
    ("cafe\u0301", "accents"),
    ("zoe resume", "accents"),
    ("strasse", "german"),
    ("straße", "german"),
    ("uberseestrasse", "german"),
    ("istanbul", "turkish"),
    ("αθηνα", "greek"),
    ("ΕΛΛΆΔΑ", "greek"),
    ("елка", "russian"),
    ("Ёлка растет", "russian"),
    ("москв*", "russian"),
    ("مصر", "arabic"),
    ("القاهرة", "arabic"),
    ("שלום", "hebrew"),
    ("राजधानी", "hindi"),
    ("दिल्ली", "hindi"),
    ("ประเทศ", "thai"),
    ("กรุงเทพ", "thai"),
    ("首都", "chinese"),
    ("北京", "chinese"),
    ("京北", ""),
    ("都首", ""),
    ("東京都", "japanese"),
    ("東京", "japanese"),
    ("python", "japanese"),
    ("入門", "japanese"),
    ("학교", "korean"),
    ("배워", "korean"),
    ("👩‍👩‍👧", "emoji"),
    ("🎉", "emoji"),
    ("❤", "emoji"),
    ("foo_bar", "code"),
    ("bar", "code"),
    ("bar_foo", ""),
    ("192.168.10.1", "code"),
    ("192.168.1", ""),
    ("v1.2.3", "code"),
    ("abc", "forms"),
    ("file", "forms"),
    ("x2", "forms"),
    ("???", ""),
    ('"', ""),
    ("'; DROP TABLE questions; --", ""),
    ('" OR owner : *', ""),
    ("owner", ""),
    ("a & b | !c <-> d:*", ""),
    ("NEAR(foo bar)", ""),
    ("{question answer} : foo", ""),
    ("\x00git\x00", "english"),
]


@pytest.fixture(scope="module")
def searcher(server: ServerProcess, people: Any) -> tuple[Person, dict[str, str]]:
    """A user who has asked all that, and the ids; and another one who has asked it too."""
    ids: dict[str, str] = {}
    person: Person = people(server)
    for asker in (people(server), person):
        with database_of(server) as connection:
            for name, (question, answer) in STORED.items():
                ids[name] = store(connection, asker.id, question, answer)
    return person, ids


def store(connection: Any, user_id: str, question: str, answer: str) -> str:
    """Put an answered question into the database, as the server does."""
    row = {
        "id": new_id(),
        "user_id": UUID(user_id),
        "conversation_id": new_id(),
        "question": question,
        "answer": answer,
        "status": "answered",
        "stop_reason": "end_turn",
        "model": "claude-sonnet-5-5",
        "created_at": now(),
        "answered_at": now(),
        "heartbeat_at": now(),
        "request_hash": "",
    }
    questions.add(connection, row)
    search.put(connection, row["user_id"], row["id"], question, answer)
    return str(row["id"])


def found(person: Person, query: str, **more: Any) -> list[str]:
    """The ids of what a search finds, in its order."""
    answer = person.http.get(f"/api/users/{person.id}/questions", params={"search": query, **more})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_the_table_of_cases(searcher: tuple[Person, dict[str, str]]) -> None:
    person, ids = searcher
    names = {question_id: name for name, question_id in ids.items()}
    told = [(query, " ".join(names[i] for i in found(person, query))) for query, _ in CASES]
    assert told == CASES


@pytest.mark.parametrize(("query", "name"), [case for case in CASES if case[1]])
def test_what_is_found_can_be_marked(query: str, name: str) -> None:
    wanted = terms(query)
    whole = "\n".join(STORED[name])
    marked = [whole[start:end] for start, end in matches(whole, wanted)]
    assert marked
    assert all(matches(part, wanted) for part in marked)


def test_the_best_comes_first_and_of_equals_the_newest(server: ServerProcess, people: Any) -> None:
    person = people(server)
    with database_of(server) as connection:
        texts = {
            "in the answer": ("something else entirely", "the quokka is small"),
            "older": ("what is a quokka now", "it is small"),
            "newer": ("what is a quokka now", "it is small"),
            "often": ("quokka quokka quokka now", "quokka quokka"),
        }
        ids = {store(connection, person.id, *told): name for name, told in texts.items()}
        for number in range(20):  # so that the word is rare enough to say something
            store(connection, person.id, f"filler {number}", "no such animal")
    ranked = [ids[question_id] for question_id in found(person, "quokka")]
    assert ranked == ["often", "newer", "older", "in the answer"]
    assert found(person, "quokka", until="2020-01-01T00:00:00Z") == []
    assert len(found(person, "quokka", since="2020-01-01T00:00:00Z")) == 4


def test_the_order_says_nothing_about_what_others_have_asked(
    server: ServerProcess, people: Any
) -> None:
    """Two decoys of one's own, of which a rank by rarity would put the rarer word's first."""
    mine, theirs = people(server), people(server)
    one, other = f"one{uuid4().hex}", f"other{uuid4().hex}"
    with database_of(server) as connection:
        for number in range(8):
            store(connection, mine.id, f"decoy {number}", "")
        store(connection, mine.id, f"{one} {one} {other}", "")
        store(connection, mine.id, f"{one} {other} {other}", "")

    def order() -> list[str]:
        return found(mine, f"{one} {other}")

    before = order()
    for word in (other, one):
        with database_of(server) as connection:
            for _ in range(50):
                store(connection, theirs.id, f"{word} {word} {word}", word)
        assert order() == before


def test_a_search_has_pages(server: ServerProcess, people: Any) -> None:
    person = people(server)
    with database_of(server) as connection:
        ids = {store(connection, person.id, f"page me {n % 3}", "") for n in range(25)}
    url, seen, cursor = f"/api/users/{person.id}/questions", [], None
    while True:
        params = {"search": "page me", "limit": 7} | ({"cursor": cursor} if cursor else {})
        page = person.http.get(url, params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 25
    assert set(seen) == ids
    gone = person.http.get(url, params={"search": "page", "cursor": str(new_id())})
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


def test_nobody_finds_what_is_anothers(
    server: ServerProcess, searcher: tuple[Person, dict[str, str]], new_person: Any
) -> None:
    person, ids = searcher
    stranger = new_person(server)
    assert found(stranger, "commit") == []
    # Not even with the words of the index itself, put into a question of one's own.
    stranger.ask(f"commit @{UUID(person.id).hex} {UUID(person.id).hex}")
    assert len(found(stranger, "commit")) == 1
    assert set(found(stranger, UUID(person.id).hex)).isdisjoint(ids.values())
    assert found(person, "commit") == [ids["english"]]


def test_what_is_asked_is_found_at_once_and_gone_when_it_is_deleted(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    word = f"w{uuid4().hex}"
    held = fake.on(word, "half", " and the pelican", hold_after=1)
    with alice.http.stream(
        "POST",
        "/api/questions",
        json={"question": word},
        headers={"accept": "text/event-stream"},
    ) as stream:
        assert held.reached.wait(30)
        assert len(found(alice, word)) == 1
        assert found(alice, "pelican") == []
        held.release()
        assert "event: done" in "".join(stream.iter_text())
    (question_id,) = found(alice, "pelican")
    assert found(alice, f"{word} pelican") == [question_id]
    assert alice.http.delete(f"/api/questions/{question_id}").status_code == 204
    assert found(alice, "pelican") == []
    with database_of(server) as connection:
        left = connection.execute(
            text("SELECT count(*) FROM question_words WHERE question_id = :id"),
            {"id": UUID(question_id).hex},
        )
        assert left.scalar() == 0


def test_a_text_as_long_as_can_be_is_found(server: ServerProcess, alice: Person) -> None:
    last = f"zz{uuid4().hex}"
    long = " ".join(f"word{number}" for number in range(35_000)) + " " + last
    with database_of(server) as connection:
        question_id = store(connection, alice.id, long, "短い" * 100_000 + long)
    assert found(alice, last) == [question_id]
    assert found(alice, "word1 word34999") == [question_id]


def test_all_of_the_users_questions_are_found_by_how_their_ids_begin(
    searcher: tuple[Person, dict[str, str]],
) -> None:
    person, ids = searcher
    url = f"/api/users/{person.id}/questions"

    def beginning(prefix: str) -> set[str]:
        params = {"id_prefix": prefix, "limit": 100}
        return {item["id"] for item in person.http.get(url, params=params).json()["items"]}

    whole = ids["thai"]
    assert beginning(whole) == beginning(whole.replace("-", "").upper()) == {whole}
    assert beginning(whole[:35]) <= set(ids.values())
    assert whole in beginning(whole[:9])
    assert beginning("ffffff") == set()
    assert person.http.get(url, params={"id_prefix": "xyz"}).status_code == 422


def test_what_was_stored_before_the_index_is_found(new_database: Any) -> None:
    from alembic import command

    from askcli.store import listing, migrations, tables
    from askcli.store.database import Database

    for kind in ("sqlite", "postgres"):
        database = Database(new_database(kind))
        with database.transaction() as connection:
            command.upgrade(migrations.config(connection), "0002")
            user_id = new_id()
            connection.execute(
                text(
                    "INSERT INTO users (id, name, email, email_key, password_hash, created_at)"
                    " VALUES (:id, 'n', 'e', 'e', :hash, '2026-01-01 00:00:00')"
                ),
                {"id": user_id.hex, "hash": "x"},
            )
            row = {
                "id": new_id(), "user_id": user_id, "conversation_id": new_id(),
                "question": "an old quagga", "answer": "", "status": "answered", "model": "m",
                "created_at": now(), "heartbeat_at": now(), "request_hash": "",
            }  # fmt: skip
            connection.execute(tables.questions.insert().values(**row))
        assert migrations.upgrade(database) == ("0002", migrations.HEAD)
        with database.transaction() as connection:
            rows = listing.search_page(
                connection, user_id, terms("quagga"), listing.Filter(limit=5)
            )
            assert [r["id"] for r in rows or ()] == [row["id"]]
            command.downgrade(migrations.config(connection), "0002")
        database.close()


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
    assert isinstance(found(person, query), list)
