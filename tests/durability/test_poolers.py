"""PostgreSQL's notifications do not arrive, as through a pooler: replicas poll for answers."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.pooler import is_polling, pgbouncer
from tests.support.processes import ServerProcess
from tests.support.replicas import followed, listening, replicas
from tests.support.soak import SOAK
from tests.support.waiting import eventually

# As through a pooler that gives a connection to another client after each transaction.
NO_NOTIFICATIONS = """
import asyncio
import psycopg
from askcli.store import listener

async def notifies(connection):
    await asyncio.Event().wait()
    yield

psycopg.AsyncConnection.notifies = notifies
listener.TEST_SECONDS = 0.2
"""


@pytest.mark.parametrize("which", ["owner", "follower", "both"])
def test_where_no_notifications_arrive_there_is_polling(
    new_database: NewDatabase,
    new_person: NewPerson,
    fake: FakeAnthropic,
    tmp_path: Path,
    which: str,
) -> None:
    codes = [NO_NOTIFICATIONS if which in (name, "both") else "" for name in ("owner", "follower")]
    with replicas(new_database("postgres"), fake, tmp_path) as new_replica:
        servers = [new_replica(code) for code in codes]
        check_that_answers_are_followed(servers, new_person, fake)
        for server, code in zip(servers, codes, strict=True):
            listening(server, are=not code)
            assert sum(map(is_polling, server.log)) == bool(code)


def check_that_answers_are_followed(
    servers: list[ServerProcess], new_person: NewPerson, fake: FakeAnthropic
) -> None:
    """The text, a cancel and a logout reach followers elsewhere."""
    reply = fake.on(marker := uuid4().hex, *["word "] * 20, " end", hold_after=20, pause=0.05)
    person = new_person(servers[0])
    with person.at(servers[1]) as http:
        with followed(person, servers[1], marker) as (own, other):
            assert other.text(100) == "word " * 20
            path = f"/api/questions/{own.question_id}/cancel"
            assert http.post(path).json()["status"] == "cancelled"
            assert own.rest()[1] == other.rest()[1] == "cancelled"
        with followed(person, servers[1], marker) as (_, other):
            assert other.text(100) == "word " * 20
            assert person.http.post("/api/auth/logout").status_code == 204
            assert other.rest() == ("", "session_ended")
    reply.release()


def test_replicas_work_through_a_real_pooler_of_transactions(
    new_database: NewDatabase, new_person: NewPerson, fake: FakeAnthropic, tmp_path: Path
) -> None:
    with (
        pgbouncer(new_database("postgres")) as url,
        replicas(url, fake, tmp_path) as new_replica,
    ):
        servers = [new_replica(), new_replica()]
        eventually(lambda: all(any(map(is_polling, server.log)) for server in servers))
        for _ in range(20 if SOAK else 2):
            check_that_answers_are_followed(servers, new_person, fake)
