"""Users take turns at the store's threads; what stores answers waits for no turn."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from askcli.services.questions.ask import Ask
from askcli.store import database
from askcli.store.database import Database, engines, group_commit, pool
from askcli.store.database.pool import Pool, take_turns_as
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, services_on
from tests.support.people import new_user
from tests.support.turns import MANY, order_of
from tests.support.writer import together

SCRIPT = {"name": "script", "scopes": ["read"], "expires_in_days": 1}

FEW = max(engines.READERS, group_commit.OWNED_UNITS)  # as many as are under way at once


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_many_requests_of_one_user_delay_another_by_a_few(
    new_database: NewDatabase, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They are many, and all are to be served, however busy the machine is.
    monkeypatch.setattr(database, "UNIT_SECONDS", {"sqlite": 60.0, "postgresql": 60.0})

    async def scenario() -> None:
        async with services_on(new_database(kind)) as services, client_of(services) as client:
            alice, bob = [await access_token(services, f"{name}@example.org") for name in "ab"]

            def create(header: dict[str, str]) -> Any:
                return client.post("/api/tokens", headers=header, json=SCRIPT)

            place, statuses = await order_of(services, lambda: create(alice), lambda: create(bob))
            assert statuses == [201] * (MANY + 1)
            assert place < FEW

    asyncio.run(scenario())


def test_many_requests_of_an_api_token_delay_another_by_a_few(
    new_database: NewDatabase,
) -> None:
    """Of users at one address, where the token has been used before."""

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            scripts = []
            for name in "ab":
                header = await access_token(services, f"{name}@example.org")
                made = await client.post("/api/tokens", headers=header, json=SCRIPT)
                scripts.append({"authorization": f"Bearer {made.json()['token']}"})
            alice, bob = scripts

            def read(header: dict[str, str]) -> Any:
                return client.get("/api/users/me", headers=header)

            await asyncio.gather(read(alice), read(bob))
            place, statuses = await order_of(services, lambda: read(alice), lambda: read(bob))
            assert statuses == [200] * (MANY + 1)
            assert place < FEW

    asyncio.run(scenario())


def test_strangers_of_a_site_delay_no_user(new_database: NewDatabase) -> None:
    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            alice = await access_token(services, "a@example.org")
            wrong = {"authorization": "Bearer askcli_wrong"}

            def read(header: dict[str, str]) -> Any:
                return client.get("/api/users/me", headers=header)

            place, statuses = await order_of(services, lambda: read(wrong), lambda: read(alice))
            assert sorted(statuses) == [200] + [401] * MANY
            assert place < FEW

    asyncio.run(scenario())


def test_units_without_an_owner_wait_for_no_turn(new_database: NewDatabase) -> None:
    database, order = Database(new_database("sqlite")), list[str]()

    def write(owner: str | None, name: str) -> Any:
        take_turns_as(owner)
        return database.write(note, name)

    def note(_: Any, name: str) -> None:
        order.append(name)

    hers = [partial(write, "alice", "alice")] * MANY
    asyncio.run(
        together(database, *hers, partial(write, "bob", "bob"), partial(write, None, "own"))
    )
    database.close()
    few = group_commit.OWNED_UNITS
    assert len(order) == MANY + 2
    assert order.index("bob") < few
    assert order.index("own") < few + 1  # after those that are ready


def test_a_unit_that_need_not_wait_is_in_a_thread_at_once() -> None:
    async def scenario() -> None:
        threads, submitted = Pool(1, "test"), list[Any]()
        submit = threads._threads.run

        def note(*args: Any) -> Any:
            submitted.append(args)
            return submit(*args)

        threads._threads.run = note  # type: ignore[method-assign, assignment]
        take_turns_as("alice")
        unit = asyncio.create_task(threads.run(threading.get_ident))
        await asyncio.sleep(0)  # the task's first step
        assert len(submitted) == 1
        assert await unit != threading.get_ident()
        threads.close()

    asyncio.run(scenario())


def test_what_stores_an_answer_has_no_owner(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[str | None] = []

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services:
            user_id = await services.database.write(new_user, "a@example.org")
            write_entry = services.database.write_entry

            async def noted(*args: Any) -> Any:
                owners.append(pool._owner.get())
                return await write_entry(*args)

            monkeypatch.setattr(services.database, "write_entry", noted)
            take_turns_as("alice")
            stream = await services.questions.ask(user_id, Ask("why?"), None)
            await stream.wait()
            assert owners == ["alice", None]  # the question, and its answer's end

    asyncio.run(scenario())


def test_the_end_of_a_long_answer_waits_behind_no_line_of_a_user(
    new_database: NewDatabase,
) -> None:
    """Nor behind that user's own long questions, which wait for their turn."""
    database, long = Database(new_database("sqlite")), {"question": "w" * 50_000}
    order: list[str] = []

    def note(_: Any, what: str) -> None:
        order.append(what)

    async def scenario() -> None:
        go_on = threading.Event()
        holding = asyncio.create_task(database.write(lambda _: go_on.wait(60)))
        take_turns_as("alice")
        hers = [asyncio.create_task(database.write(note, "short")) for _ in range(MANY)]
        hers += [asyncio.create_task(database.write_entry(long, note, "long")) for _ in range(9)]
        await asyncio.sleep(0)
        take_turns_as(None)
        end = asyncio.create_task(database.write_entry(long, note, "end"))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(holding, end, *hers)

    asyncio.run(scenario())
    database.close()
    assert order.index("end") < FEW
    assert len(order) == MANY + 10


def test_an_api_token_that_is_no_longer_valid_takes_no_turns_of_its_user(
    new_database: NewDatabase,
) -> None:
    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            alice = await access_token(services, "a@example.org")
            made = (await client.post("/api/tokens", headers=alice, json=SCRIPT)).json()
            script = {"authorization": f"Bearer {made['token']}"}
            assert (await client.get("/api/users/me", headers=script)).status_code == 200
            revoked = await client.delete(f"/api/tokens/{made['id']}", headers=alice)
            assert revoked.status_code == 204
            assert (await client.get("/api/users/me", headers=script)).status_code == 401

            def use(header: dict[str, str]) -> Any:
                return client.get("/api/users/me", headers=header)

            place, statuses = await order_of(services, lambda: use(script), lambda: use(alice))
            assert sorted(statuses) == [200, *[401] * MANY]
            assert place < FEW

    asyncio.run(scenario())
