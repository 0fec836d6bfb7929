"""Lists that are made in the event loop have a bound, however much a user has."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, func, insert, select, update

from askcli.services.auth import api_tokens as services_tokens
from askcli.services.auth import sessions as services_sessions
from askcli.services.clock import new_id, now
from askcli.services.questions import history
from askcli.store.queries import open_sessions, users
from askcli.store.queries.sessions import add_token
from askcli.store.tables import api_tokens, refresh_tokens, sessions, usage
from tests.support.databases import opened
from tests.support.in_app import access_token, client_of, services_on
from tests.support.people import new_user

EMAIL = "a-lot@example.org"


def test_a_user_has_a_thousand_sessions_and_the_latest_takes_the_place_of_the_unused(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_sessions, "MOST_SESSIONS", 3)
    monkeypatch.setattr(services_sessions, "AT_ONCE", 2)

    async def log_in_five_times() -> None:
        async with services_on(database_url) as services, client_of(services) as client:
            logins = [await access_token(services, EMAIL) for _ in range(3)]
            user = await services.database.read(users.by_email, EMAIL)
            assert user
            await services.database.write(_add_older_sessions, user["id"], 4)
            codes = []
            for _ in range(2):
                logins.append(await access_token(services, EMAIL))
                listed = await client.get("/api/sessions", headers=logins[-1])
                codes.append(len(listed.json()["items"]))
            assert codes == [6, 5]  # two at once, and the new one
            logins += [await access_token(services, EMAIL) for _ in range(3)]
            listed = await client.get("/api/sessions", headers=logins[-1])
            assert [one["current"] for one in listed.json()["items"]] == [True, False, False]
            ended = await client.get("/api/users/me", headers=logins[-4])
            assert (ended.status_code, ended.json()["code"]) == (401, "session_ended")
            # Those that have ended are kept for a while, and no more of them than that either.
            monkeypatch.setattr(services_sessions, "MOST_ENDED", 4)
            logins += [await access_token(services, EMAIL) for _ in range(5)]
            assert await services.database.read(_number_of_sessions, user["id"]) == 3 + 4

    asyncio.run(log_in_five_times())


def test_a_login_deletes_a_bounded_number_of_refresh_tokens(database_url: str) -> None:
    """A session of months has thousands, and others wait for the transaction that deletes them."""
    with opened(database_url) as connection:
        user_id = new_user(connection, f"{uuid4()}@example.org")
        _add_older_sessions(connection, user_id, 3)
        own = sessions.c.user_id == user_id
        ids = connection.scalars(select(sessions.c.id).where(own)).all()
        connection.execute(update(sessions).where(own).values(ended_at=now()))
        for session_id in ids:
            for number in range(5):
                add_token(connection, session_id, uuid4().hex, number, now())
        left = []
        for _ in range(4):
            open_sessions.remove_ended_beyond(connection, user_id, 1, 10, most_tokens=4)
            count = select(func.count()).where(refresh_tokens.c.session_id.in_(ids))
            tokens = connection.execute(count).scalar()
            left.append((_number_of_sessions(connection, user_id), tokens))
    assert left == [(3, 11), (2, 7), (1, 5), (1, 5)]


def test_an_expired_token_makes_room_for_another(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_tokens, "MAX_TOKENS_PER_USER", 2)

    async def make_tokens() -> None:
        async with services_on(database_url) as services, client_of(services) as client:
            caller = await access_token(services, f"tokens-{EMAIL}")

            async def make(name: str) -> int:
                body = {"name": name, "scopes": ["ask"]}
                return (await client.post("/api/tokens", headers=caller, json=body)).status_code

            assert [await make(name) for name in "abc"] == [201, 201, 409]
            expired = update(api_tokens).where(api_tokens.c.name == "a")
            expired = expired.values(expires_at=now() - timedelta(seconds=1))
            await services.database.write(Connection.execute, expired)
            assert [await make(name) for name in "de"] == [201, 409]
            listed = (await client.get("/api/tokens", headers=caller)).json()["items"]
            assert [token["name"] for token in listed] == ["d", "b"]

    asyncio.run(make_tokens())


def _number_of_sessions(connection: Any, user_id: Any) -> int:
    count = select(func.count()).select_from(sessions).where(sessions.c.user_id == user_id)
    return int(connection.execute(count).scalar())


def _add_older_sessions(connection: Any, user_id: Any, number: int) -> None:
    earlier = now() - timedelta(days=1)
    of_all = {
        "user_id": user_id,
        "client": "a script",
        "network": None,
        "used_generation": 0,
        "created_at": earlier,
        "last_used_at": earlier,
        "expires_at": now() + timedelta(days=1),
    }
    rows = [{"id": new_id(), **of_all} for _ in range(number)]
    connection.execute(insert(sessions), rows)


def test_more_days_and_models_than_a_response_has_are_refused(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_USAGE", 3)

    async def ask_for_usage() -> None:
        async with services_on(database_url) as services, client_of(services) as client:
            caller = await access_token(services, f"more-{EMAIL}")
            user = await services.database.read(users.by_email, f"more-{EMAIL}")
            assert user
            for number in range(4):
                await services.database.write(_add_usage, user["id"], f"m-2026010{number}")
            used = await client.get("/api/users/me/usage", headers=caller)
            assert (used.status_code, used.json()["code"]) == (422, "invalid_request")
            until = {"until": (now() - timedelta(hours=2)).isoformat()}
            used = await client.get("/api/users/me/usage", headers=caller, params=until)
            assert used.json() == {"items": []}

    asyncio.run(ask_for_usage())


def _add_usage(connection: Any, user_id: Any, model: str) -> None:
    row = {"question_id": new_id(), "user_id": user_id, "created_at": now(), "model": model}
    costs = {"input_tokens": 1, "output_tokens": 1, "cost_usd": 0.0, "settled": True}
    connection.execute(insert(usage), row | costs)
