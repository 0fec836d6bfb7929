"""The check of a caller is made by the request's first unit of work; nothing leaves without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import Connection

from askcli.contract.limits import MAX_QUESTION_CHARACTERS
from askcli.errors import DatabaseUnavailable, SessionEnded
from askcli.services.auth import authentication
from askcli.services.auth.passwords import Passwords
from askcli.store.database import admission
from askcli.store.database.admission import Admission
from askcli.store.queries import sessions
from tests.support.databases import NewDatabase
from tests.support.in_app import access_token, client_of, services_on
from tests.support.units import Units

UNKNOWN = "01890000-0000-7000-8000-000000000000"
KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


@KINDS
def test_a_caller_is_checked_before_the_work_and_in_its_transaction(
    new_database: NewDatabase, kind: str
) -> None:
    async def scenario() -> None:
        async with services_on(new_database(kind)) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            units = Units(services)
            assert (await client.get("/api/users/me", headers=header)).status_code == 200
            assert units.number == 1
            used = [text for text in units.statements if text.startswith("SELECT")]
            assert ["FROM sessions" in text for text in used] == [True, False]

    asyncio.run(scenario())


@KINDS
def test_whoever_does_no_work_is_checked_all_the_same(new_database: NewDatabase, kind: str) -> None:
    """Where the response needs no database, and where it is an error of the request."""

    async def scenario() -> None:
        async with services_on(new_database(kind)) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            requests: list[Callable[[], Any]] = [
                lambda: client.get("/api/models", headers=header),
                lambda: client.post("/api/questions", headers=header, json={}),
                lambda: client.post("/api/questions", headers=header, content=b"no JSON"),
                lambda: client.get("/api/questions/no-id", headers=header),
                lambda: client.get(f"/api/users/{UNKNOWN}", headers=header),
                lambda: client.get("/api/users/me/questions?limit=0", headers=header),
            ]
            before = [(await request()).status_code for request in requests]
            assert before == [200, 422, 415, 422, 404, 422]
            assert (await client.post("/api/auth/logout", headers=header)).status_code == 204
            responses = [await request() for request in requests]
            assert [r.json()["code"] for r in responses] == ["session_ended"] * len(requests)
            assert {r.headers["www-authenticate"] for r in responses} == {
                'Bearer realm="askcli", error="invalid_token"'
            }

    asyncio.run(scenario())


def test_a_caller_who_is_not_checked_sends_no_more_than_a_stranger(
    new_database: NewDatabase,
) -> None:
    """Neither a long body is read nor a password hashed for a session that has ended."""

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            assert (await client.post("/api/auth/logout", headers=header)).status_code == 204
            read = list[int]()

            async def body() -> AsyncIterator[bytes]:
                for _ in range(10):
                    read.append(1)
                    yield b" " * 10_000

            length = {"content-length": str(MAX_QUESTION_CHARACTERS)}
            for more in ({}, length):
                headers = header | {"content-type": "application/json"} | more
                response = await client.post("/api/questions", headers=headers, content=body())
                assert response.json()["code"] == "session_ended"
                assert read == []
            change = {"current_password": "p" * 10, "new_password": "q" * 10}
            with patch.object(Passwords, "matches") as matches:
                path = "/api/users/me/password"
                response = await client.post(path, headers=header, json=change)
            assert response.json()["code"] == "session_ended"
            assert not matches.called

    asyncio.run(scenario())


def test_a_check_that_fails_is_not_passed_by_the_next_unit(new_database: NewDatabase) -> None:
    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services:
            database, done = services.database, list[str]()

            def check(_: Connection) -> None:
                raise SessionEnded()

            async def settle() -> None:
                done.append("settled")

            admission.bind(Admission(check, settle))
            for run in (database.read, database.write, database.read):
                with pytest.raises(SessionEnded):
                    await run(lambda _: done.append("work"))
            admission.bind(None)
            assert done == []

    asyncio.run(scenario())


def test_an_outage_is_waited_for_once(new_database: NewDatabase) -> None:
    """The check is not tried again where the unit that would have made it has found no database."""

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            units = Units(services)
            with patch.object(sessions, "live_with_token", side_effect=DatabaseUnavailable()):
                for path in ("/api/users/me", "/api/models", "/api/users/me/questions"):
                    response = await client.get(path, headers=header)
                    assert response.status_code == 503
            assert units.number == 3

    asyncio.run(scenario())


def test_more_api_tokens_than_are_remembered_work_and_are_checked(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "MAX_REMEMBERED", 2)

    async def scenario() -> None:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            login = await access_token(services, "a@example.org")
            made = [
                (
                    await client.post(
                        "/api/tokens", headers=login, json={"name": f"{n}", "scopes": ["read"]}
                    )
                ).json()
                for n in range(5)
            ]
            headers = [{"authorization": f"Bearer {token['token']}"} for token in made]
            for _ in range(2):
                responses = [await client.get("/api/models", headers=each) for each in headers]
                assert [response.status_code for response in responses] == [200] * 5
                assert len(services.authentication._callers) <= 2
            path = f"/api/tokens/{made[-1]['id']}"
            assert (await client.delete(path, headers=login)).status_code == 204
            responses = [await client.get("/api/models", headers=each) for each in headers]
            assert [response.status_code for response in responses] == [200] * 4 + [401]

    asyncio.run(scenario())
