"""An upgrade under load: the schema first, then one server after the other; and back."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support import versions
from tests.support.cli import Cli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import FreshServer, ServerProcess
from tests.support.servers import server_settings
from tests.support.soak import SOAK, report
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(not SOAK, reason="it starts many servers: in the soak")

USERS, ASKS = 4, 10  # at least, of each user between two steps


class Rotation:
    """Servers that take turns at requests, as behind a load balancer, and what became of those."""

    def __init__(self, servers: list[ServerProcess]) -> None:
        self._servers = servers
        self._under_way = Counter[int]()
        self._lock = threading.Lock()
        self._turn = itertools.count()
        self.outcomes = Counter[str]()
        self.is_over = False

    def add(self, *servers: ServerProcess) -> None:
        """Let these have requests, and wait until each user has asked."""
        with self._lock:
            self._servers = [*self._servers, *servers]
        self.wait()

    def take_out(self, *servers: ServerProcess) -> None:
        """Let these have no more requests, and stop them; none fails."""
        with self._lock:
            self._servers = [one for one in self._servers if one not in servers]
        self.wait()
        for server in servers:
            eventually(lambda server=server: not self._under_way[id(server)])  # type: ignore[misc]
            assert server.stop() == 0
            assert not server.first_error(), server.first_error()

    def wait(self) -> None:
        """Wait until many more requests have been answered."""
        until = self.outcomes.total() + USERS * ASKS
        eventually(lambda: self.outcomes.total() >= until)

    @contextmanager
    def server(self) -> Iterator[ServerProcess]:
        with self._lock:
            server = self._servers[next(self._turn) % len(self._servers)]
            self._under_way[id(server)] += 1
        yield server
        self._under_way[id(server)] -= 1

    def ask(self, person: Person) -> None:
        """Ask and read until it is over."""
        while not self.is_over:
            with self.server() as server, person.at(server) as http:
                answer = http.post("/api/questions", json={"question": uuid4().hex})
                status = answer.json().get("status")
                listed = http.get("/api/users/me/questions").status_code
                self.outcomes[f"{answer.status_code} {status} {listed}"] += 1


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
@pytest.mark.parametrize("old", ["before", "now"])
def test_no_request_fails_while_a_version_follows_another(
    new_database: NewDatabase,
    new_person: NewPerson,
    fake: FakeAnthropic,
    tmp_path: Path,
    kind: str,
    old: str,
) -> None:
    """From before the newest migration to now; and from now to a next version, and back."""
    url = new_database(kind, migrated=False)
    settings = server_settings(fake, url)
    first = versions.before(tmp_path / "old") if old == "before" else {}
    second = versions.next_one(tmp_path / "new") if old == "now" else {}
    homes = (tmp_path / f"home{number}" for number in itertools.count())

    def servers(version: dict[str, str]) -> list[ServerProcess]:
        return [FreshServer(next(homes), **settings, **version) for _ in range(2)]

    def migrate(version: dict[str, str]) -> None:
        done = Cli(next(homes), lambda _: None, **settings, **version).fresh("migrate")
        assert done.code == 0, done

    migrate(first)
    olds = servers(first)
    rotation = Rotation(olds)
    people = [new_person(olds[0]) for _ in range(USERS)]
    with ThreadPoolExecutor(USERS) as pool:
        tasks = [pool.submit(rotation.ask, person) for person in people]
        try:
            rotation.wait()
            migrate(second)
            rotation.wait()  # with the schema of the next version
            news = servers(second)
            rotation.add(*news)
            rotation.take_out(*olds)
            if old == "now":
                again = servers(first)
                rotation.add(*again)
                rotation.take_out(*news)
                news = again
        finally:
            rotation.is_over = True
        for task in tasks:
            task.result()
    assert [one.stop() for one in news] == [0, 0]
    report(f"upgrade from {old} on {kind}: {dict(rotation.outcomes)}")
    assert set(rotation.outcomes) == {"201 answered 200"}, rotation.outcomes
