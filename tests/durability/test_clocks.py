"""Replicas whose clocks differ, on one PostgreSQL: what cannot be undone goes by its clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from askcli.services.clock import new_id
from askcli.store.database import Database
from askcli.store.tables import audit, sessions
from tests.support import plain_http
from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.limits import login
from tests.support.people import NewPerson, add_user
from tests.support.processes import ServerProcess
from tests.support.replicas import NewReplica, replicas
from tests.support.secrets import PASSWORD
from tests.support.waiting import eventually

DAY = 86_400
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)

# Everything that tells a server the time.
CLOCK = """
import time
from datetime import datetime

import jwt.api_jwt
from askcli.services import clock

seconds, nanoseconds = time.time, time.time_ns

class Datetime(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

time.time = lambda: seconds() + AHEAD
time.time_ns = lambda: nanoseconds() + AHEAD * 10**9
clock.datetime = jwt.api_jwt.datetime = Datetime
"""


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database("postgres")


@pytest.fixture
def new_replica(url: str, fake: FakeAnthropic, tmp_path: Path) -> Iterator[NewReplica]:
    with replicas(url, fake, tmp_path) as start:
        yield start


def ahead(seconds: int) -> str:
    """The code of a replica whose clock is ahead."""
    return f"AHEAD = {seconds}\n{CLOCK}"


@pytest.mark.parametrize("seconds", [60, -60, 90 * DAY])
def test_a_repeated_refresh_ends_no_session_where_a_clock_is_wrong(
    new_replica: NewReplica, new_person: NewPerson, seconds: int
) -> None:
    """As a proxy repeats it, which has sent it to a replica that did not reply in time."""
    right, wrong = new_replica(), new_replica(ahead(seconds))
    person = new_person(right)
    old = {"refresh_token": person.tokens["refresh_token"]}
    with person.at(wrong) as elsewhere:
        for first, second in ((elsewhere, person.http), (person.http, elsewhere)):
            tokens = [http.post("/api/auth/refresh", json=old).json() for http in (first, second)]
            new = {"refresh_token": tokens[0].get("refresh_token")}
            assert new["refresh_token"] == tokens[1].get("refresh_token"), tokens
            old = new
    with database_of(right) as connection:
        query = select(sessions.c.ended_at, sessions.c.expires_at)
        query = query.where(sessions.c.user_id == UUID(person.id))
        ended_at, expires_at = connection.execute(query).one()
    life = expires_at - datetime.now(UTC)
    assert ended_at is None
    assert timedelta(days=29) < life <= timedelta(days=30)


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_a_limit_holds_across_replicas_whose_clocks_differ(
    new_replica: NewReplica, seconds: int
) -> None:
    limit = {"ASKCLI_LOGIN_LIMIT": "4/3600"}
    servers = new_replica(**limit), new_replica(ahead(seconds), **limit)
    email, statuses = add_user(servers[0]), []
    for number in range(6):
        with plain_http.client(servers[number % 2].url) as http:
            statuses.append(login(http, email, f"guess {number} at it").status_code)
    assert statuses == [401] * 4 + [429] * 2


@pytest.mark.parametrize("seconds", [36 * 3600, -36 * 3600])
def test_what_a_replica_whose_clock_is_wrong_counts_locks_nobody_out(
    new_replica: NewReplica, new_person: NewPerson, fake: FakeAnthropic, seconds: int
) -> None:
    """Neither of the others nor of itself, once the provider has refused a question."""
    servers = new_replica(), new_replica(ahead(seconds))
    fake.on("refused", status=400)
    email, statuses = add_user(servers[0]), []
    for number in (1, 0, 1, 0):
        with plain_http.client(servers[number].url) as http:
            tokens = login(http, email, PASSWORD).json()
            header = {"x-access-token": tokens["access_token"]}
            for question in ("to be refused", "hello"):
                asked = http.post("/api/questions", json={"question": question}, headers=header)
                statuses.append(asked.status_code)
    assert statuses == [502, 201] * 4


def start_and_clean(start: Callable[[], ServerProcess], url: str) -> ServerProcess:
    """Start a server, and wait until it has deleted what has expired: an entry of long ago last."""
    old = {"id": new_id(), "at": LONG_AGO, "event": "login"}
    database = Database(url)
    with database.transaction() as connection:
        connection.execute(insert(audit).values(old))
    database.close()
    server = start()
    query = select(audit.c.id).where(audit.c.id == old["id"])

    def is_deleted() -> bool:
        with database_of(server) as connection:
            return connection.execute(query).first() is None

    eventually(is_deleted)
    return server


def test_a_clock_that_is_ahead_deletes_nothing_before_its_time(
    url: str, new_replica: NewReplica, new_person: NewPerson
) -> None:
    right = start_and_clean(new_replica, url)
    person = new_person(right)
    assert person.http.post("/api/auth/logout").status_code == 204
    start_and_clean(lambda: new_replica(ahead(1000 * DAY)), url)
    with database_of(right) as connection:
        events = connection.scalars(select(audit.c.event).order_by(audit.c.id)).all()
        assert connection.execute(select(sessions.c.id)).first()
    assert events == ["login", "logout"]
