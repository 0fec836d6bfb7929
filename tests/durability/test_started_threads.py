"""A server starts its threads before it serves: none is started where memory may be short."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.secrets import PASSWORD
from tests.support.servers import serving

AT_ONCE = 6


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_no_thread_is_started_for_work(
    new_database: NewDatabase,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
    kind: str,
) -> None:
    server = serving(tmp_path, fake, new_database(kind))
    before = threads(server.pid)
    person = new_person(server)
    with person.at(server) as http, ThreadPoolExecutor(AT_ONCE) as pool:
        login = partial(http.post, "/api/auth/login", timeout=60)
        question = partial(http.post, "/api/questions", timeout=60)
        body = {"email": person.email, "password": PASSWORD}
        work = [pool.submit(login, json=body) for _ in range(AT_ONCE)]
        work += [pool.submit(question, json={"question": "words " * 4000}) for _ in range(AT_ONCE)]
        work += [
            pool.submit(http.get, "/api/users/me/questions", timeout=60) for _ in range(AT_ONCE)
        ]
        assert {one.result().status_code for one in work} == {200, 201}
    assert threads(server.pid) <= before
    assert server.stop() == 0


def threads(pid: int) -> set[int]:
    """The threads of a process."""
    return {thread.id for thread in psutil.Process(pid).threads()}
