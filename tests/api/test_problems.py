"""Every error is a problem document, and the service lives on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from askcli.problems import BY_CODE
from tests.support.people import Person

UNKNOWN = "01890000-0000-7000-8000-000000000000"


def _in_chunks() -> Iterator[bytes]:
    yield from [b"a" * 500_000] * 6


def _body(content: Any) -> dict[str, Any]:
    return {"content": content, "headers": {"content-type": "application/json"}}


BAD_BODIES = [
    (_body(b'{"question'), "malformed_json"),
    (_body(b"\xff\xfe"), "malformed_json"),
    (_body(b"[" * 4_000), "malformed_json"),
    (_body(b"[" * 100_000), "invalid_request"),
    ({"content": b"question=why"}, "unsupported_media_type"),
    ({"content": b"{}", "headers": {"content-type": "text/plain"}}, "unsupported_media_type"),
    (_body(b"a" * 3_000_000), "payload_too_large"),
    (_body(_in_chunks), "payload_too_large"),
    (_body(b'{"question": "\\ud800"}'), "invalid_request"),
    ({"json": {}}, "invalid_request"),
    ({"json": []}, "invalid_request"),
    ({"json": {"question": ""}}, "invalid_request"),
    ({"json": {"question": " \n\t "}}, "invalid_request"),
    ({"json": {"question": "a\0b"}}, "invalid_request"),
    ({"json": {"question": "a" * 1_048_576}}, "invalid_request"),
    ({"json": {"question": "a", "max_tokens": 0}}, "invalid_request"),
    ({"json": {"question": "a", "sytem": "typo"}}, "invalid_request"),
    ({"json": {"question": "a", "conversation_id": "x"}}, "invalid_request"),
]


BAD_PATHS = [
    ("GET", "/nothing/here", "not_found"),
    ("PUT", "/api/users", "method_not_allowed"),
    ("POST", "/healthz", "method_not_allowed"),
    ("GET", f"/api/questions/{UNKNOWN}", "not_found"),
    ("GET", f"/api/users/{UNKNOWN}", "not_found"),
    ("GET", "/api/questions/not-an-id", "invalid_request"),
    ("DELETE", "/api/questions/not-an-id", "invalid_request"),
    ("GET", "/api/users/not-an-id/questions", "invalid_request"),
    ("GET", "/api/users/me/questions?limit=101", "invalid_request"),
    ("GET", "/api/users/me/questions?cursor=x", "invalid_request"),
    ("GET", "/api/users/me/questions?since=yesterday", "invalid_request"),
    ("GET", "/api/users/me/questions?since=0001-01-01T00:00:00%2B14:00", "invalid_request"),
    ("GET", "/api/users/me/questions?until=9999-12-31T23:59:59-14:00", "invalid_request"),
]


@pytest.mark.parametrize(("more", "code"), BAD_BODIES)
def test_a_bad_body_is_a_problem(alice: Person, more: dict[str, Any], code: str) -> None:
    content = more.get("content")
    sent = more | {"content": content()} if callable(content) else more
    _is_problem(alice, alice.http.post("/api/questions", **sent), code)
    assert alice.http.get("/api/users/me/questions").json()["items"] == []


@pytest.mark.parametrize(("method", "path", "code"), BAD_PATHS)
def test_a_bad_path_is_a_problem(alice: Person, method: str, path: str, code: str) -> None:
    _is_problem(alice, alice.http.request(method, path), code)


def test_a_body_without_a_question_is_told_of_none(alice: Person) -> None:
    refused = alice.http.post("/api/auth/login", json={"email": "a", "password": "a" * 70_000})
    assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")
    assert refused.json()["detail"] == "The body is too large; send less."


@pytest.mark.parametrize("path", ["", "/questions", "/usage"])
def test_a_parameter_of_several_types_is_one_field(alice: Person, path: str) -> None:
    problem = alice.http.get(f"/api/users/not-an-id{path}").json()
    assert problem["errors"] == [{"field": "user_id", "message": "must be an id (a UUID)"}]
    assert problem["detail"] == "user_id: must be an id (a UUID)."


def _is_problem(alice: Person, answer: httpx2.Response, code: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (BY_CODE[code].status, code)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem)
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    assert alice.http.get("/readyz").json()["status"] == "ok"


def test_a_request_id_is_kept_when_it_is_one(alice: Person) -> None:
    given = alice.http.get("/healthz", headers={"x-request-id": "abc-123"})
    assert given.headers["x-request-id"] == "abc-123"
    strange = alice.http.get("/healthz", headers={"x-request-id": "a b;c"})
    assert strange.headers["x-request-id"] != "a b;c"


def test_every_route_is_documented_with_its_problems(alice: Person) -> None:
    document = alice.http.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) == 29
    for path, method, operation in operations:
        if path.startswith("/api/") and not path.endswith(("/users", "/login", "/refresh")):
            assert "401" in operation["responses"], (path, method)
            assert operation["security"], (path, method)


def test_the_docs_page_needs_no_internet(alice: Person) -> None:
    page = alice.http.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text.replace("https://fastapi.tiangolo.com", "")
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/docs/files/{asset}" in page.text
        assert alice.http.get(f"/docs/files/{asset}").status_code == 200


def test_the_docs_page_says_its_language_and_is_in_no_frame(alice: Person) -> None:
    """A page of another site that frames it could have a token that was entered there used."""
    page = alice.http.get("/docs")
    assert '<html lang="en">' in page.text
    assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
