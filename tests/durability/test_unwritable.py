"""A database that can be read, and of which every write fails."""

from __future__ import annotations

import resource
from pathlib import Path

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.servers import serving


def test_a_server_that_may_not_write_to_its_file_is_not_ready(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """As with a quota of the disk, which has space left."""
    server = serving(tmp_path, fake, new_database("sqlite"))
    person = new_person(server)
    limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
    assert person.ask("now?").status_code == 503
    for _ in range(2):
        answer = person.http.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert person.http.get("/api/users/me").status_code == 200
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)
    assert person.http.get("/readyz").status_code == 200
    assert person.ask("and now?").status_code == 201
    assert server.stop() == 0
