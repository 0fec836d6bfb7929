"""Requests that fail for no foreseen reason, in a route or outside of all of them."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import httpx2
import pytest

from askcli.errors import AskcliError
from askcli.server.app import Entry, create_app
from askcli.server.http.activity import Activity
from askcli.server.protocol.connections import Connections
from tests.support.in_app import services_on

STATE = {"abort_if_stalled": lambda: False, "abort_if_untaken": lambda: False}


@pytest.mark.parametrize("place", ["route", "refusal"])
def test_a_failed_request_gets_a_problem_and_is_logged_with_its_id(
    place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> AskcliError | None:
        raise LookupError("a secret")

    async def scenario() -> httpx2.Response:
        async with services_on(f"sqlite:///{tmp_path / 'a.db'}") as services:
            refusal = fail if place == "refusal" else lambda: None
            app = create_app(services, Activity(), None, refusal, [])
            app.state.connections = Connections(1)
            if place == "route":
                monkeypatch.setattr(type(services.database), "read", fail)
            entry = Entry(app)

            async def connection(scope: dict[str, object], *channels: object) -> None:
                await entry({**scope, "state": {**STATE}}, *channels)  # type: ignore[arg-type]

            transport = httpx2.ASGITransport(connection, raise_app_exceptions=False)  # type: ignore[arg-type]
            async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get("/readyz", headers={"x-request-id": "its-id"})

    with caplog.at_level(logging.ERROR):
        response = asyncio.run(scenario())
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "its-id"
    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert [record.message for record in caplog.records] == ["request its-id failed: LookupError"]
