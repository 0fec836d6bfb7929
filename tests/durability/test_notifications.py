"""Replicas on one PostgreSQL wake each other by its notifications."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.replicas import NewReplica, followed, listening, replicas
from tests.support.servers import serving
from tests.support.waiting import eventually

# Nothing that happens in time happens within a test: what arrives was notified.
NO_POLLING = """
from askcli.services.auth import watches
from askcli.services.runs.elsewhere import remote
from askcli.services.runs.storage import answer_log

watches.WATCH_SECONDS = 3600
answer_log.TICK_SECONDS = remote.POLL_SECONDS = remote.FOLLOW_SECONDS = 3600
"""

# A request's caller is checked, and is watched only after the next notification was dealt with.
LATE_WATCH = """
import asyncio
from askcli.services.auth.authentication import Authentication
from askcli.services.auth.watches import Watches

claim, update_due, is_updated = Authentication.claim, Watches._update_due, asyncio.Event()

async def late_claim(self, token):
    caller = await claim(self, token)
    is_updated.clear()
    await is_updated.wait()
    return caller

async def noted_update(self):
    await update_due(self)
    is_updated.set()

Authentication.claim, Watches._update_due = late_claim, noted_update
"""


@pytest.fixture
def new_replica(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> Iterator[NewReplica]:
    """Starts servers on one PostgreSQL, each with code that it runs first."""
    with replicas(new_database("postgres"), fake, tmp_path) as start:
        yield start


@pytest.fixture
def two(new_replica: NewReplica) -> tuple[ServerProcess, ServerProcess]:
    """Two replicas that are notified, and do not poll."""
    patience = {"ASKCLI_ORPHAN_SECONDS": "3600"}  # there are no signs of life either
    servers = new_replica(NO_POLLING, **patience), new_replica(NO_POLLING, **patience)
    listening(*servers)
    return servers


def test_text_and_end_arrive_elsewhere_without_polling(
    two: tuple[ServerProcess, ServerProcess], new_person: NewPerson, fake: FakeAnthropic
) -> None:
    reply = fake.on(marker := uuid4().hex, *["word "] * 20, " end", hold_after=20, pause=0.05)
    with followed(new_person(two[0]), two[1], marker) as (own, other):
        assert other.text(100) == "word " * 20
        assert other.deltas > 3  # as it comes, and not all at once
        reply.release()
        assert (other.rest(), own.rest()) == ((" end", "done"), ("word " * 20 + " end", "done"))


@pytest.mark.parametrize("streamed", [True, False])
def test_a_logout_elsewhere_ends_what_is_under_way(
    two: tuple[ServerProcess, ServerProcess],
    new_person: NewPerson,
    fake: FakeAnthropic,
    streamed: bool,
) -> None:
    reply = fake.on(marker := uuid4().hex, "so far", " and on", hold_after=1)
    person = new_person(two[0])
    with person.at(two[1]) as http, ExitStack() as stack:
        if streamed:
            _, other = stack.enter_context(followed(person, two[1], marker))
            assert other.text(6) == "so far"
            assert http.post("/api/auth/logout").status_code == 204
            assert other.rest() == ("", "session_ended")
        else:
            waiting = stack.enter_context(ThreadPoolExecutor(1)).submit(person.ask, marker)
            assert reply.reached.wait(30)
            assert http.post("/api/auth/logout").status_code == 204
            assert waiting.result(30).json()["code"] == "session_ended"
    reply.release()


def test_a_token_that_is_revoked_before_its_request_is_watched_ends_it(
    new_replica: NewReplica, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    """By a process that did not know the token, and checks it at once."""
    first, late = new_replica(NO_POLLING), new_replica(NO_POLLING + LATE_WATCH)
    listening(first, late)
    reply = fake.on(marker := uuid4().hex, "so far", " and on", hold_after=1)
    person = new_person(first)
    token = person.http.post("/api/tokens", json={"name": "ci", "scopes": ["ask"]}).json()
    with person.at(late) as http, ThreadPoolExecutor(1) as pool:
        http.headers["x-access-token"] = token["token"]
        waiting = pool.submit(http.post, "/api/questions", json={"question": marker})
        eventually(lambda: person.http.get("/api/tokens").json()["items"][0]["last_used_at"])
        assert person.http.delete(f"/api/tokens/{token['id']}").status_code == 204
        assert waiting.result(30).json()["code"] in ("session_ended", "invalid_token")
    reply.release()


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_a_cancel_or_deletion_elsewhere_is_noticed_at_once(
    two: tuple[ServerProcess, ServerProcess], new_person: NewPerson, fake: FakeAnthropic, end: str
) -> None:
    reply = fake.on(marker := uuid4().hex, "so far", " never", hold_after=1)
    person = new_person(two[0])
    with followed(person, two[1], marker) as (own, other), person.at(two[1]) as http:
        assert (own.text(6), other.text(6)) == ("so far", "so far")
        path = f"/api/questions/{own.question_id}"
        if end == "cancel":
            assert http.post(f"{path}/cancel").json()["answer"] == "so far"
        else:
            assert http.delete(path).status_code == 204
        code = {"cancel": "cancelled", "delete": "not_found"}[end]
        assert (own.rest(), other.rest()) == (("", code), ("", code))
    reply.release()


def test_the_end_of_a_killed_process_reaches_followers_elsewhere(
    new_replica: NewReplica, new_person: NewPerson, fake: FakeAnthropic, tmp_path: Path
) -> None:
    """By the notification of the process that has found it dead."""
    other = new_replica(NO_POLLING, ASKCLI_ORPHAN_SECONDS="2")
    owner = serving(tmp_path / "owner", fake, other.database_url)
    listening(owner, other)
    reply = fake.on(marker := uuid4().hex, "so far", " never", hold_after=1)
    with followed(new_person(owner), other, marker) as (_, follower):
        assert follower.text(6) == "so far"
        owner.stop(signal.SIGKILL)
        assert follower.rest() == ("", "interrupted")
    reply.release()


def test_connections_for_notifications_that_are_lost_lose_nothing(
    new_replica: NewReplica, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    servers = new_replica(), new_replica()
    reply = fake.on(marker := uuid4().hex, *["word "] * 40, " end", hold_after=40, pause=0.02)
    person = new_person(servers[0])
    with followed(person, servers[1], marker) as (_, other), person.at(servers[1]) as http:
        text = ""
        for _ in range(4):
            listening(*servers)
            assert _end_listeners(servers[0]) == 2
            text += other.text(50 if len(text) < 150 else 200 - len(text))
        assert text + other.text(200 - len(text)) == "word " * 40
        _end_listeners(servers[0])
        assert http.post("/api/auth/logout").status_code == 204
        assert other.rest() == ("", "session_ended")
    reply.release()


def _end_listeners(server: ServerProcess) -> int:
    """End the connections on which the processes listen; returns how many there were."""
    query = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    with psycopg.connect(server.database_url, autocommit=True) as connection:
        return len(connection.execute(query).fetchall())
