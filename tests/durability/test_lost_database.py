"""A server on a port whose SQLite file is deleted or replaced under it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx2

from tests.support import plain_http
from tests.support.databases import migrated
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.servers import server_settings, serving
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually


def test_a_server_whose_database_is_deleted_refuses_all_and_ends(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    file = tmp_path / "askcli.db"
    server = serving(tmp_path, fake, f"sqlite:///{file}")
    assert any(f"new, empty database: {file}" in line for line in server.log)
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    seen = Seen(marker)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)  # the server ends after this answer
        file.unlink()
        for refused in (person.ask("lost?"), plain_http.get(f"{server.url}/readyz")):
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert "deleted or replaced" in refused.json()["detail"]
        reply.release()
        assert server.stop(0) == 1
    errors = [line for line in server.log if " ERROR " in line]
    assert len(errors) == 1
    assert f"{file} was deleted or replaced" in errors[0]
    assert not file.exists()


def test_workers_whose_database_is_deleted_come_back_with_it(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    url = migrated(f"sqlite:///{tmp_path / 'askcli.db'}")
    server = ServerProcess(tmp_path, "--workers", "2", **server_settings(fake, url))
    person = new_person(server)
    assert person.ask("kept").status_code == 201
    file, away = tmp_path / "askcli.db", tmp_path / "away.db"
    file.rename(away)
    assert person.ask("lost?").status_code == 503
    eventually(lambda: any("did not start: the database" in line for line in server.log))
    assert not file.exists()
    away.rename(file)
    eventually(lambda: _questions(person.http) == ["kept"])
    assert server.stop() == 0


def _questions(http: httpx2.Client) -> list[str]:
    try:
        page = http.get("/api/users/me/questions").json()
    except httpx2.TransportError:
        return []
    return [row["question"] for row in page.get("items", [])]
