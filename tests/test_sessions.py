"""Sessions: rotation, reuse, and the end of one on every process at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import jwt
import pytest
from sqlalchemy import func, select, update

from askcli.services import admin
from askcli.services.auth.tokens import hash_token
from askcli.services.clock import now
from askcli.store.tables import audit, refresh_tokens, sessions
from tests.conftest import PASSWORD, SECRET, Person, database_of, serving
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import Cli, ServerProcess
from tests.support.proxy import Proxy

STREAM = {"accept": "text/event-stream"}


def refresh(http: httpx2.Client, token: str) -> httpx2.Response:
    return http.post("/api/auth/refresh", json={"refresh_token": token})


def count_tokens(server: ServerProcess, person: Person) -> int:
    """How many refresh tokens the user's session has had."""
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    own = refresh_tokens.c.session_id == UUID(claims["sid"])
    with database_of(server) as connection:
        return int(connection.execute(select(func.count()).where(own)).scalar() or 0)


def use_long_ago(server: ServerProcess, token: str, seconds: int = 31) -> None:
    """Let the token's rotation be so many seconds old: outside the grace of 30."""
    used = update(refresh_tokens).where(refresh_tokens.c.token_hash == hash_token(token))
    with database_of(server) as connection:
        assert connection.execute(used.values(used_at=now() - timedelta(seconds=seconds))).rowcount


def events(server: ServerProcess, person: Person) -> list[str]:
    """What the audit log tells of the user, the oldest first."""
    found = select(audit.c.event).where(audit.c.user_id == UUID(person.id)).order_by(audit.c.id)
    with database_of(server) as connection:
        return list(connection.execute(found).scalars())


def test_reuse_ends_the_session_on_another_process(
    server: ServerProcess, twin: ServerProcess, alice: Person
) -> None:
    stolen = alice.tokens["refresh_token"]
    successor = refresh(alice.http, stolen).json()
    use_long_ago(server, stolen)
    with alice.at(twin) as elsewhere:
        elsewhere.headers["x-access-token"] = successor["access_token"]
        assert elsewhere.get("/api/users/me").status_code == 200
        assert refresh(alice.http, stolen).json()["code"] == "session_ended"
        assert elsewhere.get("/api/users/me").json()["code"] == "session_ended"
        assert refresh(elsewhere, successor["refresh_token"]).json()["code"] == "session_ended"
    assert events(server, alice) == ["login", "rotated", "reuse"]


