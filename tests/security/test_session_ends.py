"""What is under way when its session, token or user ends, or the host intervenes."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

import bcrypt
import httpx2
import pytest
from sqlalchemy import Connection

from askcli.services import admin
from askcli.store.queries import sessions
from tests.support import plain_http
from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.in_app import access_token, client_of, services_on
from tests.support.people import Person
from tests.support.processes import ServerProcess
from tests.support.secrets import PASSWORD
from tests.support.streams import STREAM


@pytest.mark.parametrize("end", ["disable", "logout", "delete", "revoke"])
def test_an_open_stream_ends_with_its_caller(
    server: ServerProcess, twin: ServerProcess, alice: Person, fake: FakeAnthropic, end: str
) -> None:
    """Within 2 s, on another process than the one that heard of the end."""
    marker = uuid4().hex
    fake.on(marker, *["word "] * 400, pause=0.1)
    token = alice.http.post("/api/tokens", json={"name": "ci", "scopes": ["ask"]}).json()
    with alice.at(twin) as http:
        if end == "revoke":
            http.headers["x-access-token"] = token["token"]
        body = {"question": marker}
        with http.stream("POST", "/api/questions", json=body, headers=STREAM) as response:
            stream = iter(httpx2.EventSource(response))
            assert [next(stream).event for _ in range(2)] == ["question", "delta"]
            began = time.monotonic()
            _end(server, alice, end, token["id"])
            last = list(stream)[-1]
    seconds = time.monotonic() - began
    assert seconds < 2, seconds
    assert last.event == "error"
    ended = {"disable": {"cancelled"}, "delete": {"cancelled", "not_found"}}.get(end, set())
    codes = {"session_ended"} | ended
    assert json.loads(last.data)["code"] in codes
    if end not in ("disable", "delete"):  # the answer itself goes on: it is still the user's
        assert plain_http.get(f"{twin.url}/metrics").text.count("running 1") == 1
        _end(server, alice, "delete", token["id"])
    assert _stops(twin)  # nothing more is spent for who is gone


def test_a_waiting_answer_ends_with_its_caller(
    server: ServerProcess, twin: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    """Also where it is not streamed."""
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    with alice.at(twin) as http, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(http.post, "/api/questions", json={"question": marker})
        assert reply.reached.wait(10)
        assert alice.http.post("/api/auth/logout").status_code == 204
        answer = waiting.result(5)
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
    reply.release()


@pytest.mark.parametrize(
    ("path", "body", "meanwhile", "status"),
    [
        ("/api/tokens", {"name": "x", "scopes": ["ask"]}, "reset_password", 401),
        ("/api/tokens", {"name": "x", "scopes": ["ask"]}, "delete", 401),
        (
            "/api/users/me/password",
            {"current_password": PASSWORD, "new_password": "a thief's choice"},
            "reset_password",
            401,
        ),
        ("/api/auth/login", {"password": PASSWORD}, "reset_password", 401),
        ("/api/auth/login", {"password": PASSWORD}, "disable", 403),
        ("/api/auth/login", {"password": PASSWORD}, "delete", 401),
        ("/api/questions", {"question": "hello"}, "disable", 403),
        ("/api/questions", {"question": "hello"}, "delete", 404),
    ],
)
def test_what_the_host_does_meanwhile_counts(
    server: ServerProcess,
    alice: Person,
    path: str,
    body: dict[str, str],
    meanwhile: str,
    status: int,
) -> None:
    """A request that was let in waits for the host's transaction, and is decided after it."""
    if path.endswith("login"):
        body = body | {"email": alice.email}
    new_hash = bcrypt.hashpw(b"the host's choice", bcrypt.gensalt(4)).decode()
    more = (new_hash,) if meanwhile == "reset_password" else ()
    with ThreadPoolExecutor(1) as pool:
        with database_of(server) as connection:
            _by_the_host(connection, meanwhile, alice.email, *more)
            request = pool.submit(alice.http.post, path, json=body)
            time.sleep(0.4)  # it comes to wait for us; nothing tells when, and later is no harm
        answer = request.result(30)
    assert answer.status_code in (status, 401), answer.text


def _end(server: ServerProcess, person: Person, how: str, token_id: str) -> None:
    if how == "logout":
        assert person.http.post("/api/auth/logout").status_code == 204
    elif how == "revoke":
        assert person.http.delete(f"/api/tokens/{token_id}").status_code == 204
    else:
        with database_of(server) as connection:
            _by_the_host(connection, how, person.email)


def _by_the_host(connection: Connection, how: str, email: str, *more: str) -> None:
    first: Any = (lambda: nullcontext(connection)) if how == "delete" else connection
    getattr(admin, how)(first, email, *more)


def _stops(server: ServerProcess) -> bool:
    """Whether the server comes to make no answer any more."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        text = plain_http.get(f"{server.url}/metrics").text
        if "askcli_answers_running 0" in text:
            return True
        time.sleep(0.05)
    return False


def test_a_logout_of_a_session_that_ends_at_that_moment_is_one(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL another transaction may end it after this one has checked its caller."""
    monkeypatch.setattr(sessions, "end", lambda *_: False)

    async def log_out() -> httpx2.Response:
        async with services_on(new_database("sqlite")) as services, client_of(services) as client:
            header = await access_token(services, "a@example.org")
            return await client.post("/api/auth/logout", headers=header)

    assert asyncio.run(log_out()).status_code == 204
