"""Accounts over HTTP: register, log in, refresh, log out, read oneself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from tests.support.people import Person
from tests.support.processes import ServerProcess
from tests.support.secrets import PASSWORD, SECRET


def test_register_answers_the_user_and_no_password(alice: Person) -> None:
    body = {"name": "  Zoë ", "email": f"Z{alice.email}", "password": PASSWORD}
    answer = alice.http.post("/api/users/", json=body)
    assert answer.status_code == 201
    assert answer.json() == {
        "id": answer.json()["id"],
        "name": "Zoë",
        "email": f"Z{alice.email}",
        "created_at": answer.json()["created_at"],
    }
    assert "password" not in answer.text
    assert answer.json()["created_at"].endswith("Z")


def test_an_email_is_taken_whatever_its_case(alice: Person) -> None:
    body = {"name": "A", "email": alice.email.upper(), "password": PASSWORD}
    answer = alice.http.post("/api/users", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "x" * 73),
        ("password", "é" * 37),
        ("password", "p4ss-w0rd"),
        ("password", "nul\0 in the middle"),
        ("email", "n0-at-sign"),
        ("email", "two\nlines@example.org"),
        ("name", "\x1b[31mred"),
        ("name", 70707),
    ],
)
def test_a_bad_field_is_refused_by_name_and_not_repeated(
    alice: Person, field: str, value: Any
) -> None:
    body = {"name": "A", "email": f"x{alice.email}", "password": PASSWORD} | {field: value}
    answer = alice.http.post("/api/users", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert field in answer.json()["detail"]
    assert str(value) not in answer.text
    login = {"email": f"x{alice.email}", "password": PASSWORD}
    assert alice.http.post("/api/auth/login", json=login).status_code == 401


def test_wrong_email_and_wrong_password_look_the_same(alice: Person) -> None:
    wrong_password = {"email": alice.email, "password": "not the password"}
    wrong_email = {"email": "nobody@example.org", "password": PASSWORD}
    answers = [
        alice.http.post("/api/auth/login", json=body).json()
        for body in (wrong_password, wrong_email)
    ]
    for answer in answers:
        answer.pop("request_id")
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "invalid_credentials"


def test_a_73_byte_password_does_not_log_in_as_its_first_72(
    alice: Person, server: ServerProcess
) -> None:
    password = "long" * 18
    body = {"name": "A", "email": f"long{alice.email}", "password": password}
    assert alice.http.post("/api/users", json=body).status_code == 201
    login = {"email": f"long{alice.email}", "password": password}
    assert alice.http.post("/api/auth/login", json=login).status_code == 200
    longer = login | {"password": password + "p"}
    assert alice.http.post("/api/auth/login", json=longer).status_code == 401


def test_one_reads_oneself_and_nobody_else(alice: Person, bob: Person) -> None:
    own = alice.http.get(f"/api/users/{alice.id}").json()
    assert own["email"] == alice.email
    assert alice.http.get("/api/users/me").json() == own
    for path in (f"/api/users/{bob.id}", f"/api/users/{bob.id}/questions"):
        assert alice.http.get(path).status_code == 404


def test_refresh_rotates_and_a_retry_gets_the_same_successor(alice: Person) -> None:
    old = {"refresh_token": alice.tokens["refresh_token"]}
    first, retried = (alice.http.post("/api/auth/refresh", json=old).json() for _ in range(2))
    assert first["refresh_token"] == retried["refresh_token"] != old["refresh_token"]
    assert first["user"]["email"] == alice.email
    alice.http.headers["x-access-token"] = first["access_token"]
    assert alice.http.get("/api/users/me").status_code == 200


def test_an_unknown_refresh_token_is_refused(alice: Person) -> None:
    answer = alice.http.post("/api/auth/refresh", json={"refresh_token": "made up"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert "made up" not in answer.text


def test_logout_ends_the_session_at_once(alice: Person) -> None:
    assert alice.http.post("/api/auth/logout").status_code == 204
    answer = alice.http.get("/api/users/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
    old = {"refresh_token": alice.tokens["refresh_token"]}
    answer = alice.http.post("/api/auth/refresh", json=old)
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")


def _claims(person: Person, **changed: Any) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        person.tokens["access_token"], options={"verify_signature": False}
    )
    return claims | changed


def _forged(person: Person, kind: str) -> str:
    past = datetime.now(UTC) - timedelta(hours=1)
    forge: dict[str, Callable[[], str]] = {
        "expired": lambda: jwt.encode(_claims(person, exp=past), SECRET),
        "tampered": lambda: person.tokens["access_token"][:-4] + "AAAA",
        "alg none": lambda: jwt.encode(_claims(person), "", algorithm="none"),
        "other secret": lambda: jwt.encode(_claims(person), "x" * 40),
        "other audience": lambda: jwt.encode(_claims(person, aud="elsewhere"), SECRET),
        "no session": lambda: jwt.encode(
            {k: v for k, v in _claims(person).items() if k != "sid"}, SECRET
        ),
        "HS512": lambda: jwt.encode(_claims(person), SECRET * 2, algorithm="HS512"),
        "not a token": lambda: "garbage",
    }
    return forge[kind]()


@pytest.mark.parametrize(
    "kind",
    [
        "expired", "tampered", "alg none", "other secret", "other audience", "no session", "HS512",
        "not a token",
    ],
)  # fmt: skip
def test_a_forged_token_is_nobody(alice: Person, kind: str) -> None:
    alice.http.headers["x-access-token"] = _forged(alice, kind)
    answer = alice.http.get("/api/users/me")
    code = "token_expired" if kind == "expired" else "invalid_token"
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_both_headers_must_agree(alice: Person, bob: Person) -> None:
    own = f"Bearer {alice.tokens['access_token']}"
    other = f"Bearer {bob.tokens['access_token']}"
    me = "/api/users/me"
    assert alice.http.get(me, headers={"authorization": own}).status_code == 200
    assert alice.http.get(me, headers={"authorization": other}).status_code == 401
    del alice.http.headers["x-access-token"]
    assert alice.http.get(me, headers={"authorization": own}).status_code == 200
    for name, prefix in (("authorization", "Bearer "), ("x-access-token", "")):
        values = [prefix + person.tokens["access_token"] for person in (alice, bob)]
        for first, second, status in ((0, 1, 401), (1, 0, 401), (0, 0, 200)):
            twice = [(name, values[first]), (name, values[second])]
            assert alice.http.get(me, headers=twice).status_code == status
    assert alice.http.get(me).json()["code"] == "not_authenticated"
