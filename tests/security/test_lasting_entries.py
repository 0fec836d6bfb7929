"""What leaves entries that are kept for months has a limit for each user, or one fills the disk."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from askcli.server.bootstrap import Services
from askcli.services import request_info
from askcli.services.auth import rate_limits
from askcli.services.request_info import RequestInfo
from askcli.settings import Rate
from askcli.store.queries import users
from tests.support.in_app import access_token, client_of, services_on

THREE_A_DAY = Rate(3, 86_400)


def test_a_user_makes_a_number_of_api_tokens_in_a_day(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "NEW_TOKENS", THREE_A_DAY)
    body = {"name": "a script's", "scopes": ["ask"]}

    async def make_and_revoke() -> None:
        async with services_on(database_url) as services, client_of(services) as client:
            owner = await access_token(services, "maker@example.org")
            for _ in range(3):
                made = await client.post("/api/tokens", json=body, headers=owner)
                assert made.status_code == 201
                revoked = await client.delete(made.headers["location"], headers=owner)
                assert revoked.status_code == 204
            refused = await client.post("/api/tokens", json=body, headers=owner)
            assert _policy(refused) == '"new_token";q=3;w=86400'
            another = await access_token(services, "other@example.org")
            made = await client.post("/api/tokens", json=body, headers=another)
            assert made.status_code == 201

    asyncio.run(make_and_revoke())


def test_all_sessions_of_a_user_are_refreshed_a_number_of_times_in_a_day(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "REFRESHES", THREE_A_DAY)

    async def refresh_two_sessions() -> None:
        async with services_on(database_url) as services, client_of(services) as client:
            await access_token(services, "refresher@example.org")
            one, other = [await _session(services, "refresher@example.org") for _ in range(2)]
            for _ in range(3):
                rotated = await client.post("/api/auth/refresh", json=one)
                assert rotated.status_code == 200
                one = {"refresh_token": rotated.json()["refresh_token"]}
            for token in (one, other, other):
                refused = await client.post("/api/auth/refresh", json=token)
                assert _policy(refused) == '"refresh_of_user";q=3;w=86400'

    asyncio.run(refresh_two_sessions())


async def _session(services: Services, email: str) -> dict[str, Any]:
    user = await services.database.read(users.by_email, email)
    assert user
    request_info.bind(RequestInfo("id", "client", None))
    return {"refresh_token": (await services.sessions.open(user))["refresh_token"]}


def _policy(refused: httpx2.Response) -> str | None:
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 3600
    return refused.headers.get("ratelimit-policy")
