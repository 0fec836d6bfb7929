"""Questions that cost nothing are kept, and may not fill the disk."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

from askcli.services.usage import unbilled
from askcli.store import limits
from tests.api.test_quotas import used
from tests.support.databases import database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess


def test_what_costs_nothing_and_is_kept_has_a_limit(
    server: ServerProcess, alice: Person, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, status=400)
    assert alice.ask(f"{marker} {'x' * 20_000}").status_code == 502
    with database_of(server) as connection:  # most of the rest of a day's
        key, timestamp = unbilled.key(UUID(alice.id)), time.time_ns() // 1000
        full_at = limits.full_at(connection, key)
        left = unbilled.BYTES_A_DAY - (full_at - timestamp) * unbilled.BYTES_A_DAY // unbilled.DAY
        assert unbilled.BYTES_A_DAY - left >= 20_000 - 1000  # less what time has given back
        unbilled.count(connection, UUID(alice.id), left - 30_000)
    assert alice.ask(f"{marker} {'x' * 20_000}").status_code == 502
    refused = alice.ask(f"{marker} {'x' * 40_000}")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) < 100
    assert refused.headers["ratelimit-policy"]
    assert len(used(server, alice)) == 2  # it was not stored
    assert alice.ask("short").status_code == 201
    assert new_person(server).ask(f"{marker} {'x' * 40_000}").status_code == 502
