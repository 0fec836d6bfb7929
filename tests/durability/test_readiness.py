"""/readyz says what keeps a PostgreSQL from working, and /healthz that the process lives."""

from __future__ import annotations

from pathlib import Path

import psycopg

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.roles import role_on
from tests.support.servers import customized, serving
from tests.support.waiting import eventually

IMPATIENCE = """
from askcli.services import readiness
from askcli.store.database import reopening, writing

readiness.DEADLINE_SECONDS, writing.CHECK_SECONDS, reopening.LEAST_SECONDS = 1.0, 0.0, 0.0
"""


def test_a_database_that_answers_and_cannot_work_is_told_and_got_over(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    url = new_database("postgres")
    server = serving(tmp_path, fake, url, **customized(tmp_path, IMPATIENCE))
    person = new_person(server)
    with psycopg.connect(url, autocommit=True) as other:
        assert person.http.get("/readyz").status_code == 200
        with other.transaction():
            other.execute("LOCK TABLE limits IN ACCESS EXCLUSIVE MODE")
            # On a busy machine its second has passed before the lock's time has.
            eventually(lambda: "is locked by another transaction" in refused(person))
        other.execute("ALTER TABLE limits RENAME TO limits_gone")
        assert "answers, and refuses work" in refused(person)
        other.execute("ALTER TABLE limits_gone RENAME TO limits")
        assert person.http.get("/readyz").status_code == 200
        only_read(other, is_on=True)
        assert "takes no changes" in eventually(lambda: refused(person))
        answer = person.ask("now?")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert "takes no changes: it is a standby, or set" in answer.json()["detail"]
        other.execute(SET.format("RESET default_transaction_read_only").encode())
        assert eventually(lambda: person.ask("and now?").status_code == 201)  # no restart
        assert eventually(lambda: person.http.get("/readyz").status_code == 200)
    assert server.stop() == 0


def test_a_right_that_is_missing_on_one_table_is_told(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    with role_on(new_database("postgres")) as role:
        server = serving(tmp_path, fake, role.url)
        person = new_person(server)
        role.owner_runs("REVOKE INSERT ON questions FROM {role}")
        answer = person.ask("may you?")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        told = "a right: the server's log names the table; nothing was changed."
        assert told in answer.json()["detail"]
        role.owner_runs("GRANT INSERT ON questions TO {role}")
        assert person.ask("and now?").status_code == 201
        assert server.stop() == 0
    assert "permission denied for table questions" in "".join(server.log)
    assert not server.first_error()


SET = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {}', current_database()); END $$"


def only_read(other: psycopg.Connection, *, is_on: bool) -> None:
    """Let the database take no changes of connections that are made from now on, by all."""
    other.execute(SET.format(f"SET default_transaction_read_only = {is_on}").encode())
    other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def refused(person: Person) -> str:
    """What /readyz says while it is 503; the process lives."""
    assert person.http.get("/healthz").status_code == 200
    answer = person.http.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    return str(answer.json()["detail"])
