"""Lists that are made in the event loop have a bound, however much a user has."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from askcli.services.auth import sessions as services_sessions
from askcli.services.clock import new_id, now
from askcli.services.questions import history
from askcli.store.queries import users
from askcli.store.tables import sessions, usage
from tests.support.in_app import access_token, client_of, services_on

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
