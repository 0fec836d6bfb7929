"""What HTTP itself promises: HEAD, Allow, media types, Location, challenges, entity tags."""

from __future__ import annotations

import gzip
import http.client
import json
from pathlib import Path

import pytest

from tests.support import plain_http
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person
from tests.support.processes import ServerProcess
from tests.support.raw_http import answer_to
from tests.support.servers import customized, serving

JSON = {"content-type": "application/json"}


def test_head_is_get_without_its_body(alice: Person) -> None:
    question = alice.ask("hello").json()["id"]
    paths = ("/healthz", "/api/users/me", f"/api/questions/{question}", "/openapi.json", "/docs")
    for path in paths:
        got, head = alice.http.get(path), alice.http.head(f"{path}/")
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-length"] == str(len(got.content)), path
    stream = alice.http.head(f"/api/questions/{question}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert alice.http.head("/api/questions/none").status_code == 422


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/healthz", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
        ("/docs", "GET, HEAD"),
        ("/docs/files/swagger-ui.css", "GET, HEAD"),
        ("/api/users", "POST"),
        ("/api/questions/x", "DELETE, GET, HEAD"),
        ("/api/sessions", "DELETE, GET, HEAD"),
        ("/api/tokens", "GET, HEAD, POST"),
    ],
)
def test_what_a_path_takes_is_told_with_405(alice: Person, path: str, allowed: str) -> None:
    for url in (path, f"{path}/"):
        refused = alice.http.put(url, json={})
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed)


def test_what_is_made_has_a_location(alice: Person) -> None:
    response = alice.ask("hello")
    made = alice.http.post("/api/tokens", json={"name": "ci", "scopes": ["read"]})
    person = {"name": "A", "email": f"new-{alice.email}", "password": "a good password"}
    registered = alice.http.post("/api/users", json=person)
    for path, answer in (("questions", response), ("tokens", made), ("users", registered)):
        assert answer.headers["location"] == f"/api/{path}/{answer.json()['id']}"
    assert alice.http.get(response.headers["location"]).json() == response.json()


def test_a_challenge_says_what_is_wrong_with_the_token(alice: Person) -> None:
    token = alice.http.post("/api/tokens", json={"name": "ci", "scopes": ["ask"]}).json()["token"]

    def challenge(path: str, **headers: str) -> str:
        url = f"{alice.http.base_url}{path}"
        return plain_http.get(url, headers=headers).headers["www-authenticate"]

    assert challenge("/api/users/me") == 'Bearer realm="askcli"'
    wrong = challenge("/api/users/me", authorization="Bearer x")
    assert wrong == 'Bearer realm="askcli", error="invalid_token"'
    missing = challenge("/api/users/me/questions", authorization=f"Bearer {token}")
    assert missing == 'Bearer realm="askcli", error="insufficient_scope", scope="read"'


def test_no_content_has_no_type(alice: Person) -> None:
    deleted = alice.http.delete(f"/api/questions/{alice.ask('hello').json()['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert "content-type" not in deleted.headers


def test_a_compressed_body_is_unsupported(alice: Person) -> None:
    body = gzip.compress(json.dumps({"question": "hello"}).encode())
    refused = alice.http.post(
        "/api/questions", content=body, headers=JSON | {"content-encoding": "gzip"}
    )
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")


def test_a_known_document_is_not_sent_again(alice: Person) -> None:
    got = alice.http.get("/openapi.json")
    for etag in (got.headers["etag"], f'"other", W/{got.headers["etag"]}', "*"):
        again = alice.http.get("/openapi.json", headers={"if-none-match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == got.headers["etag"]
    changed = alice.http.get("/openapi.json", headers={"if-none-match": '"other"'})
    assert changed.json() == got.json()


@pytest.mark.parametrize("blanks", [" ", "\t \t"])
def test_blanks_around_a_headers_value_are_no_part_of_it(
    server: ServerProcess, alice: Person, blanks: str
) -> None:
    """A key with them is the same key: the question is not asked, and paid for, once more."""
    content = json.dumps({"question": "once"})
    key = f"key-{len(blanks)}"
    fields = {
        "host": server.url.removeprefix("http://"),
        "connection": "close",
        "content-type": "application/json",
        "content-length": str(len(content)),
        "x-access-token": alice.tokens["access_token"],
        "idempotency-key": key,
        "x-request-id": key,
    }
    lines = [f"{name}:{blanks}{value}{blanks}" for name, value in fields.items()]
    head = "\r\n".join(["POST /api/questions HTTP/1.1", *lines, "", ""])
    answer, _, body = answer_to(server, (head + content).encode()).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert f"x-request-id: {key}\r\n".encode() in answer
    headers = {"idempotency-key": key}
    again = alice.http.post("/api/questions", json=json.loads(content), headers=headers)
    assert again.json() == json.loads(body)
    assert again.headers["idempotency-replayed"] == "true"


def test_a_list_may_be_in_several_headers(alice: Person) -> None:
    """Which is the same as one header with commas (RFC 9110, 5.3)."""
    accept = [("accept", "application/json;q=0.5"), ("accept", "text/event-stream")]
    for headers in (accept, accept[::-1]):
        response = alice.http.post("/api/questions", json={"question": "hello"}, headers=headers)
        assert response.headers["content-type"].startswith("text/event-stream")
    tag = alice.http.get("/openapi.json").headers["etag"]
    known = [("if-none-match", '"other"'), ("if-none-match", tag)]
    assert alice.http.get("/openapi.json", headers=known).status_code == 304


FAILING = """
from askcli.services.readiness import ReadinessCheck

async def fail(self):
    raise LookupError

ReadinessCheck.check = fail
"""


def test_a_connection_is_kept_or_closed_as_the_response_to_a_failed_request_says(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> None:
    server = serving(tmp_path, fake, new_database("sqlite"), **customized(tmp_path, FAILING))
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    for path, status in ("/readyz", 500), ("/healthz", 200):
        connection.request("GET", path)  # on a new connection where the last response says so
        with connection.getresponse() as response:
            assert (response.status, bool(response.read())) == (status, True)
    connection.close()
    assert server.stop() == 0
