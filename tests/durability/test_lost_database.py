"""A server on a port whose SQLite file is deleted or replaced under it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from askcli.errors import Failed
from askcli.server.process.serve import serve_worker
from askcli.settings import Settings
from tests.support import plain_http
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.secrets import SECRET
from tests.support.servers import serving
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually


def test_a_server_whose_database_is_deleted_refuses_all_and_ends(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    file = tmp_path / "askcli.db"
    server = serving(tmp_path, fake, f"sqlite:///{file}")
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
    assert any(f"new, empty database: {file}" in line for line in server.log)
    assert not file.exists()


def test_a_worker_creates_no_database_in_place_of_a_deleted_one(tmp_path: Path) -> None:
    file = tmp_path / "askcli.db"
    settings = Settings(db_conn_string=f"sqlite:///{file}", jwt_secret=SECRET, answerer="scripted")
    with pytest.raises(Failed, match=f"{file} was deleted: put it back"):
        serve_worker(settings, 0, 0, lambda: None)
    assert not file.exists()