def test_fifty_refreshes_at_once_have_one_successor(
    server: ServerProcess, twin: ServerProcess, alice: Person
) -> None:
    token = alice.tokens["refresh_token"]

    def one(number: int) -> httpx2.Response:
        with alice.at(twin if number % 2 else server) as http:
            return refresh(http, token)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(one, range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert count_tokens(server, alice) == 2


def test_a_crash_between_the_commit_and_the_reply_loses_no_login(
    server: ServerProcess, fake: FakeAnthropic, new_person: Any, tmp_path: Path
) -> None:
    dying = serving(tmp_path, fake, server.database_url, ASKCLI_ANSWERER="scripted")
    person = new_person(dying)
    token = person.tokens["refresh_token"]
    with Proxy(dying.url) as proxy:
        proxy.cut_after(1)
        cut = httpx2.Client(base_url=proxy.url, trust_env=False)
        with cut, pytest.raises(httpx2.TransportError):
            refresh(cut, token)
    assert count_tokens(server, person) == 2  # committed, and nobody has heard of it
    dying.stop(9)
    again = dying.again()
    with person.at(again) as http:
        first, second = refresh(http, token).json(), refresh(http, token).json()
    assert first["refresh_token"] == second["refresh_token"] != token
    assert count_tokens(server, person) == 2
    assert again.stop() == 0


def test_a_retry_gets_its_successor_also_after_the_secret_was_changed(
    server: ServerProcess, fake: FakeAnthropic, new_person: Any, tmp_path: Path
) -> None:
    person = new_person(server)
    successor = refresh(person.http, person.tokens["refresh_token"]).json()
    secrets = {"JWT_SECRET": uuid4().hex * 2, "JWT_SECRET_PREVIOUS": SECRET}
    secrets["ASKCLI_ANSWERER"] = "scripted"
    changed = serving(tmp_path, fake, server.database_url, **secrets)
    with person.at(changed) as http:
        again = refresh(http, person.tokens["refresh_token"]).json()
        assert again["refresh_token"] == successor["refresh_token"]
        assert http.get("/api/users/me").status_code == 200  # the old secret still verifies
        http.headers["x-access-token"] = again["access_token"]
        assert http.get("/api/users/me").status_code == 200
    assert changed.stop() == 0
    person.http.headers["x-access-token"] = again["access_token"]
    assert person.http.get("/api/users/me").status_code == 401  # of a secret unknown here


def test_only_digests_of_tokens_are_stored(server: ServerProcess, alice: Person) -> None:
    token = alice.tokens["refresh_token"]
    with database_of(server) as connection:
        kept = set(connection.execute(select(refresh_tokens.c.token_hash)).scalars())
    assert hash_token(token) in kept
    assert token not in kept
    derived = refresh(alice.http, token).json()["refresh_token"]
    assert len(derived) == len(token) == 43  # 256 bits


def test_sessions_are_listed_and_ended(alice: Person, twin: ServerProcess) -> None:
    login = {"email": alice.email, "password": PASSWORD}
    with alice.at(twin) as other:
        headers = {"user-agent": "script/1.0"}
        tokens = other.post("/api/auth/login", json=login, headers=headers).json()
        other.headers["x-access-token"] = tokens["access_token"]
        newest, oldest = alice.http.get("/api/sessions").json()["items"]
        assert (newest["client"], newest["address"]) == ("script/1.0", "127.0.0.1")
        assert (newest["current"], oldest["current"]) == (False, True)
        assert newest["created_at"] <= newest["last_used_at"]
        assert alice.http.delete(f"/api/sessions/{newest['id']}").status_code == 204
        assert alice.http.delete(f"/api/sessions/{newest['id']}").status_code == 404
        assert other.get("/api/users/me").json()["code"] == "session_ended"
        assert alice.http.get("/api/users/me").status_code == 200


def test_ending_all_sessions_ends_this_one_too(alice: Person, twin: ServerProcess) -> None:
    with alice.at(twin) as other:
        assert other.delete("/api/sessions").status_code == 204
    assert alice.http.get("/api/users/me").json()["code"] == "session_ended"
    assert refresh(alice.http, alice.tokens["refresh_token"]).status_code == 401


def test_a_new_password_ends_the_other_sessions(alice: Person, twin: ServerProcess) -> None:
    login = {"email": alice.email, "password": PASSWORD}
    with alice.at(twin) as other:
        tokens = other.post("/api/auth/login", json=login).json()
        other.headers["x-access-token"] = tokens["access_token"]
        wrong = {"current_password": "not the password", "new_password": "another good one"}
        assert other.post("/api/users/me/password", json=wrong).status_code == 401
        right = wrong | {"current_password": PASSWORD}
        common = right | {"new_password": "password123"}
        assert "commonest" in other.post("/api/users/me/password", json=common).json()["detail"]
        assert alice.http.get("/api/users/me").status_code == 200  # nothing was changed yet
        assert other.post("/api/users/me/password", json=right).status_code == 204
        assert other.get("/api/users/me").status_code == 200
    assert alice.http.get("/api/users/me").json()["code"] == "session_ended"
    assert alice.http.post("/api/auth/login", json=login).status_code == 401
    login["password"] = "another good one"
    assert alice.http.post("/api/auth/login", json=login).status_code == 200


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
    told = {"session_ended", "cancelled"} if end in ("disable", "delete") else {"session_ended"}
    assert last.json()["code"] in told
    if end not in ("disable", "delete"):  # the answer itself goes on: it is still the user's
        assert httpx2.get(f"{twin.url}/metrics", trust_env=False).text.count("running 1") == 1
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
    more = ("$2b$04$" + "x" * 53,) if meanwhile == "reset_password" else ()
    with ThreadPoolExecutor(1) as pool:
        with database_of(server) as connection:
            getattr(admin, meanwhile)(connection, alice.email, *more)
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
            getattr(admin, how)(connection, person.email)


def _stops(server: ServerProcess) -> bool:
    """Whether the server comes to make no answer any more."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        text = httpx2.get(f"{server.url}/metrics", trust_env=False).text
        if "askcli_answers_running 0" in text:
            return True
        time.sleep(0.05)
    return False


def test_an_expired_session_is_over(server: ServerProcess, alice: Person) -> None:
    claims = jwt.decode(alice.tokens["access_token"], options={"verify_signature": False})
    own = update(sessions).where(sessions.c.id == UUID(claims["sid"]))
    with database_of(server) as connection:
        connection.execute(own.values(expires_at=now() - timedelta(seconds=1)))
    assert alice.http.get("/api/users/me").json()["code"] == "session_ended"
    assert refresh(alice.http, alice.tokens["refresh_token"]).json()["code"] == "session_ended"


def test_a_disabled_user_is_told_once_they_have_shown_who_they_are(
    server: ServerProcess, alice: Person, cli: Cli
) -> None:
    with database_of(server) as connection:
        admin.disable(connection, alice.email)
    login = {"email": alice.email, "password": PASSWORD}
    answer = alice.http.post("/api/auth/login", json=login)
    assert (answer.status_code, answer.json()["code"]) == (403, "account_disabled")
    wrong = alice.http.post("/api/auth/login", json=login | {"password": "not the password"})
    assert wrong.json()["code"] == "invalid_credentials"
    done = cli("login", "--email", alice.email, "--password-stdin", stdin=PASSWORD)
    assert (done.code, "disabled" in done.err) == (4, True)
    with database_of(server) as connection:
        admin.enable(connection, alice.email)
    assert alice.http.post("/api/auth/login", json=login).status_code == 200
    assert alice.http.get("/api/users/me").status_code == 401  # the old session stays ended
