"""What requests cost: units of work, statements, commits, tasks and calls of the provider.

Exact numbers, so that none is added unnoticed; a busy machine changes none of them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, event, update

from askcli.answerers.base import Begin, Finish, Piece, Request
from askcli.server.bootstrap import Services
from askcli.services.runs.storage import answer_log
from askcli.store.tables import users
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, services_on
from tests.support.units import Units

KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])

# Units of work (trips to the database), statements and commits on each database. The caller's check
# is one statement of each request, in its first unit.
COSTS = {
    "question": ((1, 2, 0), (1, 2, 0)),
    "list": ((1, 3, 0), (1, 3, 0)),
    "search": ((1, 5, 1), (1, 7, 1)),  # in a transaction, for its settings
    "me": ((1, 2, 0), (1, 2, 0)),
    "usage": ((1, 2, 0), (1, 2, 0)),
    "models": ((1, 1, 0), (1, 1, 0)),
    "cancel": ((1, 2, 0), (1, 2, 0)),
    "follow": ((1, 2, 0), (1, 2, 0)),
    "ask": ((2, 8, 2), (2, 8, 2)),
    "ask with a key": ((3, 9, 2), (3, 9, 2)),
    "the key again": ((1, 2, 0), (1, 2, 0)),
}
# On SQLite a reader adds up first what was spent, for which all writes would wait; the caller is
# checked again after that. That a user has a quota of their own, the writer finds.
COSTS_WITH_QUOTA = {
    "the server's": ((3, 12, 2), (2, 9, 2)),
    "own": ((4, 13, 2), (2, 9, 2)),
}
OWN_QUOTA = update(users).values(quota_tokens_month=1_000_000)


@pytest.fixture(autouse=True)
def _no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the answer log, which would write while a slow machine answers."""
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 3600.0)


async def ask(client: httpx2.AsyncClient, header: dict[str, str], **more: str) -> Any:
    response = await client.post("/api/questions", headers=header | more, json={"question": "why?"})
    assert response.status_code == 201, response.text
    return response.json()


@KINDS
def test_each_request_costs_what_it_must(new_database: NewDatabase, kind: str) -> None:
    costs = dict[str, tuple[int, int, int]]()

    async def scenario() -> None:
        async with services_on(new_database(kind)) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            question = await ask(client, header)  # the first of a user is more work for the index
            path, key = f"/api/questions/{question['id']}", {"idempotency-key": "k"}
            units = Units(services)
            await ask(client, header)
            costs["ask"] = units.counts()
            for name in ("ask with a key", "the key again"):
                await ask(client, header, **key)
                costs[name] = units.counts()
            reads = {
                "question": ("GET", path),
                "list": ("GET", "/api/users/me/questions?limit=100"),
                "search": ("GET", "/api/users/me/questions?search=why"),
                "me": ("GET", "/api/users/me"),
                "usage": ("GET", "/api/users/me/usage"),
                "models": ("GET", "/api/models"),
                "cancel": ("POST", f"{path}/cancel"),
                "follow": ("GET", f"{path}/events"),
            }
            for name, (method, of_read) in reads.items():
                response = await client.request(method, of_read, headers=header)
                assert response.status_code == 200
                costs[name] = units.counts()

    asyncio.run(scenario())
    column = 0 if kind == "sqlite" else 1
    assert costs == {name: both[column] for name, both in COSTS.items()}


@KINDS
def test_an_ask_with_a_quota_costs_one_read_more(new_database: NewDatabase, kind: str) -> None:
    costs = dict[str, tuple[int, int, int]]()
    url = new_database(kind)

    async def scenario() -> None:
        for name, quota in (("own", None), ("the server's", 1_000_000)):
            async with (
                services_on(url, quota_tokens_month=quota) as services,
                client_of(services) as client,
            ):
                header = await access_token(services, f"{name[:3]}@example.org")
                if name == "own":
                    await services.database.write(Connection.execute, OWN_QUOTA)
                await ask(client, header)
                units = Units(services)
                await ask(client, header)
                costs[name] = units.counts()

    asyncio.run(scenario())
    column = 0 if kind == "sqlite" else 1
    assert costs == {name: both[column] for name, both in COSTS_WITH_QUOTA.items()}


class Provider:
    """Stands for the answerer, in pieces; counts its calls."""

    def __init__(self, services: Services, pieces: int) -> None:
        self.calls = 0
        self.tasks = set[int]()
        self.threads = set[int]()
        self._pieces = pieces
        self.sent = 0
        self.may_go_on: Callable[[], bool] = lambda: True
        services.answerer.stream = self.stream  # type: ignore[method-assign]

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        self.calls += 1
        yield Begin(request.model, 1)
        for number in range(self._pieces):
            yield f"word {number:>5} "
            self.sent += 1
            await asyncio.sleep(0)
            while not self.may_go_on():
                await asyncio.sleep(0.001)
            self.tasks.add(len(asyncio.all_tasks()))
            self.threads.add(threading.active_count())
        yield Finish("end_turn", request.model, 1, self._pieces)


def test_an_ask_is_one_call_of_the_provider_and_two_tasks(new_database: NewDatabase) -> None:
    """The request's, which is the test's own here, the run's and one of the log for all runs."""

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            await ask(client, header)
            provider, threads = Provider(services, 50), threading.active_count()
            await ask(client, header)
            assert provider.calls == 1
            assert provider.tasks == {3}
            assert provider.threads == {threads}
            provider.tasks.clear()
            stream = {**header, "accept": "text/event-stream"}
            await client.post("/api/questions", headers=stream, json={"question": "why?"})
            assert provider.tasks == {3}  # a stream needs no task of its own
            before = provider.calls
            await asyncio.gather(*(ask(client, header) for _ in range(10)))
            assert provider.calls - before == 10
            assert max(provider.tasks) <= 1 + 2 * 10 + 1
            assert provider.threads == {threads}

    asyncio.run(scenario())


def test_each_character_of_an_answer_is_written_a_fixed_number_of_times(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in the log of its parts, however many there are, and at its end as text and as words."""
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 0.0)
    parts, others = list[str](), list[str]()

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _e: Any, many: bool) -> None:
        if not statement.startswith("SELECT"):
            texts = parts if "INTO answer_parts" in statement else others
            rows = values if many else [values]
            texts += [value for row in rows for value in row if "word" in str(value)]

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            provider = Provider(services, 2000)
            provider.may_go_on = lambda: len(parts) >= provider.sent // 200
            event.listen(services.database.engine, "before_cursor_execute", note)
            question = await ask(client, header)
            answer = question["answer"]
            assert len(parts) >= 9
            assert answer.startswith("".join(parts))
            assert sum(map(len, others)) <= 2 * len(answer)

    asyncio.run(scenario())
