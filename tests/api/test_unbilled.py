"""Questions that cost nothing are kept, and may not fill the disk."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

from askcli.services.usage import unbilled
from askcli.store.queries import limits
from tests.support.databases import database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.usage import used


def room(server: ServerProcess, person: Person) -> int:
    """How many bytes are left to the user."""
    with database_of(server) as connection:
        full_at = limits.full_at(connection, unbilled.key(UUID(person.id)))
    ahead = max(0, full_at - time.time_ns() // 1000)
    return unbilled.BYTES_A_DAY - ahead * unbilled.BYTES_A_DAY // unbilled.DAY


def test_what_costs_nothing_and_is_kept_has_a_limit(
    server: ServerProcess, alice: Person, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, status=400)
    assert alice.ask(f"{marker} {'x' * 20_000}").status_code == 502
    left = room(server, alice)
    assert unbilled.BYTES_A_DAY - left >= 20_000 - 1000  # less what time has given back
    with database_of(server) as connection:  # most of the rest of a day's
        unbilled.count(connection, UUID(alice.id), left - 30_000)
    assert alice.ask(f"{marker} {'x' * 20_000}").status_code == 502
    refused = alice.ask(f"{marker} {'x' * 40_000}")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) < 100
    assert refused.headers["ratelimit-policy"]
    assert len(used(server, alice)) == 2  # it was not stored
    assert alice.ask("short").status_code == 201
    assert new_person(server).ask(f"{marker} {'x' * 40_000}").status_code == 502


def test_a_short_question_counts_with_all_that_its_row_takes(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    """Or some hundred in a second, a kilobyte of the disk each, would have no limit."""
    marker, user_id = uuid4().hex, UUID(alice.id)
    fake.on(marker, status=400)
    with database_of(server) as connection:  # so that no time gives anything back
        unbilled.count(connection, user_id, 1_000_000)
        before = limits.full_at(connection, unbilled.key(user_id))
    assert alice.ask(marker).status_code == 502
    with database_of(server) as connection:
        counted = limits.full_at(connection, unbilled.key(user_id)) - before
    assert counted >= unbilled.ROW_BYTES * unbilled.DAY // unbilled.BYTES_A_DAY


def test_a_stored_question_that_is_started_again_is_counted_once_and_until_it_is_billed(
    server: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    """As a batch does that is run in a loop during an outage of the provider."""
    marker = uuid4().hex
    fake.on(marker, status=529)
    body = {"question": f"{marker} {'x' * 90_000}"}

    def status(key: str) -> int:
        headers = {"idempotency-key": key}
        return alice.http.post("/api/questions", json=body, headers=headers).status_code

    assert [status(marker) for _ in range(3)] == [503] * 3
    assert unbilled.BYTES_A_DAY - room(server, alice) < 100_000
    rest = room(server, alice)
    with database_of(server) as connection:
        unbilled.count(connection, UUID(alice.id), rest + 90_000)
    assert status(uuid4().hex) == 429
    assert status(marker) == 503
    full = room(server, alice)
    fake.on(marker, "at last")
    assert status(marker) == 201
    assert room(server, alice) >= full + 90_000
