"""The search index follows what is asked, deleted and migrated, however long."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import column, delete, insert, table, text

from askcli.search_terms import terms
from askcli.services.clock import new_id, now
from askcli.store import migrations, search
from askcli.store.database import Database
from askcli.store.queries import listing, search_pages
from askcli.store.search.found import Conditions, Part
from askcli.store.tables import questions
from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person, new_user
from tests.support.processes import ServerProcess
from tests.support.search_cases import copy_question, search_ids, store_question


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
        assert len(search_ids(alice, word)) == 1
        assert search_ids(alice, "pelican") == []
        held.release()
        assert "event: done" in "".join(stream.iter_text())
    (question_id,) = search_ids(alice, "pelican")
    assert search_ids(alice, f"{word} pelican") == [question_id]
    assert alice.http.delete(f"/api/questions/{question_id}").status_code == 204
    assert search_ids(alice, "pelican") == []
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
        question_id = store_question(connection, alice.id, long, "短い" * 100_000 + long)
    assert search_ids(alice, last) == [question_id]
    assert search_ids(alice, "word1 word34999") == [question_id]


def test_what_was_stored_before_the_index_is_found(new_database: NewDatabase) -> None:
    from alembic import command

    for kind in ("sqlite", "postgres"):
        database = Database(new_database(kind, migrated=False))
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
            columns = [
                column(name, questions.c.get(name, questions.c.created_at).type) for name in row
            ]
            connection.execute(insert(table("questions", *columns)).values(**row))
        assert migrations.upgrade(database) == ("0002", migrations.HEAD)
        with database.transaction() as connection:
            page = search_pages.search_page(
                connection, user_id, terms("quagga"), listing.Filter(limit=5)
            )
            assert page
            assert [r["id"] for r in page.rows] == [str(row["id"])]
            command.downgrade(migrations.config(connection), "0002")
        database.close()


def test_an_index_of_an_older_version_is_made_anew(new_database: NewDatabase) -> None:
    """And with it what an older version needs to find the same questions again."""
    from alembic import command

    database = Database(new_database("sqlite"))
    with database.transaction() as connection:
        people = [new_user(connection, f"{name}@example.org") for name in "ab"]
        ids = [store_question(connection, str(person), "a quagga", "") for person in people]
        command.downgrade(migrations.config(connection), "0007")
        match = text("SELECT count(*) FROM question_index WHERE question_index MATCH :query")
        query = f"owner : {people[0].hex} AND quagga"
        assert connection.execute(match, {"query": query}).scalar() == 1
        connection.execute(delete(questions).where(questions.c.id == UUID(ids.pop())))
        command.upgrade(migrations.config(connection), "head")
        pages = [
            search_pages.search_page(connection, person, terms("quag*"), listing.Filter(limit=5))
            for person in people
        ]
        assert [str(row["id"]) for page in pages if page for row in page.rows] == ids
        check = "INSERT INTO question_index (question_index, rank) VALUES ('integrity-check', 1)"
        connection.exec_driver_sql(check)
    database.close()


def test_an_older_index_of_postgresql_gets_words_at_once(new_database: NewDatabase) -> None:
    from alembic import command

    database = Database(new_database("postgres"))
    options = "SELECT reloptions FROM pg_class WHERE relname = 'ix_question_words_words'"
    with database.transaction() as connection:
        command.downgrade(migrations.config(connection), "0009")
        assert connection.exec_driver_sql(options).scalar() is None
        command.upgrade(migrations.config(connection), "head")
        assert connection.exec_driver_sql(options).scalar() == ["fastupdate=off"]
    database.close()


def test_the_vocabulary_of_an_older_version_goes_and_comes_back(new_database: NewDatabase) -> None:
    from alembic import command

    database = Database(new_database("sqlite"))
    vocabulary = "SELECT name FROM sqlite_master WHERE name LIKE '%vocabulary%'"
    with database.transaction() as connection:
        person = new_user(connection, "a@example.org")
        question_id = store_question(connection, str(person), "a quagga", "")
        assert connection.exec_driver_sql(vocabulary).all() == []
        command.downgrade(migrations.config(connection), "0015")
        words = connection.exec_driver_sql("SELECT DISTINCT term FROM question_vocabulary")
        assert words.scalars().all() == ["1@", "1@a", "1@quagga"]
        command.upgrade(migrations.config(connection), "head")
        assert connection.exec_driver_sql(vocabulary).all() == []
        page = search_pages.search_page(connection, person, terms("quag*"), listing.Filter(limit=5))
        assert page
        assert [row["id"] for row in page.rows] == [question_id]
    database.close()


def test_an_older_index_of_postgresql_gets_the_words_of_each_user_apart(
    new_database: NewDatabase,
) -> None:
    from alembic import command

    database = Database(new_database("postgres"))
    definition = "SELECT pg_get_indexdef('ix_question_words_words'::regclass)"
    keys = "SELECT count(*) FROM pg_proc WHERE proname = 'question_keys'"
    with database.transaction() as connection:
        person = new_user(connection, "a@example.org")
        copy_question(connection, person, "a quagga", 1)
        copy_question(connection, person, "a zebra", 600)
        command.downgrade(migrations.config(connection), "0016")
        assert "gin (words)" in str(connection.exec_driver_sql(definition).scalar())
        assert connection.exec_driver_sql(keys).scalar() == 0
        command.upgrade(migrations.config(connection), "head")
        assert "gin (question_keys(words))" in str(connection.exec_driver_sql(definition).scalar())
        found = search.find(connection, person, terms("quagga"), Conditions([], {}), Part(5))
        assert len(found.matches) == 1
    database.close()
